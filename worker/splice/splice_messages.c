/* `system` and `messages` of the request splice: members and blocks that the model does not
 * know. */
#include "worker/plan/plan_history.h"
#include "worker/splice/splice_job.h"

/* --- cache_control ------------------------------------------------------------------------- */

static bool drops_cache_member(void *ctx, scan_ref key, scan_ref value)
{
    struct splice_job *j = ctx;
    (void)value;
    if (SCAN_IS(j->s, key, "scope")) { /* Bedrock refuses it */
        splice_note(j, PLAN_DROP, "cache_control.scope");
        return true;
    }
    if (SCAN_IS(j->s, key, "ttl") && !splice_takes(j, MODELS_CACHE_1H)) {
        splice_note(j, PLAN_DROP, "cache_control.ttl");
        return true;
    }
    return false;
}

/* The lifetime that the key or the operator wants, where it is not what the mark says. */
static void edit_ttl(struct splice_job *j, scan_ref mark)
{
    const struct scan *s = j->s;
    scan_ref ttl = SCAN_GET(s, mark, "ttl");
    bool hour = cache_policy_hour(&j->plan->o->cache, scan_text(s, ttl));
    if (!splice_takes(j, MODELS_CACHE_1H) || hour == SCAN_IS(s, ttl, "1h")) {
        return;
    }
    if (scan_type(s, ttl) == SCAN_STRING) {
        edits_value(&j->edits, ttl, hour ? STR("\"1h\"") : STR("\"5m\""));
    } else if (ttl == SCAN_ABSENT) {
        edits_inside(&j->edits, mark, STR("\"ttl\":\"1h\","));
    } else {
        return; /* no string: Bedrock's to judge */
    }
    splice_note(j, PLAN_MAP, "cache_control.ttl");
}

bool splice_drops_cache_control(struct splice_job *j, scan_ref value)
{
    if (!plan_takes_marks(j->plan)) {
        splice_note(j, PLAN_DROP, "cache_control");
        return true;
    }
    if (scan_type(j->s, value) != SCAN_OBJECT) {
        return false;
    }
    if (edits_filter(&j->edits, value, drops_cache_member, j) > 0) {
        edit_ttl(j, value);
    }
    return false;
}

/* --- blocks -------------------------------------------------------------------------------- */

static bool drops_block_member(void *ctx, scan_ref key, scan_ref value)
{
    struct splice_job *j = ctx;
    if (SCAN_IS(j->s, key, "cache_control")) {
        return splice_drops_cache_control(j, value);
    }
    if (SCAN_IS(j->s, key, "transformations")) { /* of an image; newer answers name it */
        splice_note(j, PLAN_DROP, "transformations");
        return true;
    }
    /* Who called the tool: newer answers carry it, InvokeModel refuses it. */
    if (SCAN_IS(j->s, key, "caller")) {
        splice_note(j, PLAN_DROP, "caller");
        return true;
    }
    return false;
}

/* {"type":"tool_reference","tool_name":"X"} -> {"type":"text","text":"[Tool: X]"}, in place. */
static void reference_to_text(struct splice_job *j, scan_ref block, scan_ref type)
{
    const struct scan *s = j->s;
    scan_ref name = SCAN_GET(s, block, "tool_name");
    if (scan_type(s, name) != SCAN_STRING) {
        return;
    }
    edits_value(&j->edits, type, STR("\"text\""));
    edits_value(&j->edits, scan_key(s, name), STR("\"text\""));
    uint32_t open = edits_start(s, name) + 1, close = edits_end(s, name) - 1;
    edits_replace(&j->edits, open, open, STR("[Tool: "));
    edits_replace(&j->edits, close, close, STR("]"));
    splice_note(j, PLAN_MAP, "tool_reference");
}

/* The words by which Claude Code leaves such blocks out and tries again. */
static void judge_media(struct splice_job *j, scan_ref type)
{
    if (SCAN_IS(j->s, type, "image") && !splice_takes(j, MODELS_IMAGES)) {
        j->rejected = "image";
    }
    if (SCAN_IS(j->s, type, "document") && !splice_takes(j, MODELS_DOCUMENTS)) {
        j->rejected = "document";
    }
}

/* {"type":"text","text":T}, with the mark that the block had or is to have. */
static void put_text_for(struct splice_job *j, scan_ref block, struct str text)
{
    const struct scan *s = j->s;
    scan_ref mark = SCAN_GET(s, block, "cache_control");
    struct str cache = {"", 0};
    if (j->cache_spot == block) {
        cache = j->cache_json;
        j->cache_spot = SCAN_ABSENT;
    } else if (scan_type(s, mark) == SCAN_OBJECT && plan_takes_marks(j->plan)) {
        bool hour = splice_takes(j, MODELS_CACHE_1H) &&
                    cache_policy_hour(&j->plan->o->cache, scan_text(s, SCAN_GET(s, mark, "ttl")));
        cache = hour ? STR("\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}")
                     : STR("\"cache_control\":{\"type\":\"ephemeral\"}");
    }
    char *json = arena_printf(s->arena, "{\"type\":\"text\",\"text\":\"%.*s\"%s%.*s}",
                              STR_ARG(text), cache.n > 0 ? "," : "", STR_ARG(cache));
    edits_value(&j->edits, block, text_from(json));
    j->edits.failed = j->edits.failed || !json;
}

static void edit_history(struct splice_job *j, scan_ref block)
{
    struct str text;
    switch (plan_history(j->plan, j->s, block, &text)) {
    case PLAN_MAP:
        put_text_for(j, block, text);
        break;
    case PLAN_DROP: /* a text has to say something */
        put_text_for(j, block, STR("(no content)"));
        break;
    case PLAN_REFUSE:
        j->edits.failed = true;
        break;
    case PLAN_KEEP:
    case PLAN_CLAMP:
        break;
    }
}

static void edit_blocks(struct splice_job *j, scan_ref blocks)
{
    const struct scan *s = j->s;
    if (scan_type(s, blocks) != SCAN_ARRAY) {
        return;
    }
    for (scan_ref b = scan_first(s, blocks); b != SCAN_ABSENT; b = scan_next(s, blocks, b)) {
        if (scan_type(s, b) != SCAN_OBJECT) {
            continue;
        }
        scan_ref type = SCAN_GET(s, b, "type");
        edits_filter(&j->edits, b, drops_block_member, j);
        judge_media(j, type);
        edit_history(j, b);
        if (SCAN_IS(s, type, "tool_result")) {
            edit_blocks(j, SCAN_GET(s, b, "content"));
        }
        if (SCAN_IS(s, type, "document")) {
            edit_blocks(j, SCAN_GET(s, SCAN_GET(s, b, "source"), "content"));
        }
        if (SCAN_IS(s, type, "tool_reference") && !splice_takes(j, MODELS_TOOL_SEARCH)) {
            reference_to_text(j, b, type);
        }
    }
}

/* --- messages ------------------------------------------------------------------------------ */

/* An id as the model takes it; the client's bytes where it is that already. */
static void edit_id(struct splice_job *j, scan_ref id, struct str upstream)
{
    if (!upstream.p) {
        j->edits.failed = true;
    } else if (!scan_text_is(j->s, id, upstream)) { /* an alias has only letters, digits and '-' */
        char *json = arena_printf(j->s->arena, "\"%.*s\"", STR_ARG(upstream));
        edits_value(&j->edits, id, text_from(json));
        j->edits.failed = j->edits.failed || !json;
    }
}

/* Tools that come and go in mid-conversation: refused without their beta, definitions always (they are
 * among the tools), and with them what names one that has gone since. In a message that splice_fold rebuilds they are its business. */
static bool changes_tools(const struct splice_job *j, scan_ref block)
{
    scan_ref type = SCAN_GET(j->s, block, "type");
    return (SCAN_IS(j->s, type, "tool_addition") || SCAN_IS(j->s, type, "tool_removal")) &&
           splice_takes(j, MODELS_SYSTEM_ROLE) &&
           (tool_changes_definition(j->s, block) != SCAN_ABSENT ||
            !tool_changes_known(j->s, &j->r->wish.tools.changes, j->r->tools, block) ||
            !plan_has_beta(j->plan, STR("mid-conversation-tool-changes-2026-07-01")));
}

/* A result that its call has already goes. */
static bool drops_by_id(void *ctx, scan_ref key, scan_ref block)
{
    struct splice_job *j = ctx;
    const struct scan *s = j->s;
    scan_ref type = SCAN_GET(s, block, "type"), id;
    struct str upstream;
    (void)key;
    if (SCAN_IS(s, type, "tool_use")) {
        id = SCAN_GET(s, block, "id");
        edit_id(j, id, plan_ids_call(&j->ids, scan_text(s, id)));
    } else if (SCAN_IS(s, type, "tool_result")) {
        id = SCAN_GET(s, block, "tool_use_id");
        if (!plan_ids_result(&j->ids, scan_text(s, id), &upstream)) {
            return true;
        }
        edit_id(j, id, upstream);
    } else if (changes_tools(j, block)) {
        if (tool_changes_definition(s, block) == SCAN_ABSENT) {
            splice_note(j, PLAN_DROP, "system_block");
        }
        return true;
    }
    return false;
}

static void edit_ids(struct splice_job *j, scan_ref content)
{
    if (scan_type(j->s, content) == SCAN_ARRAY && scan_size(j->s, content) > 0 &&
        edits_filter(&j->edits, content, drops_by_id, j) == 0) {
        edits_value(&j->edits, content, STR("[{\"type\":\"text\",\"text\":\"(no content)\"}]"));
    }
}

/* An effort from this message on: with its beta, and not beside between_tools, which keeps to one
 * (sonnet-5-5 migration guide). In a message that splice_fold rebuilds it is nobody's. */
static bool takes_effort(const struct splice_job *j)
{
    return splice_takes(j, MODELS_SYSTEM_ROLE) &&
           j->plan->left.thinking.mode != WISH_THINKING_BETWEEN &&
           plan_has_beta(j->plan, STR("mid-conversation-output-config-2026-07-01"));
}

/* Nothing in it, or only definitions of tools, which stand among the tools. */
static bool is_empty(const struct scan *s, scan_ref content)
{
    if (scan_type(s, content) != SCAN_ARRAY) {
        return SCAN_IS(s, content, "");
    }
    scan_ref b = scan_first(s, content);
    while (b != SCAN_ABSENT && tool_changes_definition(s, b) != SCAN_ABSENT) {
        b = scan_next(s, content, b);
    }
    return b == SCAN_ABSENT;
}

/* A system message that says nothing but an effort, which does not go on: without a content it is no
 * message. splice_fold has a way of its own. */
static bool drops_turn(void *ctx, scan_ref key, scan_ref message)
{
    struct splice_job *j = ctx;
    (void)key;
    return is_empty(j->s, SCAN_GET(j->s, message, "content")) &&
           SCAN_IS(j->s, SCAN_GET(j->s, message, "role"), "system") &&
           splice_takes(j, MODELS_SYSTEM_ROLE) && !takes_effort(j);
}

/* What rests on betas that the model or Bedrock (clear_at: litellm 1.110.2) does not take. */
static bool drops_message_member(void *ctx, scan_ref key, scan_ref value)
{
    struct splice_job *j = ctx;
    (void)value;
    if (SCAN_IS(j->s, key, "output_config") && !takes_effort(j)) {
        splice_note(j, PLAN_DROP, "message.output_config");
        return true;
    }
    if (SCAN_IS(j->s, key, "clear_at")) {
        splice_note(j, PLAN_DROP, "message.clear_at");
        return true;
    }
    return false;
}

/* --- the top-level cache_control ----------------------------------------------------------- */

static bool is_cacheable(const struct scan *s, scan_ref block)
{
    scan_ref type = SCAN_GET(s, block, "type");
    return scan_type(s, block) == SCAN_OBJECT && !SCAN_IS(s, type, "thinking") &&
           !SCAN_IS(s, type, "redacted_thinking");
}

/* A non-empty string itself, or the last block that may carry a breakpoint. */
static scan_ref last_cacheable(const struct scan *s, scan_ref content)
{
    scan_ref found = SCAN_ABSENT;
    if (scan_type(s, content) == SCAN_STRING) {
        return SCAN_IS(s, content, "") ? SCAN_ABSENT : content;
    }
    if (scan_type(s, content) != SCAN_ARRAY) {
        return SCAN_ABSENT;
    }
    for (scan_ref b = scan_first(s, content); b != SCAN_ABSENT; b = scan_next(s, content, b)) {
        if (is_cacheable(s, b)) {
            found = b;
        }
    }
    return found;
}

static scan_ref find_cache_spot(const struct splice_job *j)
{
    const struct scan *s = j->s;
    scan_ref last = SCAN_ABSENT, spot;
    for (scan_ref m = scan_first(s, j->r->messages); m != SCAN_ABSENT;
         m = scan_next(s, j->r->messages, m)) {
        last = m;
    }
    spot = last_cacheable(s, SCAN_GET(s, last, "content"));
    if (spot == SCAN_ABSENT) {
        spot = last_cacheable(s, j->r->system);
    }
    return spot == SCAN_ABSENT ? last_cacheable(s, j->r->tools) : spot;
}

/* The automatic breakpoint of the API, by hand, for models whose InvokeModel refuses the field. A
 * last block with a breakpoint of its own makes it a no-op, as in the API. */
static enum status choose_cache_spot(struct splice_job *j, struct err *err)
{
    const struct scan *s = j->s;
    scan_ref top = SCAN_GET(s, 0, "cache_control");
    j->cache_spot = SCAN_ABSENT;
    if (j->plan->verdict[PLAN_CACHE_TOP] != PLAN_MAP) {
        return STATUS_OK;
    }
    scan_ref spot = find_cache_spot(j);
    if (spot == SCAN_ABSENT || scan_type(s, SCAN_GET(s, spot, "cache_control")) == SCAN_OBJECT) {
        return STATUS_OK;
    }
    if (j->r->breakpoints >= 4) {
        return plan_refuse_mark(j->r->breakpoints + 1, err);
    }
    bool hour = splice_takes(j, MODELS_CACHE_1H) &&
                cache_policy_hour(&j->plan->o->cache, scan_text(s, SCAN_GET(s, top, "ttl")));
    j->cache_spot = spot;
    j->cache_json = hour ? STR("\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}")
                         : STR("\"cache_control\":{\"type\":\"ephemeral\"}");
    return STATUS_OK;
}

/* A block takes the member; a string becomes a list of one block. In a message that splice_fold
 * rebuilds the string is its business (it clears cache_spot). */
static void place_cache_control(struct splice_job *j)
{
    const struct scan *s = j->s;
    if (j->cache_spot == SCAN_ABSENT) {
        return;
    }
    if (scan_type(s, j->cache_spot) == SCAN_OBJECT) {
        edits_inside(&j->edits, j->cache_spot, j->cache_json);
        edits_inside(&j->edits, j->cache_spot, STR(","));
        return;
    }
    edits_before(&j->edits, j->cache_spot, STR("[{\"type\":\"text\",\"text\":"));
    edits_after(&j->edits, j->cache_spot, STR(","));
    edits_after(&j->edits, j->cache_spot, j->cache_json);
    edits_after(&j->edits, j->cache_spot, STR("}]"));
}

enum status splice_messages(struct splice_job *j, struct err *err)
{
    const struct scan *s = j->s;
    enum status st = choose_cache_spot(j, err);
    if (st != STATUS_OK) {
        return st;
    }
    bool gone = false;
    edit_blocks(j, j->r->system);
    for (scan_ref m = scan_first(s, j->r->messages); m != SCAN_ABSENT;
         m = scan_next(s, j->r->messages, m)) {
        if (drops_turn(j, SCAN_ABSENT, m)) {
            if (SCAN_GET(s, m, "output_config") != SCAN_ABSENT) {
                splice_note(j, PLAN_DROP, "message.output_config");
            }
            gone = true;
            continue;
        }
        edits_filter(&j->edits, m, drops_message_member, j);
        edit_blocks(j, SCAN_GET(s, m, "content"));
        edit_ids(j, SCAN_GET(s, m, "content"));
    }
    if (gone) {
        edits_filter(&j->edits, j->r->messages, drops_turn, j);
    }
    if (j->rejected) {
        return plan_refuse_media(j->plan, j->rejected, "messages", err);
    }
    if (!splice_takes(j, MODELS_SYSTEM_ROLE)) {
        st = splice_fold(j, err);
    }
    if (st == STATUS_OK) {
        place_cache_control(j);
    }
    return st;
}
