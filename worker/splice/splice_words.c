/*
 * What the model refuses as a field is asked for in words (structured output, a call that has to be
 * made), at the end of `system`, whatever that is so far.
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
    const struct plan *p = j->plan;
    struct arena *a = j->s->arena;
    struct str format = {"", 0}, call = {"", 0};
    if (p->format.how == PLAN_FORMAT_WORDS) {
        format = json_wish(a, p->left.format.schema.text);
    }
    if (p->tools.in_words) {
        call = json_wish_call(a, p->left.choice.name);
    }
    if (!format.p || !call.p) {
        return text_from(NULL);
    }
    return text_from(arena_printf(a, "%s%.*s%s%.*s%s", before, STR_ARG(call),
                                  call.n > 0 && format.n > 0 ? "\\n\\n" : "", STR_ARG(format),
                                  after));
}

static scan_ref last_of(const struct scan *s, scan_ref list)
{
    scan_ref last = SCAN_ABSENT;
    for (scan_ref v = scan_first(s, list); v != SCAN_ABSENT; v = scan_next(s, list, v)) {
        last = v;
    }
    return last;
}

static struct str append_block(struct splice_job *j, scan_ref system)
{
    scan_ref last = last_of(j->s, system);
    struct str block = put_together(j,
                                    last == SCAN_ABSENT ? "{\"type\":\"text\",\"text\":\""
                                                        : ",{\"type\":\"text\",\"text\":\"",
                                    "\"}");
    if (last == SCAN_ABSENT) {
        edits_inside(&j->edits, system, block);
    } else {
        edits_after(&j->edits, last, block);
    }
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

enum status splice_words(struct splice_job *j, struct err *err)
{
    scan_ref system = SCAN_GET(j->s, 0, "system");
    struct str put;
    if (j->plan->format.how != PLAN_FORMAT_WORDS && !j->plan->tools.in_words) {
        return STATUS_OK;
    }
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
    return put.p ? STATUS_OK : err_no_memory(err);
}
