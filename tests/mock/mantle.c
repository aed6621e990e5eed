#include "tests/mock/mantle.h"

static const struct scan_limits LIMITS = {
    .depth = 1000, .values = 5000000, .keys = 1000000, .number_len = 1000};

static const char *const MEMBERS[] = {"model",       "messages", "system",        "tools",
                                      "tool_choice", "thinking", "output_config", NULL};

static void refuse(struct mock *mock, struct answer *out, int status, const char *type,
                   const char *text)
{
    struct json_out w;
    buf_clear(&mock->body);
    json_begin(&w, &mock->body);
    json_object(&w);
    speaker_put(&w, STR("type"), STR("error"));
    JSON_KEY(&w, "error");
    json_object(&w);
    speaker_put(&w, STR("type"), text_from(type));
    speaker_put(&w, STR("message"), text_from(text));
    json_object_end(&w);
    json_object_end(&w);
    mock->ledger.refused++;
    answer_body(out, status, STR("application/json"), STR(""), &mock->body);
}

static bool check(const struct scan *s, const struct request *r, char why[WHY_SIZE])
{
    struct str version = reader_get(r, STR("anthropic-version"));
    if (!text_eq(version, STR("2023-06-01")) && !text_eq(version, STR("2026-10-21")))
        return speaker_refuse(why, "anthropic-version: header is required");
    if (!speaker_only(s, 0, MEMBERS, "", why))
        return false;
    if (scan_type(s, SCAN_GET(s, 0, "messages")) != SCAN_ARRAY)
        return speaker_refuse(why, "messages: Field required");
    return true;
}

static bool is_id(struct str model)
{
    size_t at;
    return text_starts(model, STR("anthropic.")) && !text_find(model, STR(":"), &at) &&
           !text_ends(model, STR("-v1"));
}

void mantle_count(struct mock *mock, const struct request *r, struct arena *arena, bool denied,
                  struct answer *out)
{
    struct scan s;
    struct err err = {.code = STATUS_OK};
    char why[WHY_SIZE];
    if (denied) {
        refuse(mock, out, 403, "permission_error", "the mock's caller may not count here");
        return;
    }
    if (scan_parse(&s, arena, r->body, &LIMITS, &err) != STATUS_OK || !check(&s, r, why)) {
        refuse(mock, out, 400, "invalid_request_error",
               err.code == STATUS_OK ? why : "the body is no JSON");
        return;
    }
    if (!is_id(scan_text(&s, SCAN_GET(&s, 0, "model")))) {
        refuse(mock, out, 404, "not_found_error", "model: not found");
        return;
    }
    buf_clear(&mock->body);
    buf_printf(&mock->body, "{\"input_tokens\":%zu}", r->body.n / 4 + 1);
    answer_body(out, 200, STR("application/json"), STR(""), &mock->body);
}
