#include "worker/openai/responses_check.h"

#include <stdio.h>

#include "worker/openai/openai_fields.h"

#define PATH_MAX_SIZE 64 /* err.param */

struct place { /* "input[3]"; told only when something is wrong */
    const struct scan *s;
    struct err *err;
    const struct place *in; /* the object that has the list; NULL: the body */
    const char *list;
    unsigned at;
};

/* --- what is wrong ------------------------------------------------------------------------- */

/* "input[3]", or "input[3].member"; a namespace in an item is as deep as it goes. */
static const char *path_of(const struct place *at, const char *member, char out[PATH_MAX_SIZE])
{
    char outer[PATH_MAX_SIZE] = "";
    if (at->in) {
        path_of(at->in, "", outer);
    }
    snprintf(out, PATH_MAX_SIZE, "%.32s%s%s[%u]%s%.10s", outer, outer[0] ? "." : "", at->list,
             at->at, member[0] ? "." : "", member);
    return out;
}

static enum status missing(const struct place *at, const char *member)
{
    char path[PATH_MAX_SIZE];
    return openai_fields_missing(at->err, path_of(at, member, path));
}

static enum status wrong(const struct place *at, const char *member, const char *expected)
{
    char path[PATH_MAX_SIZE];
    return openai_fields_wrong(at->err, path_of(at, member, path), expected);
}

static enum status bad_value(const struct place *at, const char *member, const char *what)
{
    char path[PATH_MAX_SIZE];
    path_of(at, member, path);
    return err_set_param(at->err, ERR_FAULT_VALUE, path, "Invalid value for '%s': %s.", path, what);
}

static enum status unsupported(const struct place *at)
{
    char path[PATH_MAX_SIZE];
    path_of(at, "", path);
    return err_set_param(at->err, ERR_FAULT_UNSUPPORTED, path,
                         "Unsupported parameter: '%s': nothing is stored here; send the item "
                         "itself (the AI SDK does with store: false).",
                         path);
}

static enum status want_text(const struct place *at, const char *member, scan_ref r)
{
    if (!openai_fields_has(at->s, r) || SCAN_IS(at->s, r, "")) {
        return missing(at, member);
    }
    return scan_type(at->s, r) == SCAN_STRING ? STATUS_OK : wrong(at, member, "a string");
}

/* --- items --------------------------------------------------------------------------------- */

static enum status check_content(const struct place *at, const struct responses_item *item)
{
    enum scan_type type = scan_type(at->s, item->content);
    if (type == SCAN_STRING || type == SCAN_ARRAY) {
        return STATUS_OK;
    }
    return openai_fields_has(at->s, item->content)
               ? wrong(at, item->member, "a string or an array of parts")
               : missing(at, item->member);
}

/* What the model said may be nothing, and what one agent tells another has no role. */
static enum status check_message(const struct place *at, const struct responses_item *item)
{
    const struct scan *s = at->s;
    bool models = SCAN_IS(s, item->role, "assistant");
    if (!models && !SCAN_IS(s, item->role, "user") && !SCAN_IS(s, item->role, "system") &&
        !SCAN_IS(s, item->role, "developer") && !SCAN_IS(s, item->type, "agent_message")) {
        return bad_value(at, "role",
                         "supported values are 'assistant', 'system', 'developer', and 'user'");
    }
    return models && !openai_fields_has(s, item->content) ? STATUS_OK : check_content(at, item);
}

static enum status check_call(const struct place *at, const struct responses_item *item)
{
    const struct scan *s = at->s;
    enum scan_type input = scan_type(s, item->input);
    bool named = item->call == CHAT_TOOL_FUNCTION || item->call == CHAT_TOOL_CUSTOM;
    enum status st = want_text(at, "call_id", item->call_id);
    if (st == STATUS_OK && named) {
        st = want_text(at, "name", item->name);
    }
    if (st != STATUS_OK) {
        return st;
    }
    switch (item->call) {
    case CHAT_TOOL_CUSTOM:
        return input == SCAN_STRING ? STATUS_OK : wrong(at, "input", "a string");
    case CHAT_TOOL_SHELL:
        return input == SCAN_OBJECT ? STATUS_OK : wrong(at, "action", "an object");
    case CHAT_TOOL_SEARCH:
        return input == SCAN_OBJECT || input == SCAN_STRING
                   ? STATUS_OK
                   : wrong(at, "arguments", "an object or a string");
    default:
        return input == SCAN_STRING ? STATUS_OK : wrong(at, "arguments", "a string");
    }
}

static enum status check_output(const struct place *at, const struct responses_item *item)
{
    enum status st = want_text(at, "call_id", item->call_id);
    if (st != STATUS_OK) {
        return st;
    }
    if (item->call != CHAT_TOOL_SEARCH) {
        return check_content(at, item);
    }
    return scan_type(at->s, item->tools) == SCAN_ARRAY ? STATUS_OK : wrong(at, "tools", "an array");
}

static enum status check_item(const struct place *at, const struct responses_item *item)
{
    if (scan_type(at->s, item->at) != SCAN_OBJECT) {
        return wrong(at, "", "an object");
    }
    switch (item->kind) {
    case RESPONSES_MESSAGE:
        return check_message(at, item);
    case RESPONSES_CALL:
        return check_call(at, item);
    case RESPONSES_OUTPUT:
        return check_output(at, item);
    case RESPONSES_REFERENCE:
        return unsupported(at);
    case RESPONSES_UNKNOWN:
        return openai_fields_has(at->s, item->type)
                   ? bad_value(at, "type", "an item of the input has no such type")
                   : missing(at, "type");
    default:
        return STATUS_OK;
    }
}

enum status responses_check_items(const struct scan *s, const struct responses_list *items,
                                  struct err *err)
{
    struct place at = {.s = s, .err = err, .list = "input"};
    enum status st = STATUS_OK;
    for (; at.at < items->count && st == STATUS_OK; at.at++) {
        st = check_item(&at, &items->item[at.at]);
    }
    return st;
}

/* --- tools --------------------------------------------------------------------------------- */

static enum status check_tool(const struct place *at, scan_ref v)
{
    const struct scan *s = at->s;
    if (scan_type(s, v) != SCAN_OBJECT) {
        return wrong(at, "", "an object");
    }
    struct chat_tool t = chat_tool_read(s, v);
    if (t.kind == CHAT_TOOL_OTHER) {
        return STATUS_OK;
    }
    if (openai_fields_has(s, t.schema) && scan_type(s, t.schema) != SCAN_OBJECT) {
        return wrong(at, "parameters", "an object");
    }
    return want_text(at, "name", t.name);
}

static enum status check_namespace(const struct place *at, scan_ref v)
{
    const struct scan *s = at->s;
    scan_ref list = SCAN_GET(s, v, "tools");
    struct place inner = {.s = s, .err = at->err, .in = at, .list = "tools"};
    enum status st = want_text(at, "name", SCAN_GET(s, v, "name"));
    if (st == STATUS_OK && scan_type(s, list) != SCAN_ARRAY) {
        return wrong(at, "tools", "an array");
    }
    for (scan_ref t = scan_first(s, list); t != SCAN_ABSENT && st == STATUS_OK;
         t = scan_next(s, list, t), inner.at++) {
        st = check_tool(&inner, t);
    }
    return st;
}

/* in: the object that has the list; NULL: the body. */
static enum status check_list(const struct scan *s, const struct place *in, scan_ref list,
                              struct err *err)
{
    struct place at = {.s = s, .err = err, .in = in, .list = "tools"};
    enum status st = STATUS_OK;
    if (scan_type(s, list) != SCAN_ARRAY) {
        return STATUS_OK;
    }
    for (scan_ref v = scan_first(s, list); v != SCAN_ABSENT && st == STATUS_OK;
         v = scan_next(s, list, v), at.at++) {
        st = SCAN_IS(s, SCAN_GET(s, v, "type"), "namespace") ? check_namespace(&at, v)
                                                             : check_tool(&at, v);
    }
    return st;
}

enum status responses_check_tools(const struct scan *s, scan_ref tools,
                                  const struct responses_list *items, struct err *err)
{
    struct place at = {.s = s, .err = err, .list = "input"};
    enum status st = check_list(s, NULL, tools, err);
    for (; at.at < items->count && st == STATUS_OK; at.at++) {
        if (items->item[at.at].tools != SCAN_ABSENT) {
            st = check_list(s, &at, items->item[at.at].tools, err);
        }
    }
    return st;
}
