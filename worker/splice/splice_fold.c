/*
 * Role "system" inside messages, for models that do not know it: the message is joined to the user
 * message before it, its text inside <system-reminder> tags, which is what Claude Code itself falls
 * back to.
 *
 *   {"role":"user","content":[A]},{"role":"system","content":[B]}
 *   -> {"role":"user","content":[A,<B>]}
 *
 * Neighbours that are joined stay where they are; only the bytes between their contents change:
 *
 *   {"role":"user","content":[A  ]},{"role":"system","content":[  B]}
 *                                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^   one edit: ","
 *
 * A string content becomes a list of one text block first. What stood behind the first message's
 * content (its role, say) follows the last content. A system message without a user message before
 * it becomes the user message, and takes the next one in: roles go on alternating.
 */
#include "worker/splice/splice_job.h"

#define OPEN_TAG  "<system-reminder>\\n" /* as inside a JSON string */
#define CLOSE_TAG "\\n</system-reminder>"

enum fate { FATE_ALONE, FATE_FIRST, FATE_JOINED, FATE_GONE };

struct message {
    scan_ref ref;
    scan_ref content;
    uint32_t items; /* blocks that stay in it */
    enum fate fate;
    bool system;
    bool assistant;
};

struct fold {
    struct splice_job *job;
    struct message *message;
    uint32_t n;
    uint32_t at; /* while filtering the list */
};

/* --- what is where ------------------------------------------------------------------------- */

static bool is_text(const struct scan *s, scan_ref block)
{
    return SCAN_IS(s, SCAN_GET(s, block, "type"), "text");
}

static uint32_t count_items(const struct scan *s, const struct message *m)
{
    uint32_t n = 0;
    if (scan_type(s, m->content) == SCAN_STRING) {
        return SCAN_IS(s, m->content, "") ? 0 : 1;
    }
    if (!m->system) {
        return scan_size(s, m->content);
    }
    for (scan_ref b = scan_first(s, m->content); b != SCAN_ABSENT;
         b = scan_next(s, m->content, b)) {
        n += is_text(s, b);
    }
    return n;
}

/* False when there is no system message (nothing to do) or no memory (m->n stays 0). */
static bool look(struct fold *f)
{
    const struct scan *s = f->job->s;
    scan_ref messages = f->job->r->messages;
    bool any = false;
    uint32_t i = 0;
    f->message = arena_alloc(s->arena, (scan_size(s, messages) + 1) * sizeof *f->message);
    if (!f->message) {
        return false;
    }
    f->n = scan_size(s, messages);
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT;
         m = scan_next(s, messages, m), i++) {
        scan_ref role = SCAN_GET(s, m, "role");
        struct message *x = &f->message[i];
        *x = (struct message){.ref = m,
                              .content = SCAN_GET(s, m, "content"),
                              .system = SCAN_IS(s, role, "system"),
                              .assistant = SCAN_IS(s, role, "assistant")};
        x->items = count_items(s, x);
        any |= x->system;
    }
    return any;
}

/* --- content: strings to lists, system text into tags -------------------------------------- */

static void tag_string(struct splice_job *j, scan_ref text)
{
    uint32_t open = edits_start(j->s, text) + 1, close = edits_end(j->s, text) - 1;
    edits_replace(&j->edits, open, open, STR(OPEN_TAG));
    edits_replace(&j->edits, close, close, STR(CLOSE_TAG));
}

/* "abc" -> {"type":"text","text":"abc"}; the brackets of the list come from open_list and
 * close_list. */
static void string_to_block(struct splice_job *j, const struct message *m)
{
    if (m->items == 0) {
        edits_value(&j->edits, m->content, STR(""));
        return;
    }
    edits_before(&j->edits, m->content, STR("{\"type\":\"text\",\"text\":"));
    if (m->system) {
        tag_string(j, m->content);
    }
    if (j->cache_spot == m->content) {
        edits_after(&j->edits, m->content, STR(","));
        edits_after(&j->edits, m->content, j->cache_json);
        j->cache_spot = SCAN_ABSENT;
    }
    edits_after(&j->edits, m->content, STR("}"));
}

/* tool_addition and the like cannot be said in a user message. */
static bool drops_non_text(void *ctx, scan_ref key, scan_ref block)
{
    struct splice_job *j = ctx;
    (void)key;
    if (is_text(j->s, block)) {
        return false;
    }
    if (tool_changes_definition(j->s, block) == SCAN_ABSENT) { /* it is among the tools */
        splice_note(j, PLAN_DROP, "system_block");
    }
    return true;
}

static void edit_content(struct splice_job *j, const struct message *m)
{
    const struct scan *s = j->s;
    if (!m->system || scan_type(s, m->content) != SCAN_ARRAY) {
        return;
    }
    for (scan_ref b = scan_first(s, m->content); b != SCAN_ABSENT;
         b = scan_next(s, m->content, b)) {
        if (is_text(s, b)) {
            tag_string(j, SCAN_GET(s, b, "text"));
        }
    }
    edits_filter(&j->edits, m->content, drops_non_text, j);
}

/* Offsets of the list inside the brackets; of a string, the whole. */
static uint32_t inner_start(const struct scan *s, scan_ref content)
{
    return edits_start(s, content) + (scan_type(s, content) == SCAN_ARRAY ? 1 : 0);
}

static uint32_t inner_end(const struct scan *s, scan_ref content)
{
    return edits_end(s, content) - (scan_type(s, content) == SCAN_ARRAY ? 1 : 0);
}

/* --- joining ------------------------------------------------------------------------------- */

/* What follows the content of the group's first message, to be put behind its last one. */
static bool build_tail(struct splice_job *j, const struct message *first, struct str *out)
{
    const struct scan *s = j->s;
    struct buf tail;
    buf_init(&tail, s->text.n + 64);
    for (scan_ref v = scan_next(s, first->ref, first->content); v != SCAN_ABSENT;
         v = scan_next(s, first->ref, v)) {
        scan_ref key = scan_key(s, v);
        if (SCAN_IS(s, key, "output_config") || SCAN_IS(s, key, "clear_at")) {
            continue;
        }
        buf_put_char(&tail, ',');
        buf_put_str(&tail, scan_raw(s, key));
        buf_put_char(&tail, ':');
        buf_put_str(&tail, SCAN_IS(s, key, "role") ? STR("\"user\"") : scan_raw(s, v));
    }
    buf_put_char(&tail, '}');
    *out = buf_ok(&tail) ? arena_dup(s->arena, buf_str(&tail)) : (struct str){NULL, 0};
    buf_free(&tail);
    return out->p != NULL;
}

static void open_group(struct splice_job *j, const struct message *first)
{
    const struct scan *s = j->s;
    if (scan_type(s, first->content) == SCAN_STRING) {
        edits_before(&j->edits, first->content, STR("["));
    }
    if (first->system) {
        edits_value(&j->edits, SCAN_GET(s, first->ref, "role"), STR("\"user\""));
    }
}

static bool close_group(struct splice_job *j, const struct message *first,
                        const struct message *last)
{
    const struct scan *s = j->s;
    struct str tail;
    if (scan_type(s, last->content) == SCAN_STRING) {
        edits_after(&j->edits, last->content, STR("]"));
    }
    if (first == last) {
        return true;
    }
    if (!build_tail(j, first, &tail)) {
        return false;
    }
    edits_replace(&j->edits, edits_end(s, last->content), edits_end(s, last->ref), tail);
    return true;
}

/* messages [from, to) become one user message. */
static bool join(struct fold *f, uint32_t from, uint32_t to)
{
    struct splice_job *j = f->job;
    uint32_t items = 0, all = 0;
    for (uint32_t i = from; i < to; i++) {
        all += f->message[i].items;
    }
    for (uint32_t i = from; i < to; i++) {
        f->message[i].fate = all == 0 ? FATE_GONE : i == from ? FATE_FIRST : FATE_JOINED;
    }
    if (all == 0) {
        return true;
    }
    open_group(j, &f->message[from]);
    for (uint32_t i = from; i < to; i++) {
        const struct message *m = &f->message[i];
        if (i > from) {
            edits_replace(&j->edits, inner_end(j->s, m[-1].content), inner_start(j->s, m->content),
                          items > 0 && m->items > 0 ? STR(",") : STR(""));
        }
        if (scan_type(j->s, m->content) == SCAN_STRING) {
            string_to_block(j, m);
        } else {
            edit_content(j, m);
        }
        items += m->items;
    }
    return close_group(j, &f->message[from], &f->message[to - 1]);
}

/* --- groups -------------------------------------------------------------------------------- */

static bool drops_message(void *ctx, scan_ref key, scan_ref message)
{
    struct fold *f = ctx;
    (void)key;
    (void)message;
    return f->message[f->at++].fate == FATE_GONE;
}

/* From the user message before the first system message to the next assistant message. */
static bool join_all(struct fold *f)
{
    uint32_t i = 0;
    while (i < f->n) {
        uint32_t from, to;
        while (i < f->n && !f->message[i].system) {
            i++;
        }
        if (i == f->n) {
            break;
        }
        from = i > 0 && !f->message[i - 1].assistant ? i - 1 : i;
        for (to = i; to < f->n && !f->message[to].assistant; to++) {
            continue;
        }
        if (!join(f, from, to)) {
            return false;
        }
        i = to;
    }
    return true;
}

enum status splice_fold(struct splice_job *j, struct err *err)
{
    struct fold f = {.job = j};
    if (!look(&f)) {
        return f.message ? STATUS_OK : err_no_memory(err);
    }
    splice_note(j, PLAN_MAP, "system_role");
    if (!join_all(&f)) {
        return err_no_memory(err);
    }
    edits_filter(&j->edits, j->r->messages, drops_message, &f);
    return STATUS_OK;
}
