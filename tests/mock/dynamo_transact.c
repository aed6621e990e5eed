/* TransactWriteItems: Put and Update of up to 100 items, all of them or none. */
#include "tests/mock/dynamo_mock.h"

#include <stdio.h>
#include <string.h>

#define ITEMS_MAX 100

static const struct {
    struct str member, op;
} actions[] = {{STR("Put"), STR("PutItem")}, {STR("Update"), STR("UpdateItem")}};

/* One action as a request of its own; false: it is none. */
static bool part_of(struct dynamo_call *c, scan_ref entry, struct dynamo_answer *answer,
                    struct dynamo_call *out, struct str *op_out)
{
    static const struct scan_limits limits = {64, 1000000, 10000, 64};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        scan_ref r = scan_get(&c->scan, entry, actions[i].member);
        if (r == SCAN_ABSENT)
            continue;
        *out = (struct dynamo_call){.mock = c->mock, .arena = c->arena, .answer = answer};
        *op_out = actions[i].op;
        if (scan_parse(&out->scan, c->arena, scan_raw(&c->scan, r), &limits, NULL) != STATUS_OK)
            return false;
        out->table_name = scan_text(&out->scan, SCAN_GET(&out->scan, 0, "TableName"));
        out->table = store_table(&c->mock->store, out->table_name);
        c->table_name = c->table_name.n ? c->table_name : out->table_name; /* for the log */
        return true;
    }
    return false;
}

/* Runs all; the reasons, one for each, into text. Returns whether all succeeded. */
static bool run_all(struct dynamo_call *c, scan_ref list, bool dry, char *text, size_t size)
{
    bool good = true;
    size_t n = 0;
    for (scan_ref v = scan_first(&c->scan, list); v != SCAN_ABSENT;
         v = scan_next(&c->scan, list, v)) {
        struct dynamo_answer answer = {.status = 200};
        struct dynamo_call part;
        struct str op;
        const char *reason = "None";
        buf_init(&answer.body, 1 << 20);
        if (!part_of(c, v, &answer, &part, &op)) {
            reason = "ValidationError";
        } else {
            part.dry = dry;
            dynamo_operation(&part, op);
            reason = !part.result[0] ? "None"
                     : !strcmp(part.result, "ConditionalCheckFailedException")
                         ? "ConditionalCheckFailed"
                         : "ValidationError";
        }
        good = good && !strcmp(reason, "None");
        if (n < size)
            n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : "", reason);
        buf_free(&answer.body);
    }
    return good;
}

void dynamo_transact(struct dynamo_call *c)
{
    char reasons[300] = "";
    scan_ref list = SCAN_GET(&c->scan, 0, "TransactItems");
    uint32_t n = scan_size(&c->scan, list);
    if (scan_type(&c->scan, list) != SCAN_ARRAY || n == 0 || n > ITEMS_MAX) {
        dynamo_refuse(c, 400, "ValidationException", "TransactItems: 1 to %d are needed",
                      ITEMS_MAX);
        return;
    }
    if (!run_all(c, list, true, reasons, sizeof reasons)) {
        dynamo_refuse(
            c, 400, "TransactionCanceledException",
            "Transaction cancelled, please refer cancellation reasons for specific reasons "
            "[%s]",
            strstr(reasons, "ConditionalCheckFailed") && !strstr(reasons, "ValidationError")
                ? "ConditionalCheckFailed"
                : reasons);
        return;
    }
    run_all(c, list, false, reasons, sizeof reasons);
    BUF_LIT(&c->answer->body, "{}");
}
