/* Top-level fields of the request, and the golden pairs of both directions. */
#include "worker/splice/splice.h"

#include <glob.h>
#include <stdio.h>

#include "tests/unit/splice_case.h"
#include "server/base/base64.h"

#define SONNET35         "anthropic.claude-3-5-sonnet-20241022-v2:0"
#define S37              "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
#define S45              "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
#define O46              "global.anthropic.claude-opus-4-6-v1"
#define O47              "global.anthropic.claude-opus-4-7"
#define ADDED            "\"anthropic_version\":\"bedrock-2023-05-31\","
#define MSG              "\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]"
#define IN(more)         "{\"model\":\"m\",\"max_tokens\":2000," MSG more "}"
#define OUT(more)        "{" ADDED "\"max_tokens\":2000," MSG more "}"
#define BIG(n, more)     "{\"max_tokens\":" n "," MSG more ",\"model\":\"m\"}"
#define BIG_OUT(n, more) "{" ADDED "\"max_tokens\":" n "," MSG more "}"

static void check_all(const struct splice_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        splice_case_check(&rows[i]);
}

static void test_request_bytes_not_named_stay_the_same(void **state)
{
    static const struct splice_row rows[] = {
        {"spacing, order, numbers, escapes", O47, "",
         "\n{ \"max_tokens\" :\t2000 , \"zeta\": [1.0, 1e-7, 9007199254740993 ,-0.0 , 1E+2],\r\n"
         "\"model\" : \"m\" ,\"stream\": true, \"messages\":[ {\"content\" : "
         "\"\\u0000\\/\\ud83d\\ude00 \xc3\xa9\","
         " \"role\":\"user\"} ] , \"alpha\" : { } }\n",
         "\n{" ADDED
         " \"max_tokens\" :\t2000 , \"zeta\": [1.0, 1e-7, 9007199254740993 ,-0.0 , 1E+2], "
         "\"messages\":[ {\"content\" : \"\\u0000\\/\\ud83d\\ude00 \xc3\xa9\","
         " \"role\":\"user\"} ] , \"alpha\" : { } }\n",
         ""},
        {"model last", O47, "", "{\"max_tokens\":1," MSG ",\"stream\":false,\"model\":\"m\"}",
         "{" ADDED "\"max_tokens\":1," MSG "}", ""},
        {"model first", O47, "", "{\"model\":\"m\",\"stream\":false,\"max_tokens\":1," MSG "}",
         "{" ADDED "\"max_tokens\":1," MSG "}", ""},
        {"model in the middle, escaped key", O47, "",
         "{\"max_tokens\":1,\"mod\\u0065l\":\"m\"," MSG "}", "{" ADDED "\"max_tokens\":1," MSG "}",
         ""},
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

static void test_request_fields_unknown_to_bedrock_go(void **state)
{
    static const struct splice_row rows[] = {
        {"named ones", O47, "",
         IN(",\"tags\":{\"a\":1},\"diagnostics\":{\"x\":1},\"inference_geo\":\"us\",\"speed\":"
            "\"fast\""),
         OUT(""), "drop:diagnostics,drop:inference_geo,drop:speed,drop:tags"},
        {"standard speed, nulls", O47, "",
         IN(",\"speed\":\"standard\",\"container\":null,\"mcp_servers\":[],\"diagnostics\":null"),
         OUT(""), ""},
        {"context_management", O47, "", IN(",\"context_management\":{\"edits\":[{}]}"), OUT(""),
         "drop:context_management"},
        {"metadata to user_id", O47, "", IN(",\"metadata\":{\"a\":1,\"user_id\":\"u\",\"b\":2}"),
         OUT(",\"metadata\":{\"user_id\":\"u\"}"), "drop:metadata"},
        {"metadata without user_id", O47, "", IN(",\"metadata\":{\"user_id\":null}"), OUT(""), ""},
        {"unknown field: upstream decides", O47, "", IN(",\"novelty\":[1]"),
         OUT(",\"novelty\":[1]"), ""},
        {"sampling on an old model", S37, "", IN(",\"temperature\":1.0,\"top_p\":0.9,\"top_k\":5"),
         OUT(",\"temperature\":1.0,\"top_p\":0.9,\"top_k\":5"), ""},
        {"only one of two", S45, "", IN(",\"top_p\":0.9,\"temperature\":1.0,\"top_k\":5"),
         OUT(",\"temperature\":1.0,\"top_k\":5"), "drop:top_p"},
        {"top_p alone", S45, "", IN(",\"top_p\":0.9"), OUT(",\"top_p\":0.9"), ""},
        {"no sampling", O47, "", IN(",\"temperature\":0.5,\"top_p\":0.9,\"top_k\":5"), OUT(""),
         "drop:temperature,drop:top_p,drop:top_k"},
        {"effort and format", S37, "",
         IN(",\"output_config\":{\"effort\":\"high\",\"format\":{\"type\":\"json_schema\"}}"),
         OUT(""), "drop:output_config.effort,drop:output_config.format"},
        {"effort only", S45, "",
         IN(",\"output_config\":{\"effort\":\"high\",\"format\":{\"type\":\"json_schema\"},\"task_"
            "budget\":{}}"),
         OUT(",\"output_config\":{\"format\":{\"type\":\"json_schema\"}}"),
         "drop:output_config.effort,drop:output_config.task_budget"},
        {"old name of format", S45, "", IN(",\"output_format\":{\"type\":\"json_schema\"}"),
         OUT(",\"output_config\":{\"format\":{\"type\":\"json_schema\"}}"), "map:output_format"},
        {"old name of format beside effort", O46, "",
         IN(",\"output_config\":{\"effort\":\"low\"},\"output_format\":{\"type\":\"json_schema\"}"),
         OUT(",\"output_config\":{\"format\":{\"type\":\"json_schema\"},\"effort\":\"low\"}"),
         "map:output_format"},
        {"blank stop sequences", O47, "", IN(",\"stop_sequences\":[\" \",\"a\",\"\\n\"]"),
         OUT(",\"stop_sequences\":[\"a\"]"), "drop:stop_sequences"},
        {"format without a schema", O47, "",
         IN(",\"output_config\":{\"format\":{\"type\":\"json_schema\"}}"), OUT(""),
         "drop:output_config.format"},
        {"old name beside the new", O47, "",
         IN(",\"output_format\":{\"a\":1},\"output_config\":{\"effort\":\"low\"}"),
         OUT(",\"output_config\":{\"effort\":\"low\"}"), "drop:output_format"},
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

static void test_request_thinking_is_translated_for_the_model(void **state)
{
    static const struct splice_row rows[] = {
        {"adaptive taken", O47, "",
         IN(",\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}"),
         OUT(",\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}"), ""},
        {"display of a beta", O47, "",
         IN(",\"thinking\":{\"type\":\"adaptive\",\"display\":\"updates\"}"),
         OUT(",\"thinking\":{\"type\":\"adaptive\"}"), "drop:thinking.display"},
        {"display not taken", O46, "",
         IN(",\"thinking\":{\"display\":\"omitted\",\"type\":\"adaptive\"}"),
         OUT(",\"thinking\":{\"type\":\"adaptive\"}"), "drop:thinking.display"},
        {"enabled on 4.6", O46, "",
         IN(",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1500}"),
         OUT(",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1500}"), ""},
        {"enabled to adaptive", O47, "",
         IN(",\"thinking\":{\"budget_tokens\":1500,\"type\":\"enabled\"}"),
         OUT(",\"thinking\":{\"type\":\"adaptive\"}"), "map:thinking"},
        {"adaptive to enabled", S45, "", IN(",\"thinking\":{\"type\":\"adaptive\"}"),
         OUT(",\"thinking\":{\"budget_tokens\":1024,\"type\":\"enabled\"}"), "map:thinking"},
        {"half of max_tokens", S45, "", BIG("8000", ",\"thinking\":{\"type\":\"adaptive\"}"),
         BIG_OUT("8000", ",\"thinking\":{\"budget_tokens\":4000,\"type\":\"enabled\"}"),
         "map:thinking"},
        {"large max_tokens", S37, "", BIG("128000", ",\"thinking\":{\"type\":\"adaptive\"}"),
         BIG_OUT("128000", ",\"thinking\":{\"budget_tokens\":31999,\"type\":\"enabled\"}"),
         "map:thinking"},
        {"budget by effort", S45, "",
         BIG("64000", ",\"output_config\":{\"effort\":\"low\"},\"thinking\":{\"type\":"
                      "\"adaptive\"}"),
         BIG_OUT("64000", ",\"thinking\":{\"budget_tokens\":2048,\"type\":\"enabled\"}"),
         "map:thinking"},
        {"sampling that does not go with it", S45, "",
         IN(",\"temperature\":0.5,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1500}"),
         OUT(",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1500}"), "drop:temperature"},
        {"twice", O47, "", IN(",\"thinking\":{\"type\":\"adaptive\"},\"top_k\":1,\"top_k\":2"),
         OUT(",\"thinking\":{\"type\":\"adaptive\"}"), "drop:top_k"},
        {"no room for a budget", S45, "", BIG("1024", ",\"thinking\":{\"type\":\"adaptive\"}"),
         BIG_OUT("1024", ""), "drop:thinking"},
        {"no thinking at all", SONNET35, "", IN(",\"thinking\":{\"type\":\"adaptive\"}"), OUT(""),
         "drop:thinking"},
        {"disabled, no thinking at all", SONNET35, "", IN(",\"thinking\":{\"type\":\"disabled\"}"),
         OUT(""), ""},
        {"disabled", O47, "", IN(",\"thinking\":{\"type\":\"disabled\"}"),
         OUT(",\"thinking\":{\"type\":\"disabled\"}"), ""},
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

static void test_request_that_bedrock_cannot_do_is_refused_by_name(void **state)
{
    static const struct splice_row rows[] = {
        {"mcp", O47, "", IN(",\"mcp_servers\":[{\"url\":\"x\"}]"),
         "mcp_servers: Extra inputs are not permitted", NULL},
        {"container", O47, "", IN(",\"container\":\"c\""),
         "container: Extra inputs are not permitted", NULL},
        {"fallbacks", O47, "", IN(",\"fallbacks\":[{\"model\":\"x\"}]"),
         "fallbacks: Extra inputs are not permitted", NULL},
        {"safeguards", S45, "", IN(",\"safeguards\":[{\"type\":\"dangerous_tool_use\"}]"),
         "safeguards: Extra inputs are not permitted", NULL},
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

/* The header's value; the default needs none. */
static struct str tier_of(const struct splice_case *c)
{
    return c->plan.tier == TIER_DEFAULT ? STR("") : tier_word(c->plan.tier);
}

static void test_service_tier_of_bedrock_becomes_a_header(void **state)
{
    static const struct {
        const char *value, *tier, *changes;
    } rows[] = {
        {"\"priority\"", "priority", "map:service_tier"},
        {"\"default\"", "", "map:service_tier"},
        {"\"flex\"", "flex", "map:service_tier"},
        {"\"reserved\"", "reserved", "map:service_tier"},
        {"\"auto\"", "", "drop:service_tier"},
        {"\"standard_only\"", "", "drop:service_tier"},
        {"7", "", "drop:service_tier"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct splice_case c;
        char body[200];
        snprintf(body, sizeof body, IN(",\"service_tier\":%s"), rows[i].value);
        splice_case_run(&c, STR(O47), STR(""), text_from(body));
        struct str tier = tier_of(&c);
        if (!text_eq(tier, text_from(rows[i].tier)) ||
            !text_eq(buf_str(&c.changes), text_from(rows[i].changes)) ||
            !text_eq(buf_str(&c.body), STR(OUT(""))))
            fail_msg("%s: tier '%.*s', changes '%.*s'", rows[i].value, STR_ARG(tier),
                     STR_ARG(buf_str(&c.changes)));
        splice_case_free(&c);
    }
}

static void test_count_tokens_body_gets_max_tokens_above_the_budget(void **state)
{
    struct splice_case c;
    struct models_choice choice = {.id = STR(S45),
                                   .caps = models_caps(STR(S45), &(struct models_caps){0}),
                                   .transport = MODELS_INVOKE};
    struct plan_options o = {.model = &choice};
    (void)state;
    splice_case_read(
        &c,
        STR("{\"model\":\"m\",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}," MSG "}"),
        true);
    splice_case_convert(&c, &o, &c.body);
    assert_int_equal(c.status, STATUS_OK);
    assert_true(text_eq(buf_str(&c.body),
                        STR("{" ADDED "\"max_tokens\":2049,\"thinking\":{\"type\":\"enabled\","
                            "\"budget_tokens\":2048}," MSG "}")));
    splice_case_free(&c);
}

/* A plain field that the model takes: no row of the tables has one yet. */
static void test_plain_field_that_is_taken_stays_as_it_is(void **state)
{
    struct splice_case c;
    struct models_choice choice = {.id = STR(O47),
                                   .caps = models_caps(STR(O47), &(struct models_caps){0}),
                                   .transport = MODELS_INVOKE};
    struct plan_options o = {.model = &choice};
    size_t row = 0;
    (void)state;
    splice_case_read(&c, STR(IN(",\"tags\": {\"a\":1.0} ,\"speed\":\"fast\"")), false);
    assert_int_equal(plan_make(&c.plan, &c.request.wish, &o, c.arena, &c.changes, &c.err),
                     STATUS_OK);
    while (!text_eq(wish_plain[row].messages, STR("tags")))
        row++;
    c.plan.left.fields.plain[row] = SCAN_GET(&c.scan, 0, "tags");
    assert_int_equal(splice_request(&c.request, &c.plan, &c.body, &c.err), STATUS_OK);
    assert_true(text_eq(buf_str(&c.body), STR(OUT(",\"tags\": {\"a\":1.0}"))));
    splice_case_free(&c);
}

static void test_request_larger_than_the_limit_is_too_large(void **state)
{
    struct splice_case c;
    struct models_choice choice = {.id = STR(O47),
                                   .caps = models_caps(STR(O47), &(struct models_caps){0}),
                                   .transport = MODELS_INVOKE};
    struct plan_options o = {.model = &choice};
    struct buf small;
    (void)state;
    buf_init(&small, 64);
    splice_case_read(&c, STR(IN("")), false);
    splice_case_convert(&c, &o, &small);
    assert_int_equal(c.status, STATUS_TOO_LARGE);
    buf_free(&small);
    splice_case_free(&c);
}

/* Every allocation in turn fails: an error each time, never a crash or a broken body. */
static void test_request_without_memory_is_busy(void **state)
{
    struct models_choice choice = {.id = STR(S45),
                                   .caps = models_caps(STR(S45), &(struct models_caps){0}),
                                   .transport = MODELS_INVOKE};
    struct plan_options o = {.model = &choice, .betas = STR("advanced-tool-use-2025-11-20")};
    struct str body =
        STR("{\"model\":\"m\",\"max_tokens\":9,\"thinking\":{\"type\":\"adaptive\"},"
            "\"cache_control\":{\"type\":\"ephemeral\"},\"messages\":[{\"role\":\"user\","
            "\"content\":\"u\"},{\"role\":\"system\",\"content\":\"s\"}]}");
    unsigned long failures = 0;
    (void)state;
    for (unsigned long k = 1; k < 50; k++) {
        struct splice_case c;
        splice_case_read(&c, body, false);
        assert_int_equal(c.status, STATUS_OK);
        heap_fail_after(k);
        splice_case_convert(&c, &o, &c.body);
        enum status st = c.status;
        heap_fail_after(0);
        if (st != STATUS_OK) {
            assert_int_equal(st, STATUS_BUSY);
            failures++;
        } else if (!splice_case_is_json(&c, buf_str(&c.body))) {
            fail_msg("allocation %lu: a broken body", k);
        }
        splice_case_free(&c);
    }
    assert_in_range(failures, 1, 40);
}

/* --- golden pairs -------------------------------------------------------------------------- */

static char *read_file(const char *path, size_t *n_out)
{
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s: cannot be opened (run from the top of the repository)", path);
    enum { FILE_MAX = 65536 };
    char *text = heap_new(FILE_MAX);
    assert_non_null(text);
    *n_out = fread(text, 1, FILE_MAX, f);
    fclose(f);
    return text;
}

/* "x.in.json" -> contents of "x.out.json" */
static char *read_expected(const char *in, size_t *n_out)
{
    char path[512];
    const char *at = strstr(in, ".in.");
    assert_non_null(at);
    snprintf(path, sizeof path, "%.*s.out.%s", (int)(at - in), in, at + 4);
    return read_file(path, n_out);
}

/* in: {"model_id","betas","body"}; out: {"changes","tier","body"} or {"error"}. Bodies byte for
 * byte. */
static void check_golden_request(const char *path)
{
    struct arena *arena = arena_new((size_t)16 << 20);
    struct scan in, want;
    struct splice_case c;
    size_t in_n, want_n;
    char *in_text = read_file(path, &in_n), *want_text = read_expected(path, &want_n);
    if (scan_parse(&in, arena, (struct str){in_text, in_n}, &case_limits, NULL) != STATUS_OK ||
        scan_parse(&want, arena, (struct str){want_text, want_n}, &case_limits, NULL) != STATUS_OK)
        fail_msg("%s: no JSON", path);
    splice_case_run(&c, scan_text(&in, SCAN_GET(&in, 0, "model_id")),
                    scan_text(&in, SCAN_GET(&in, 0, "betas")),
                    scan_raw(&in, SCAN_GET(&in, 0, "body")));
    struct str error = scan_text(&want, SCAN_GET(&want, 0, "error"));
    if (error.p) {
        if ((c.status != STATUS_INVALID && c.status != STATUS_THREAD) ||
            !text_eq(error, text_from(c.err.text)))
            fail_msg("%s: status %d, text '%s'", path, c.status, c.err.text);
    } else if (c.status != STATUS_OK) {
        fail_msg("%s: %s", path, c.err.text);
    } else if (!text_eq(buf_str(&c.body), scan_raw(&want, SCAN_GET(&want, 0, "body")))) {
        fail_msg("%s: got\n%.*s", path, STR_ARG(buf_str(&c.body)));
    } else if (!scan_text_is(&want, SCAN_GET(&want, 0, "changes"), buf_str(&c.changes)) ||
               !scan_text_is(&want, SCAN_GET(&want, 0, "tier"), tier_of(&c))) {
        fail_msg("%s: changes '%.*s', tier '%.*s'", path, STR_ARG(buf_str(&c.changes)),
                 STR_ARG(tier_of(&c)));
    }
    splice_case_free(&c);
    arena_drop(arena);
    heap_drop(in_text);
    heap_drop(want_text);
}

static void put_frame(struct reply *r, struct str event, struct buf *out, const char *path)
{
    struct buf payload;
    struct err err;
    buf_init(&payload, CASE_MAX);
    BUF_LIT(&payload, "{\"bytes\":\"");
    size_t n = base64_size(event.n);
    char *room = buf_reserve(&payload, n);
    assert_non_null(room);
    buf_commit(&payload, base64_encode((const uint8_t *)event.p, event.n, room));
    BUF_LIT(&payload, "\",\"p\":\"abcdefgh\"}");
    if (splice_event(r, buf_str(&payload), out, &err) != STATUS_OK)
        fail_msg("%s: %s", path, err.text);
    buf_free(&payload);
}

/* in: one decoded event a line; out: the SSE bytes, then a comment with what was read. */
static void check_golden_stream(const char *path)
{
    struct splice_reply whole;
    struct reply *r = &whole.reply;
    struct buf out;
    size_t in_n, want_n;
    char *in = read_file(path, &in_n), *want = read_expected(path, &want_n);
    struct str lines = {in, in_n}, line;
    buf_init(&out, CASE_MAX);
    splice_reply_init(&whole, STR("claude-client-name"));
    while (text_split(&lines, '\n', &line))
        if (line.n > 0)
            put_frame(r, line, &out, path);
    buf_printf(
        &out,
        ": input %llu output %llu read %llu write %llu write_1h %llu latency %llu stop "
        "'%s'%s%s%s\n",
        (unsigned long long)r->usage.tokens.input, (unsigned long long)r->usage.tokens.output,
        (unsigned long long)r->usage.tokens.cache_read,
        (unsigned long long)tokens_written(&r->usage.tokens),
        (unsigned long long)r->usage.tokens.write_1h, (unsigned long long)r->first_latency_ms,
        r->stop_reason, r->started ? " started" : "", r->stopped ? " stopped" : "",
        r->failed ? " failed" : "");
    if (!text_eq(buf_str(&out), (struct str){want, want_n}))
        fail_msg("%s: got\n%.*s", path, STR_ARG(buf_str(&out)));
    buf_free(&out);
    heap_drop(in);
    heap_drop(want);
}

static void for_each_pair(const char *pattern, size_t least, void (*check)(const char *path))
{
    glob_t found;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= least);
    for (size_t i = 0; i < found.gl_pathc; i++)
        check(found.gl_pathv[i]);
    globfree(&found);
}

static void test_golden_requests_match(void **state)
{
    (void)state;
    for_each_pair("tests/golden/splice_request/*.in.json", 6, check_golden_request);
}

static void test_golden_streams_match(void **state)
{
    (void)state;
    for_each_pair("tests/golden/splice_stream/*.in.events", 4, check_golden_stream);
}

/* Spans between \1 and \2 are what the model does not take: everything else, bytes that a printer
 * of JSON would write otherwise included, is what Bedrock gets. */
static void test_request_bytes_outside_the_cuts_stay_the_same(void **state)
{
    static const char marked[] =
        "\n{\1 \"model\" : \"m\",\2 "
        "\"max_tokens\":\t2000,\1\"context_management\" :{ \"edits\":[ ] }"
        ",\2 \"tools\" : [ {\"name\":\"t\\u0041\",\1 "
        "\"eager_input_streaming\": true,\2 \"input_schema\""
        ": {\"type\":\"object\",\"n\":1.0e+0 , \"d\":-0.0,\"big\":9007199254740993} } ] "
        ",\r\n\"messages\":[{ \"role\":\"user\""
        " , \"content\":[{\"type\":\"text\" ,\"text\":\"\\/\\ud83d\\ude00 "
        "\xc3\xa9\"} ] } ]\1,\"stream\" : "
        "true\2 }\n";
    char in[sizeof marked], want[sizeof marked + sizeof ADDED];
    size_t in_n = 0, want_n = 0;
    bool cut = false;
    struct splice_case c;
    (void)state;
    for (const char *p = marked; *p; p++) {
        if (*p == 1 || *p == 2) {
            cut = *p == 1;
            continue;
        }
        in[in_n++] = *p;
        if (!cut)
            want[want_n++] = *p;
        if (*p == '{' && want_n == 2) { /* what is added comes first */
            memcpy(want + want_n, ADDED, sizeof ADDED - 1);
            want_n += sizeof ADDED - 1;
        }
    }
    splice_case_run(&c, STR(S37), STR(""), (struct str){in, in_n});
    assert_int_equal(c.status, STATUS_OK);
    if (!text_eq(buf_str(&c.body), (struct str){want, want_n}))
        fail_msg("got\n%.*s\nwant\n%.*s", STR_ARG(buf_str(&c.body)), (int)want_n, want);
    splice_case_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_bytes_not_named_stay_the_same),
        cmocka_unit_test(test_request_bytes_outside_the_cuts_stay_the_same),
        cmocka_unit_test(test_request_fields_unknown_to_bedrock_go),
        cmocka_unit_test(test_request_thinking_is_translated_for_the_model),
        cmocka_unit_test(test_request_that_bedrock_cannot_do_is_refused_by_name),
        cmocka_unit_test(test_service_tier_of_bedrock_becomes_a_header),
        cmocka_unit_test(test_count_tokens_body_gets_max_tokens_above_the_budget),
        cmocka_unit_test(test_plain_field_that_is_taken_stays_as_it_is),
        cmocka_unit_test(test_request_larger_than_the_limit_is_too_large),
        cmocka_unit_test(test_request_without_memory_is_busy),
        cmocka_unit_test(test_golden_requests_match),
        cmocka_unit_test(test_golden_streams_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
