#include "worker/openai/chat.h"

#include <stdio.h>

#include "worker/openai/chat_pairs.h"
#include "worker/openai/chat_wish.h"
#include "worker/openai/openai_fields.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* --- fields -------------------------------------------------------------------------------- */

/* Two readers of one body must not see two different requests. */
static enum status check_duplicates(const struct scan *s, struct chat_request *out, struct err *err)
{
    static const char *const keys[] = {"model", "messages",   "stream",
                                       "tools", "max_tokens", "max_completion_tokens"};
    (void)out;
    return openai_fields_once(s, keys, COUNT(keys), err);
}

static enum status refuse_thread(const struct scan *s, struct chat_request *out, struct err *err)
{
    (void)out;
    return wish_refuse_thread(s, err);
}

static enum status read_model(const struct scan *s, struct chat_request *out, struct err *err)
{
    return openai_fields_model(s, &out->model, err);
}

static enum status read_tokens(const struct scan *s, struct chat_request *out, struct err *err)
{
    static const char *const names[] = {"max_completion_tokens",
                                        "max_tokens"}; /* the former wins */
    return openai_fields_tokens(s, names, COUNT(names), &out->max_tokens, err);
}

static enum status read_flags(const struct scan *s, struct chat_request *out, struct err *err)
{
    scan_ref stream = SCAN_GET(s, 0, "stream"), n = SCAN_GET(s, 0, "n");
    scan_ref usage = SCAN_GET(s, SCAN_GET(s, 0, "stream_options"), "include_usage");
    int64_t choices = 1;
    if (openai_fields_has(s, stream) && !scan_bool(s, stream, &out->stream)) {
        return openai_fields_wrong(err, "stream", "a boolean");
    }
    if (openai_fields_has(s, usage) && !scan_bool(s, usage, &out->include_usage)) {
        return openai_fields_wrong(err, "stream_options.include_usage", "a boolean");
    }
    if (openai_fields_has(s, n) && (!scan_i64(s, n, &choices) || choices != 1)) {
        return err_set_param(err, ERR_FAULT_VALUE, "n", "Invalid 'n': only 1 is supported.");
    }
    return STATUS_OK;
}

static enum status check_numbers(const struct scan *s, struct chat_request *out, struct err *err)
{
    (void)out;
    return openai_fields_numbers(s, err);
}

/* --- messages ------------------------------------------------------------------------------ */

static bool known_role(const struct scan *s, scan_ref role)
{
    static const char *const roles[] = {"system",    "developer", "user",
                                        "assistant", "tool",      "function"};
    for (size_t i = 0; i < COUNT(roles); i++) {
        if (scan_text_is(s, role, text_from(roles[i]))) {
            return true;
        }
    }
    return false;
}

/* What of a message is wrong: its place in the array is part of the parameter's name. */
static enum status wrong_member(struct err *err, enum err_fault fault, uint32_t at,
                                const char *member, const char *what)
{
    char name[40];
    snprintf(name, sizeof name, "messages[%u].%s", at, member);
    if (fault == ERR_FAULT_MISSING) {
        return openai_fields_missing(err, name);
    }
    if (fault == ERR_FAULT_TYPE) {
        return openai_fields_wrong(err, name, what);
    }
    return err_set_param(err, fault, name, "Invalid value for '%s': %s.", name, what);
}

static enum status check_message(const struct scan *s, scan_ref m, uint32_t at, struct err *err)
{
    scan_ref role = SCAN_GET(s, m, "role"), content = SCAN_GET(s, m, "content");
    enum scan_type type = scan_type(s, content);
    if (!known_role(s, role)) {
        return wrong_member(err, ERR_FAULT_VALUE, at, "role",
                            "supported values are 'system', 'assistant', 'user', 'function', "
                            "'tool', and 'developer'");
    }
    if (openai_fields_has(s, content) && type != SCAN_STRING && type != SCAN_ARRAY) {
        return wrong_member(err, ERR_FAULT_TYPE, at, "content", "a string or an array of parts");
    }
    if (SCAN_IS(s, role, "user") && !openai_fields_has(s, content)) {
        return wrong_member(err, ERR_FAULT_VALUE, at, "content", "expected a string, got null");
    }
    if (SCAN_IS(s, role, "tool") && scan_type(s, SCAN_GET(s, m, "tool_call_id")) != SCAN_STRING) {
        return wrong_member(err, ERR_FAULT_MISSING, at, "tool_call_id", "");
    }
    return STATUS_OK;
}

static enum status read_messages(const struct scan *s, struct chat_request *out, struct err *err)
{
    uint32_t at = 0;
    enum status st = STATUS_OK;
    out->messages = SCAN_GET(s, 0, "messages");
    if (!openai_fields_has(s, out->messages)) {
        return openai_fields_missing(err, "messages");
    }
    if (scan_type(s, out->messages) != SCAN_ARRAY) {
        return openai_fields_wrong(err, "messages", "an array");
    }
    if (scan_size(s, out->messages) == 0) {
        return openai_fields_empty(err, "messages");
    }
    for (scan_ref m = scan_first(s, out->messages); m != SCAN_ABSENT && st == STATUS_OK;
         m = scan_next(s, out->messages, m)) {
        st = check_message(s, m, at++, err);
    }
    return st == STATUS_OK ? chat_pairs_check(s, out->messages, err) : st;
}

static enum status read_tools(const struct scan *s, struct chat_request *out, struct err *err)
{
    scan_ref tools = SCAN_GET(s, 0, "tools");
    out->tools = SCAN_ABSENT;
    out->legacy = !openai_fields_has(s, tools) && scan_size(s, SCAN_GET(s, 0, "functions")) > 0;
    if (!openai_fields_has(s, tools)) {
        return STATUS_OK;
    }
    if (scan_type(s, tools) != SCAN_ARRAY) {
        return openai_fields_wrong(err, "tools", "an array");
    }
    if (scan_size(s, tools) > 0) {
        out->tools = tools;
    }
    return STATUS_OK;
}

/* --- entry --------------------------------------------------------------------------------- */

enum status chat_read(const struct scan *s, struct chat_request *out, struct err *err)
{
    static enum status (*const steps[])(const struct scan *, struct chat_request *,
                                        struct err *) = {
        refuse_thread, check_duplicates, read_model,    read_messages,
        read_tokens,   read_flags,       check_numbers, read_tools};
    enum status st = STATUS_OK;
    *out = (struct chat_request){.scan = s};
    if (scan_type(s, 0) != SCAN_OBJECT) {
        return err_set(err, STATUS_INVALID, "The request body is not a JSON object.");
    }
    for (size_t i = 0; st == STATUS_OK && i < COUNT(steps); i++) {
        st = steps[i](s, out, err);
    }
    if (st == STATUS_OK) {
        st = chat_wish_read(&out->wish, s, out->messages, out->tools, err);
    }
    out->wish.stream = out->stream;
    out->wish.max_tokens.n = out->max_tokens;
    out->wish.max_tokens.given = out->max_tokens > 0;
    return st;
}
