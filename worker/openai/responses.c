#include "worker/openai/responses.h"

#include "worker/openai/openai_fields.h"
#include "worker/openai/responses_check.h"
#include "worker/openai/responses_wish.h"

/* --- fields -------------------------------------------------------------------------------- */

/* Two readers of one body must not see two different requests. */
static enum status check_duplicates(const struct scan *s, struct responses_request *out,
                                    struct err *err)
{
    static const char *const keys[] = {"model", "input", "stream", "tools", "max_output_tokens"};
    (void)out;
    return openai_fields_once(s, keys, COUNT_OF(keys), err);
}

/* The whole conversation comes with each request, or it would lose its memory in silence. */
static enum status refuse_stored(const struct scan *s, struct responses_request *out,
                                 struct err *err)
{
    static const char *const names[] = {"previous_response_id", "conversation", "prompt"};
    (void)out;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (openai_fields_has(s, scan_get(s, 0, text_from(names[i])))) {
            return err_set_param(err, ERR_FAULT_UNSUPPORTED, names[i],
                                 "Unsupported parameter: '%s': nothing is stored here; send it all "
                                 "in 'input'.",
                                 names[i]);
        }
    }
    if (scan_type(s, SCAN_GET(s, 0, "background")) == SCAN_TRUE) {
        return err_set_param(err, ERR_FAULT_UNSUPPORTED, "background",
                             "Unsupported parameter: 'background': answers are given at once.");
    }
    return STATUS_OK;
}

static enum status read_model(const struct scan *s, struct responses_request *out, struct err *err)
{
    return openai_fields_model(s, &out->model, err);
}

/* The first that is there. The two others are Chat's, which some clients (Cursor) mix in. */
static enum status read_tokens(const struct scan *s, struct responses_request *out, struct err *err)
{
    static const char *const names[] = {"max_output_tokens", "max_completion_tokens", "max_tokens"};
    return openai_fields_tokens(s, names, COUNT_OF(names), &out->max_tokens, err);
}

static enum status read_flags(const struct scan *s, struct responses_request *out, struct err *err)
{
    scan_ref stream = SCAN_GET(s, 0, "stream"), include = SCAN_GET(s, 0, "include");
    if (openai_fields_has(s, stream) && !scan_bool(s, stream, &out->stream)) {
        return openai_fields_wrong(err, "stream", "a boolean");
    }
    if (openai_fields_has(s, include) && scan_type(s, include) != SCAN_ARRAY) {
        return openai_fields_wrong(err, "include", "an array");
    }
    for (scan_ref v = scan_type(s, include) == SCAN_ARRAY ? scan_first(s, include) : SCAN_ABSENT;
         v != SCAN_ABSENT; v = scan_next(s, include, v)) {
        out->wants_encrypted = out->wants_encrypted || SCAN_IS(s, v, "reasoning.encrypted_content");
    }
    out->shows_summary = responses_wish_shows_summary(s);
    return STATUS_OK;
}

static enum status check_objects(const struct scan *s, struct responses_request *out,
                                 struct err *err)
{
    static const char *const names[] = {"reasoning", "text", "metadata"};
    (void)out;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        scan_ref r = scan_get(s, 0, text_from(names[i]));
        if (openai_fields_has(s, r) && scan_type(s, r) != SCAN_OBJECT) {
            return openai_fields_wrong(err, names[i], "an object");
        }
    }
    return openai_fields_numbers(s, err);
}

static enum status read_instructions(const struct scan *s, struct responses_request *out,
                                     struct err *err)
{
    scan_ref r = SCAN_GET(s, 0, "instructions");
    out->instructions = SCAN_ABSENT;
    if (!openai_fields_has(s, r)) {
        return STATUS_OK;
    }
    if (scan_type(s, r) != SCAN_STRING) {
        return openai_fields_wrong(err, "instructions", "a string");
    }
    out->instructions = r;
    return STATUS_OK;
}

static enum status read_input(const struct scan *s, struct responses_request *out, struct err *err)
{
    out->input = SCAN_GET(s, 0, "input");
    enum scan_type type = scan_type(s, out->input);
    if (!openai_fields_has(s, out->input)) {
        return openai_fields_missing(err, "input");
    }
    if (type == SCAN_STRING) {
        return STATUS_OK;
    }
    if (type != SCAN_ARRAY) {
        return openai_fields_wrong(err, "input", "a string or an array of items");
    }
    if (scan_size(s, out->input) == 0) {
        return openai_fields_empty(err, "input");
    }
    enum status st = responses_item_list(s, out->input, &out->items, err);
    return st == STATUS_OK ? responses_check_items(s, &out->items, err) : st;
}

static enum status read_pairs(const struct scan *s, struct responses_request *out, struct err *err)
{
    return responses_pairs_read(s, &out->items, &out->pairs, err);
}

static enum status read_tools(const struct scan *s, struct responses_request *out, struct err *err)
{
    scan_ref tools = SCAN_GET(s, 0, "tools");
    out->tools = SCAN_ABSENT;
    if (openai_fields_has(s, tools) && scan_type(s, tools) != SCAN_ARRAY) {
        return openai_fields_wrong(err, "tools", "an array");
    }
    if (scan_size(s, tools) > 0) {
        out->tools = tools;
    }
    return responses_check_tools(s, out->tools, &out->items, err);
}

/* --- entry --------------------------------------------------------------------------------- */

enum status responses_read(const struct scan *s, struct responses_request *out, struct err *err)
{
    static enum status (*const steps[])(const struct scan *, struct responses_request *,
                                        struct err *) = {
        check_duplicates, read_model, refuse_stored, read_input,        read_pairs,
        read_tokens,      read_flags, check_objects, read_instructions, read_tools};
    enum status st = STATUS_OK;
    *out = (struct responses_request){.scan = s};
    if (scan_type(s, 0) != SCAN_OBJECT) {
        return err_set(err, STATUS_INVALID, "The request body is not a JSON object.");
    }
    for (size_t i = 0; st == STATUS_OK && i < COUNT_OF(steps); i++) {
        st = steps[i](s, out, err);
    }
    if (st == STATUS_OK) {
        out->last = responses_item_last_turn(s, &out->items);
        st = responses_wish_read(&out->wish, s, &out->items, out->tools, &out->last, err);
    }
    out->wish.stream = out->stream;
    out->wish.max_tokens.n = out->max_tokens;
    out->wish.max_tokens.given = out->max_tokens > 0;
    return st;
}
