/*
 * Structured output in the request splice, for models whose InvokeModel refuses it: the wish in
 * words at the end of `system`, whatever that is so far.
 *
 *   absent                -> "system":"W"     (with the members that come in)
 *   null                  -> "W"
 *   "abc"                 -> "abc\n\nW"
 *   [{"type":"text",...}] -> [{"type":"text",...},{"type":"text","text":"W"}]
 */
#include "worker/splice/splice_job.h"

#include "worker/dialect/json_wish.h"

static struct str put_together(struct splice_job *j, const char *before, const char *after)
{
    struct str wish = json_wish(j->s->arena, j->schema);
    char *text =
        wish.p ? arena_printf(j->s->arena, "%s%.*s%s", before, STR_ARG(wish), after) : NULL;
    return text_from(text);
}

static scan_ref last_of(const struct scan *s, scan_ref list)
{
    scan_ref last = SCAN_ABSENT;
    for (scan_ref v = scan_first(s, list); v != SCAN_ABSENT; v = scan_next(s, list, v))
        last = v;
    return last;
}

static struct str append_block(struct splice_job *j, scan_ref system)
{
    scan_ref last = last_of(j->s, system);
    struct str block = put_together(j,
                                    last == SCAN_ABSENT ? "{\"type\":\"text\",\"text\":\""
                                                        : ",{\"type\":\"text\",\"text\":\"",
                                    "\"}");
    if (last == SCAN_ABSENT)
        edits_inside(&j->edits, system, block);
    else
        edits_after(&j->edits, last, block);
    return block;
}

static struct str append_text(struct splice_job *j, scan_ref system)
{
    bool empty = SCAN_IS(j->s, system, "");
    struct str text = put_together(j, empty ? "" : "\\n\\n", "");
    uint32_t end = edits_end(j->s, system) - 1; /* before the closing quote */
    edits_replace(&j->edits, end, end, text);
    return text;
}

enum status splice_format(struct splice_job *j, struct err *err)
{
    scan_ref system = SCAN_GET(j->s, 0, "system");
    struct str put;
    if (j->schema.n == 0)
        return STATUS_OK;
    switch (scan_type(j->s, system)) {
    case SCAN_ARRAY:
        put = append_block(j, system);
        break;
    case SCAN_STRING:
        put = append_text(j, system);
        break;
    case SCAN_NULL:
        put = put_together(j, "\"", "\"");
        edits_value(&j->edits, system, put);
        break;
    default:
        put = put_together(j, "\"system\":\"", "\",");
        edits_inside(&j->edits, 0, put);
    }
    return put.p ? STATUS_OK : err_set(err, STATUS_INTERNAL, "out of memory");
}
