/* The `tools` of the request splice: server tools are refused, deferred ones and members the model
 * does not know are dropped. */
#include "worker/splice/splice_job.h"
#include "server/json/json.h"
#include "worker/plan/plan_schema.h"

static const char *const search_tool = "tool_search_tool_";

static bool is_server_tool(const struct splice_job *j, struct str type)
{
    if (messages_is_server_tool(type)) {
        return true;
    }
    return text_starts(type, text_from(search_tool)) && !splice_takes(j, MODELS_TOOL_SEARCH);
}

static enum status refuse_server_tool(struct splice_job *j, scan_ref tool, struct err *err)
{
    struct str type = scan_text(j->s, SCAN_GET(j->s, tool, "type"));
    if (!type.p || !is_server_tool(j, type)) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_INVALID,
                   "'%.*s' does not support tool types: %.*s. Server tools are not available "
                   "on Amazon Bedrock.",
                   (int)(j->r->model.n < 60 ? j->r->model.n : 60), j->r->model.p,
                   (int)(type.n < 60 ? type.n : 60), type.p);
}

static enum status refuse_server_tools(struct splice_job *j, struct err *err)
{
    const struct tool_changes *changes = &j->r->wish.tools.changes;
    enum status st = STATUS_OK;
    for (scan_ref t = scan_first(j->s, j->r->tools); t != SCAN_ABSENT && st == STATUS_OK;
         t = scan_next(j->s, j->r->tools, t)) {
        st = refuse_server_tool(j, t, err);
    }
    for (uint32_t i = 0; i < changes->n && st == STATUS_OK; i++) {
        st = refuse_server_tool(j, changes->added[i], err);
    }
    return st;
}

/* --- which tools, which members ------------------------------------------------------------ */

static bool is_deferred(const struct scan *s, scan_ref tool)
{
    bool deferred = false;
    return scan_bool(s, SCAN_GET(s, tool, "defer_loading"), &deferred) && deferred;
}

static bool drops_by_name(struct splice_job *j, struct str name)
{
    if (text_eq(name, STR("defer_loading"))) {
        return !splice_takes(j, MODELS_TOOL_SEARCH);
    }
    if (text_eq(name, STR("eager_input_streaming"))) {
        return !splice_takes(j, MODELS_EAGER_INPUT);
    }
    if (text_eq(name, STR("strict"))) { /* a part of structured outputs */
        return !splice_takes(j, MODELS_STRICT);
    }
    if (text_eq(name, STR("input_examples"))) {
        return !plan_has_beta(j->plan, STR("tool-examples-2025-10-29"));
    }
    return text_eq(name, STR("allowed_callers")); /* of code_execution, which is not there */
}

static bool drops_member(void *ctx, scan_ref key, scan_ref value)
{
    struct splice_job *j = ctx;
    struct str name = scan_text(j->s, key);
    if (text_eq(name, STR("cache_control"))) {
        return splice_drops_cache_control(j, value);
    }
    if (!drops_by_name(j, name)) {
        return false;
    }
    plan_note(j->plan, PLAN_DROP, "", name);
    return true;
}

/* Bedrock names the tool without its date: tool_search_tool_regex.
 * docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-tool-use.html
 */
static void undate_search_tool(struct splice_job *j, scan_ref tool)
{
    scan_ref r = SCAN_GET(j->s, tool, "type");
    struct str type = scan_text(j->s, r);
    if (!type.p || !text_starts(type, text_from(search_tool))) {
        return;
    }
    size_t n = STR("_20251119").n;
    if (type.n <= n || scan_has_escape(j->s, r) ||
        !text_starts(text_sub(type, type.n - n, n), STR("_20"))) {
        return;
    }
    uint32_t end = edits_end(j->s, r) - 1; /* before the closing quote */
    edits_replace(&j->edits, end - (uint32_t)n, end, STR(""));
    splice_note(j, PLAN_MAP, "tool_search_tool");
}

/* Clients that make a schema of a union or of nothing leave it out; the other bytes stay. */
static void give_root(struct splice_job *j, scan_ref tool)
{
    const struct scan *s = j->s;
    scan_ref schema = SCAN_GET(s, tool, "input_schema"), type = SCAN_GET(s, schema, "type");
    if (!plan_schema_lacks_root(j->plan, s, schema)) {
        return;
    }
    if (type != SCAN_ABSENT) { /* ["object","null"] */
        edits_value(&j->edits, type, STR("\"object\""));
    } else {
        edits_inside(&j->edits, schema,
                     scan_size(s, schema) > 0 ? STR("\"type\":\"object\",")
                                              : STR("\"type\":\"object\""));
    }
}

/* A deferred tool is not in the prompt until the model finds it. Without tool search it never would
 * be, so it goes, unless the history shows that the client has given it out already. */
static bool drops_tool(void *ctx, scan_ref key, scan_ref tool)
{
    struct splice_job *j = ctx;
    const struct scan *s = j->s;
    (void)key;
    if (!splice_takes(j, MODELS_TOOL_SEARCH) && is_deferred(s, tool) &&
        !wish_shows_deferred(&j->r->wish, scan_text(s, SCAN_GET(s, tool, "name")))) {
        splice_note(j, PLAN_DROP, "deferred_tools");
        return true;
    }
    edits_filter(&j->edits, tool, drops_member, j);
    undate_search_tool(j, tool);
    give_root(j, tool);
    j->last_tool = tool;
    return false;
}

/* --- tools of mid-conversation ------------------------------------------------------------- */

static void put_schema(struct splice_job *j, struct json_out *w, scan_ref schema)
{
    struct str raw = scan_raw(j->s, schema);
    if (SCAN_GET(j->s, schema, "type") != SCAN_ABSENT ||
        !plan_schema_lacks_root(j->plan, j->s, schema)) {
        json_raw(w, raw);
        return;
    }
    char *whole = arena_printf(j->s->arena, "{\"type\":\"object\"%s%.*s",
                               scan_size(j->s, schema) > 0 ? "," : "", (int)(raw.n - 1), raw.p + 1);
    json_raw(w, text_from(whole));
    j->edits.failed = j->edits.failed || !whole;
}

/* As it was written, but for what goes from other tools, too; it is there, so it waits for no search. */
static void put_definition(struct splice_job *j, struct json_out *w, scan_ref tool)
{
    const struct scan *s = j->s;
    json_object(w);
    for (scan_ref v = scan_first(s, tool); v != SCAN_ABSENT; v = scan_next(s, tool, v)) {
        struct str name = scan_text(s, scan_key(s, v));
        if (text_eq(name, STR("cache_control")) || text_eq(name, STR("defer_loading"))) {
            continue;
        }
        if (drops_by_name(j, name)) {
            plan_note(j->plan, PLAN_DROP, "", name);
            continue;
        }
        json_key(w, name);
        if (text_eq(name, STR("input_schema"))) {
            put_schema(j, w, v);
        } else {
            json_raw(w, scan_raw(s, v));
        }
    }
    json_object_end(w);
    splice_note(j, PLAN_MAP, "tool_addition");
}

/* Behind the other tools, so that what is cached of those stays. */
static void put_changes(struct splice_job *j)
{
    const struct tool_changes *changes = &j->r->wish.tools.changes;
    struct json_out w;
    struct buf list;
    if (changes->n == 0) {
        return;
    }
    buf_init(&list, j->s->text.n + 64);
    json_begin(&w, &list);
    json_array(&w);
    for (uint32_t i = 0; i < changes->n; i++) {
        put_definition(j, &w, changes->added[i]);
    }
    json_array_end(&w);
    struct str json = buf_str(&list);
    char *text = !buf_ok(&list) ? NULL
                 : j->last_tool != SCAN_ABSENT
                     ? arena_printf(j->s->arena, ",%.*s", (int)(json.n - 2), json.p + 1)
                     : arena_printf(j->s->arena, "\"tools\":%.*s,", STR_ARG(json));
    buf_free(&list);
    j->edits.failed = j->edits.failed || !text;
    if (text && j->last_tool != SCAN_ABSENT) {
        edits_after(&j->edits, j->last_tool, text_from(text));
    } else if (text) {
        edits_inside(&j->edits, 0, text_from(text));
    }
}

enum status splice_tools(struct splice_job *j, struct err *err)
{
    enum status st = refuse_server_tools(j, err);
    if (st != STATUS_OK) {
        return st;
    }
    j->no_tools = edits_filter(&j->edits, j->r->tools, drops_tool, j) == 0;
    put_changes(j);
    return STATUS_OK;
}
