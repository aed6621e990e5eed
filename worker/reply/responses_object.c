/* The response object of each lifecycle event and of a whole answer. */
#include "worker/reply/responses_object.h"

#include "worker/reply/output_item.h"

#define ECHO_MAX  ((size_t)64 << 20) /* the request had room, too */
#define SHORT_MAX 16384u             /* bytes: metadata as OpenAI takes it has 10,000 */

/* --- what does not change -------------------------------------------------------------------- */

/* A request may have long ones: the last event repeats them, those at the beginning do without. */
static bool is_long(struct str name, struct str value)
{
    return value.n > SHORT_MAX || text_eq(name, STR("instructions")) || text_eq(name, STR("tools"));
}

static void put_echoes(struct buf *out, const struct responses_echo *echo, bool longs, bool told)
{
    const struct {
        struct str name, key, value, absent; /* key: as it stands behind another member */
    } rows[] = {
#define ROW(member, none) {STR(#member), STR(",\"" #member "\":"), echo->member, STR(none)},
        RESPONSES_WANTS_ECHOES(ROW)
#undef ROW
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (is_long(rows[i].name, rows[i].value) == longs) {
            buf_put_str(out, rows[i].key);
            buf_put_str(out, told && rows[i].value.p ? rows[i].value : rows[i].absent);
        }
    }
}

/* Behind the "_" of the response's id: items are "msg_..._0", "fc_..._1". */
static struct str tail_of(struct str id)
{
    size_t at;
    return text_find(id, STR("_"), &at) ? text_sub(id, at + 1, id.n) : id;
}

bool responses_object_init(struct responses_reply *r)
{
    struct buf b;
    buf_init(&b, ECHO_MAX);
    BUF_LIT(&b, "{\"id\":\"");
    json_escape(&b, r->base.id);
    BUF_LIT(&b, "\",\"object\":\"response\",\"created_at\":");
    buf_put_u64(&b, (uint64_t)r->wants.created_s);
    BUF_LIT(&b, ",\"model\":\"");
    json_escape(&b, r->base.reply.client_model);
    BUF_LIT(&b, "\",\"background\":false,\"previous_response_id\":null,\"store\":false");
    put_echoes(&b, &r->wants.echo, false, true);
    BUF_LIT(&b, ",\"status\":\"");
    if (buf_ok(&b)) {
        r->head = arena_dup(r->base.arena, buf_str(&b));
    }
    buf_free(&b);
    r->id_tail = tail_of(r->base.id);
    return r->head.p != NULL;
}

/* --- the object ------------------------------------------------------------------------------ */

/* input_tokens count the cached ones, too. */
static void put_usage(const struct reply *r, struct buf *out)
{
    const struct tokens *u = &r->usage.tokens;
    uint64_t input = u->input + u->cache_read + tokens_written(u);
    BUF_LIT(out, "{\"input_tokens\":");
    buf_put_u64(out, input);
    BUF_LIT(out, ",\"input_tokens_details\":{\"cached_tokens\":");
    buf_put_u64(out, u->cache_read);
    BUF_LIT(out, ",\"cache_write_tokens\":");
    buf_put_u64(out, tokens_written(u));
    BUF_LIT(out, "},\"output_tokens\":");
    buf_put_u64(out, u->output);
    BUF_LIT(out, ",\"output_tokens_details\":{\"reasoning_tokens\":");
    buf_put_u64(out, r->thinking);
    BUF_LIT(out, "},\"total_tokens\":");
    buf_put_u64(out, input + u->output);
    BUF_LIT(out, "}");
}

static void put_trouble(const struct responses_ending *e, struct buf *out)
{
    BUF_LIT(out, "\",\"error\":"); /* ends the status */
    if (e->code.p) {
        BUF_LIT(out, "{\"code\":\"");
        json_escape(out, e->code);
        BUF_LIT(out, "\",\"message\":\"");
        json_escape(out, e->message);
        BUF_LIT(out, "\"}");
    } else {
        BUF_LIT(out, "null");
    }
    if (e->incomplete) {
        BUF_LIT(out, ",\"incomplete_details\":{\"reason\":\"");
        buf_put_str(out, text_from(e->incomplete));
        BUF_LIT(out, "\"}");
    } else {
        BUF_LIT(out, ",\"incomplete_details\":null");
    }
}

void responses_object_put(const struct responses_reply *r, const struct responses_ending *e,
                          struct buf *out)
{
    buf_put_str(out, r->head);
    buf_put_str(out, text_from(e->status));
    put_trouble(e, out);
    put_echoes(out, &r->wants.echo, true, e->last);
    if (!e->last) {
        BUF_LIT(out, ",\"output\":[],\"usage\":null}");
        return;
    }
    BUF_LIT(out, ",\"output\":[");
    buf_put_str(out, buf_str(&r->output));
    BUF_LIT(out, "],\"usage\":");
    put_usage(&r->base.reply, out);
    BUF_LIT(out, "}");
}

void responses_object_event(struct responses_reply *r, struct str type,
                            const struct responses_ending *e, struct buf *out)
{
    output_item_event(r, type, out);
    BUF_LIT(out, ",\"response\":");
    responses_object_put(r, e, out);
    BUF_LIT(out, "}\n\n");
}
