#include "worker/converse/converse_build.h"

#include <stdarg.h>
#include <stdio.h>

#include "worker/plan/plan_schema.h"

#define POINTS_MAX 4 /* cache points a request may have */

static const struct str nothing = {NULL, 0};

/* --- begin and end ------------------------------------------------------------------------- */

void converse_build_begin(struct converse_build *b, struct plan *plan, struct converse_names *names,
                          struct buf *body, struct err *err)
{
    *b = (struct converse_build){.plan = plan, .names = names, .arena = plan->arena, .err = err};
    plan_ids_begin(&b->ids, plan);
    json_begin(&b->w, body);
    json_object(&b->w);
}

enum status converse_build_end(struct converse_build *b)
{
    json_object_end(&b->w);
    if (b->status == STATUS_OK) {
        b->status = plan_refuse_loss(b->plan, b->err);
    }
    if (b->status == STATUS_OK && !buf_ok(b->w.b)) {
        b->status = err_set(b->err, STATUS_TOO_LARGE, "the converted request is too large");
    }
    return b->status;
}

bool converse_build_ok(const struct converse_build *b)
{
    return b->status == STATUS_OK && buf_ok(b->w.b);
}

/* The first failure stays. */
static void fail(struct converse_build *b, enum status code, enum err_fault fault,
                 const char *param, const char *fmt, va_list ap)
{
    char text[sizeof b->err->text];
    if (b->status != STATUS_OK) {
        return;
    }
    vsnprintf(text, sizeof text, fmt, ap);
    b->status =
        fault ? err_set_param(b->err, fault, param, "%s", text) : err_set(b->err, code, "%s", text);
}

void converse_build_fail(struct converse_build *b, enum status code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fail(b, code, ERR_FAULT_NONE, "", fmt, ap);
    va_end(ap);
}

void converse_build_fail_param(struct converse_build *b, enum err_fault fault, const char *param,
                               const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fail(b, STATUS_INVALID, fault, param, fmt, ap);
    va_end(ap);
}

void converse_build_fail_here(struct converse_build *b, const char *what)
{
    char path[CONVERSE_PLACE_SIZE];
    converse_place_path(&b->place, path);
    converse_build_fail_param(b, ERR_FAULT_VALUE, path, "Invalid '%s': %s", path, what);
}

void converse_build_no_memory(struct converse_build *b)
{
    if (b->status == STATUS_OK) {
        b->status = err_no_memory(b->err);
    }
}

bool converse_build_has(const struct converse_build *b, uint32_t flag)
{
    return plan_takes(b->plan, flag);
}

struct str converse_build_read(struct converse_build *b, const struct scan *s, scan_ref r)
{
    struct str text = scan_text(s, r);
    if (!text.p && scan_type(s, r) == SCAN_STRING) {
        converse_build_no_memory(b);
    }
    return text;
}

/* --- notes --------------------------------------------------------------------------------- */

void converse_build_map(struct converse_build *b, const char *what)
{
    plan_note(b->plan, PLAN_MAP, what, nothing);
}

void converse_build_drop(struct converse_build *b, const char *what)
{
    plan_note(b->plan, PLAN_DROP, what, nothing);
}

void converse_build_drop_named(struct converse_build *b, const char *what, struct str name)
{
    plan_note(b->plan, PLAN_DROP, what, name);
}

/* --- turns --------------------------------------------------------------------------------- */

void converse_build_role(struct converse_build *b, enum converse_role role)
{
    if (role == CONVERSE_SYSTEM && (b->messages_open || !converse_build_has(b, MODELS_SYSTEM))) {
        role = CONVERSE_USER;
        converse_build_map(b, "system");
    }
    b->role = role;
}

static void close_turn(struct converse_build *b)
{
    if (b->turn.role == CONVERSE_NONE) {
        return;
    }
    if (b->turn.document && !b->turn.text) { /* Bedrock wants text beside a document */
        b->role = b->turn.role;
        converse_build_text(b, STR("See the attached document."));
        converse_build_map(b, "document_without_text");
    }
    converse_build_settle_results(b);
    json_array_end(&b->w);
    if (b->turn.role != CONVERSE_SYSTEM) {
        json_object_end(&b->w);
    }
    b->turn.role = CONVERSE_NONE;
}

static void open_message(struct converse_build *b, enum converse_role role)
{
    if (!b->messages_open) {
        JSON_KEY(&b->w, "messages");
        json_array(&b->w);
        b->messages_open = true;
    }
    json_object(&b->w);
    converse_build_member(b, STR("role"), role == CONVERSE_USER ? STR("user") : STR("assistant"));
    JSON_KEY(&b->w, "content");
}

static void open_turn(struct converse_build *b, enum converse_role role)
{
    if (role == CONVERSE_SYSTEM) {
        JSON_KEY(&b->w, "system");
    } else {
        open_message(b, role);
    }
    json_array(&b->w);
    b->turn.role = role;
    b->turn.document = b->turn.text = false;
    b->turn.at = b->turn.results_end = buf_len(b->w.b);
    b->turn.late = b->turn.last = NULL;
}

void converse_build_open(struct converse_build *b)
{
    if (b->result.open) {
        b->result.size++;
        return;
    }
    enum converse_role role = b->role;
    if (b->turn.role == role) {
        return;
    }
    close_turn(b);
    if (role == CONVERSE_ASSISTANT && !b->messages_open) { /* Bedrock: the user begins */
        open_turn(b, b->role = CONVERSE_USER);
        converse_build_text(b, STR("(start of the conversation)"));
        converse_build_map(b, "first_turn");
        close_turn(b);
    }
    b->role = role;
    open_turn(b, role);
}

void converse_build_user_last(struct converse_build *b)
{
    if (plan_takes(b->plan, MODELS_USER_LAST) && b->turn.role == CONVERSE_ASSISTANT) {
        converse_build_role(b, CONVERSE_USER);
        converse_build_text(b, STR("Continue exactly where you stopped."));
        converse_build_map(b, "prefill");
    }
}

void converse_build_messages_end(struct converse_build *b)
{
    close_turn(b);
    if (!b->messages_open && b->place.exact) {
        b->place.in_item = false;
        converse_build_fail_here(b, "at least one message with text is required.");
        return;
    }
    if (!b->messages_open) {
        converse_build_fail(b, STATUS_INVALID,
                            "messages: at least one message with non-empty content is required");
        return;
    }
    json_array_end(&b->w);
}

/* --- cache points -------------------------------------------------------------------------- */

/* Bedrock refuses a longer lifetime after a shorter one, in the order tools, system, messages. */
static bool hour_allowed(struct converse_build *b)
{
    if (!b->cache.ttl_short && converse_build_has(b, MODELS_CACHE_1H)) {
        return true;
    }
    plan_note(b->plan, PLAN_CLAMP, "cache_control.ttl", nothing);
    return false;
}

/* Among tools only Claude takes one; the table "fields that accept prompt cache checkpoints" of
 * docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html */
static bool point_allowed(const struct converse_build *b)
{
    bool here =
        b->tools_open ? converse_build_has(b, MODELS_CLAUDE) : b->turn.role != CONVERSE_NONE;
    return here && plan_takes_marks(b->plan) && b->cache.count < POINTS_MAX &&
           b->reasoning_end != buf_len(b->w.b);
}

static void put_point(struct converse_build *b, struct str ttl)
{
    bool hour = cache_policy_hour(&b->plan->o->cache, ttl) && hour_allowed(b);
    b->cache.ttl_short = b->cache.ttl_short || !hour;
    b->cache.count++;
    json_raw(&b->w, hour ? STR("{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}")
                         : STR("{\"cachePoint\":{\"type\":\"default\"}}"));
    b->cache.end = buf_len(b->w.b);
}

void converse_build_cache_point(struct converse_build *b, struct str ttl)
{
    if (buf_len(b->w.b) == b->cache.end) {
        return;
    }
    if (point_allowed(b)) {
        put_point(b, ttl);
    } else {
        converse_build_drop(b, "cache_control");
    }
}

void converse_build_cache_point_here(struct converse_build *b)
{
    if (buf_len(b->w.b) != b->cache.end && point_allowed(b)) {
        put_point(b, nothing);
    }
}

/* --- tools --------------------------------------------------------------------------------- */

static void open_tools(struct converse_build *b)
{
    JSON_KEY(&b->w, "toolConfig");
    json_object(&b->w);
    JSON_KEY(&b->w, "tools");
    json_array(&b->w);
    b->tools_open = true;
}

static void put_name(struct converse_build *b, struct str name)
{
    struct str out = converse_name_out(b->names, name);
    if (!out.p) {
        converse_build_no_memory(b);
    }
    converse_build_member(b, STR("name"), out);
}

/* Converse has no member for examples: they follow the description. */
static void put_description(struct converse_build *b, const struct converse_tool *t)
{
    bool text = !wish_is_blank(t->description); /* Bedrock: at least one character */
    if (!text && t->examples.n == 0) {
        return;
    }
    JSON_KEY(&b->w, "description");
    if (t->examples.n == 0) {
        json_raw(&b->w, t->description);
        return;
    }
    json_raw(&b->w, STR("\"")); /* opens the string */
    if (text) {
        buf_put(b->w.b, t->description.p + 1, t->description.n - 2);
    }
    buf_put_str(b->w.b,
                text ? STR("\\n\\nExamples of its input: ") : STR("Examples of its input: "));
    json_escape(b->w.b, t->examples);
    buf_put_char(b->w.b, '"');
    converse_build_map(b, "input_examples");
}

struct str converse_build_schema(struct converse_build *b, const struct scan *s, scan_ref schema)
{
    if (scan_type(s, schema) != SCAN_OBJECT) {
        return nothing;
    }
    struct str out = plan_schema_tool(b->plan, s, schema);
    if (!out.p) {
        converse_build_no_memory(b);
    }
    return out;
}

void converse_build_tool(struct converse_build *b, const struct converse_tool *t)
{
    if (!b->tools_open) {
        open_tools(b);
    }
    json_object(&b->w);
    JSON_KEY(&b->w, "toolSpec");
    json_object(&b->w);
    put_name(b, t->name);
    put_description(b, t);
    JSON_KEY(&b->w, "inputSchema");
    json_object(&b->w);
    JSON_KEY(&b->w, "json");
    json_raw(&b->w, t->schema.n > 0 ? t->schema : STR("{\"type\":\"object\",\"properties\":{}}"));
    json_object_end(&b->w);
    if (t->strict && converse_build_has(b, MODELS_STRICT)) {
        JSON_KEY(&b->w, "strict");
        json_bool(&b->w, true);
    } else if (t->strict) {
        converse_build_drop(b, "strict");
    }
    json_object_end(&b->w);
    json_object_end(&b->w);
}

/* The choice that the plan has left; "auto" is not said. */
static void put_choice(struct converse_build *b)
{
    const struct wish *w = &b->plan->left;
    JSON_KEY(&b->w, "toolChoice");
    json_object(&b->w);
    json_key(&b->w, w->choice.kind == WISH_CHOICE_ANY ? STR("any") : STR("tool"));
    json_object(&b->w);
    if (w->choice.kind == WISH_CHOICE_ONE) {
        put_name(b, w->choice.name);
    }
    json_object_end(&b->w);
    json_object_end(&b->w);
}

void converse_build_tools_end(struct converse_build *b)
{
    if (!b->tools_open) {
        return;
    }
    json_array_end(&b->w);
    if (b->plan->tools.forced) {
        put_choice(b);
    }
    json_object_end(&b->w);
    b->tools_open = false;
}

/* --- sections ------------------------------------------------------------------------------ */

struct json_out *converse_build_key(struct converse_section *x, struct str key)
{
    struct json_out *w = &x->b->w;
    if (!x->open) {
        json_key(w, x->name);
        json_object(w);
        x->open = true;
    }
    json_key(w, key);
    return w;
}

void converse_build_section_end(struct converse_section *x)
{
    if (x->open) {
        json_object_end(&x->b->w);
    }
}
