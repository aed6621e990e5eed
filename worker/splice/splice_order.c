#include "worker/splice/splice_order.h"

enum which { NO_BLOCK, OPEN_BLOCK, NEXT_BLOCK };

#define AT(place) (1u << SPLICE_ORDER_##place)

/* The commonest first: an answer is nearly all deltas. */
static const struct {
    struct str type;
    unsigned places; /* where it may stand */
    enum which which;
    enum splice_order_place then;
} rows[] = {
    {{"content_block_delta", 19}, AT(INSIDE), OPEN_BLOCK, SPLICE_ORDER_INSIDE},
    {{"content_block_start", 19}, AT(BETWEEN), NEXT_BLOCK, SPLICE_ORDER_INSIDE},
    {{"content_block_stop", 18}, AT(INSIDE), OPEN_BLOCK, SPLICE_ORDER_BETWEEN},
    {{"message_start", 13}, AT(BEFORE), NO_BLOCK, SPLICE_ORDER_BETWEEN},
    {{"message_delta", 13}, AT(BETWEEN) | AT(ENDING), NO_BLOCK, SPLICE_ORDER_ENDING},
    {{"message_stop", 12}, AT(ENDING), NO_BLOCK, SPLICE_ORDER_AFTER},
};

static bool is_block(const struct splice_order *o, enum which which, int64_t index)
{
    return which == NO_BLOCK || index == (which == NEXT_BLOCK ? o->blocks : o->blocks - 1);
}

enum status splice_order_take(struct splice_order *o, struct str type, int64_t index,
                              struct err *err)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!text_eq(type, rows[i].type)) {
            continue;
        }
        if (!(rows[i].places & 1u << o->place) || !is_block(o, rows[i].which, index)) {
            return err_set(err, STATUS_UPSTREAM, "the model's events came in a wrong order (%.*s)",
                           STR_ARG(rows[i].type));
        }
        o->place = rows[i].then;
        o->blocks += rows[i].which == NEXT_BLOCK;
        return STATUS_OK;
    }
    return STATUS_OK;
}
