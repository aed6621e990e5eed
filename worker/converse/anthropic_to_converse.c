#include "worker/converse/anthropic_to_converse.h"

#include "worker/converse/anthropic_blocks.h"
#include "worker/converse/anthropic_tools.h"
#include "worker/converse/converse_settings.h"
#include "worker/dialect/history_text.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* --- system -------------------------------------------------------------------------------- */

/* Claude Code's first system block names the client for Anthropic's billing: noise for other
 * models, and it changes with every session, which would spoil their prompt caches. */
static void put_system_text(struct converse_build *b, const struct scan *s, scan_ref text)
{
    bool billing = text_starts(scan_raw(s, text), STR("\"x-anthropic-billing-header:"));
    if (scan_type(s, text) != SCAN_STRING) {
        return;
    }
    if (billing && !converse_build_has(b, MODELS_CLAUDE)) {
        converse_build_map(b, "billing_header");
    } else {
        converse_build_text_json(b, scan_raw(s, text));
    }
}

static void put_system(struct converse_build *b, const struct scan *s, scan_ref system)
{
    if (system == SCAN_ABSENT) {
        return;
    }
    converse_build_role(b, CONVERSE_SYSTEM);
    if (scan_type(s, system) == SCAN_STRING) {
        put_system_text(b, s, system);
    }
    if (scan_type(s, system) != SCAN_ARRAY) {
        return;
    }
    for (scan_ref v = scan_first(s, system); v != SCAN_ABSENT; v = scan_next(s, system, v)) {
        if (!SCAN_IS(s, SCAN_GET(s, v, "type"), "text")) {
            converse_build_drop(b, "system_block");
        } else {
            put_system_text(b, s, SCAN_GET(s, v, "text"));
        }
        anthropic_blocks_cache(b, s, v);
    }
}

/* --- messages ------------------------------------------------------------------------------ */

/* Converse's model has a role "system", but the service refuses it at any position (BerriAI/litellm
 * #41043). Claude Code puts its whole environment there, so it must not be lost: it joins the user's
 * turn, in its place, which keeps the cached prefix. */
static void put_system_turn(struct converse_build *b, const struct scan *s, scan_ref content)
{
    converse_build_role(b, CONVERSE_USER);
    if (scan_type(s, content) == SCAN_STRING) {
        anthropic_blocks_reminder(b, scan_raw(s, content));
    }
    if (scan_type(s, content) != SCAN_ARRAY) {
        return;
    }
    for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT; v = scan_next(s, content, v)) {
        if (SCAN_IS(s, SCAN_GET(s, v, "type"), "text")) {
            anthropic_blocks_reminder(b, scan_raw(s, SCAN_GET(s, v, "text")));
        } else if (tool_changes_definition(s, v) == SCAN_ABSENT) { /* it is among the tools */
            converse_build_drop(b, "system_block");
        }
        anthropic_blocks_cache(b, s, v);
    }
}

static void put_message(struct converse_build *b, const struct scan *s, scan_ref m)
{
    static const char *const dropped[] = {"output_config", "clear_at"}; /* betas: per turn */
    scan_ref role = SCAN_GET(s, m, "role"), content = SCAN_GET(s, m, "content");
    for (size_t i = 0; i < COUNT(dropped); i++) {
        if (!wish_is_nothing(s, scan_get(s, m, text_from(dropped[i])))) {
            converse_build_drop_named(b, "message.", text_from(dropped[i]));
        }
    }
    if (SCAN_IS(s, role, "system")) {
        put_system_turn(b, s, content);
        return;
    }
    converse_build_role(b, SCAN_IS(s, role, "assistant") ? CONVERSE_ASSISTANT : CONVERSE_USER);
    anthropic_blocks_put(b, s, content);
}

/* Top-level cache_control: a mark behind the last block, unless there is one. */
static void put_last_point(struct converse_build *b, const struct messages_request *r)
{
    bool there = b->cache.end == buf_len(b->w.b);
    if (b->plan->verdict[PLAN_CACHE_TOP] == PLAN_MAP && !there && r->breakpoints >= 4 &&
        b->status == STATUS_OK) {
        b->status = plan_refuse_mark(r->breakpoints + 1, b->err);
    }
    anthropic_blocks_cache(b, r->scan, 0);
}

/* The message of that block. */
static scan_ref message_of(const struct messages_request *r, scan_ref block)
{
    const struct scan *s = r->scan;
    scan_ref m = scan_first(s, r->messages), next;
    while ((next = scan_next(s, r->messages, m)) != SCAN_ABSENT && next < block) {
        m = next;
    }
    return m;
}

/* What a summary stands for goes: the conversation begins with it. */
static scan_ref put_summary(struct converse_build *b, const struct messages_request *r)
{
    const struct scan *s = r->scan;
    scan_ref summary = history_text_summary(s, r->messages);
    if (summary == SCAN_ABSENT) {
        return scan_first(s, r->messages);
    }
    scan_ref m = message_of(r, summary);
    converse_build_role(b, SCAN_IS(s, SCAN_GET(s, m, "role"), "assistant") ? CONVERSE_ASSISTANT
                                                                           : CONVERSE_USER);
    anthropic_blocks_put_from(b, s, SCAN_GET(s, m, "content"), summary);
    return scan_next(s, r->messages, m);
}

static void put_messages(struct converse_build *b, const struct messages_request *r)
{
    const struct scan *s = r->scan;
    for (scan_ref m = put_summary(b, r); m != SCAN_ABSENT && converse_build_ok(b);
         m = scan_next(s, r->messages, m)) {
        put_message(b, s, m);
    }
    put_last_point(b, r);
    converse_build_messages_end(b);
}

/* --- entry --------------------------------------------------------------------------------- */

enum status anthropic_to_converse(const struct messages_request *r, struct plan *plan,
                                  struct converse_names *names, struct buf *body_out,
                                  struct err *err)
{
    struct converse_build b;
    converse_build_begin(&b, plan, names, body_out, err);
    anthropic_tools_put(&b, r);
    put_system(&b, r->scan, r->system);
    converse_settings_put_words(&b);
    put_messages(&b, r);
    converse_settings_put(&b);
    return converse_build_end(&b);
}
