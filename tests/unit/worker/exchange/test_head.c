#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "worker/exchange/head.h"
#include "worker/exchange/worker.h"

static const struct config config = {.cors_origins = ""};
static struct worker worker = {.config = &config};

/* The answer of head_keep for a request with these headers; the arena is dropped by the caller. */
static enum status keep(struct exchange *x, struct http_header *headers, size_t n, struct err *err)
{
    struct http_request r = {.path = STR("/v1/messages"), .headers = headers, .header_count = n};
    *x = (struct exchange){.worker = &worker, .arena = arena_new(1 << 16)};
    assert_non_null(x->arena);
    return head_keep(x, &r, err);
}

static void test_keep_version_from_october_2026_has_no_sampling(void **state)
{
    static const struct {
        const char *version;
        bool gone;
    } rows[] = {{"2026-10-21", true},  {"2027-01-02", true}, {"2026-10-20", false},
                {"2023-06-01", false}, {"", false},          {"2026-10-21x", false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_header header = {STR("Anthropic-Version"), text_from(rows[i].version)};
        struct exchange x;
        struct err err;
        assert_int_equal(keep(&x, &header, 1, &err), STATUS_OK);
        if (x.asked.no_sampling != rows[i].gone)
            fail_msg("'%s'", rows[i].version);
        arena_drop(x.arena);
    }
}

static void test_keep_betas_of_two_headers_are_joined(void **state)
{
    struct http_header headers[] = {{STR("anthropic-beta"), STR("a,b")},
                                    {STR("x"), STR("y")},
                                    {STR("Anthropic-Beta"), STR("c")}};
    struct exchange x;
    struct err err;
    (void)state;
    assert_int_equal(keep(&x, headers, 3, &err), STATUS_OK);
    assert_true(text_eq(x.asked.betas, STR("a,b,c")));
    assert_true(text_eq(x.asked.path, STR("/v1/messages")));
    assert_false(x.asked.no_sampling);
    arena_drop(x.arena);
}

static void test_keep_too_many_betas_are_refused(void **state)
{
    static char many[4100];
    memset(many, 'b', sizeof many);
    struct http_header header = {STR("anthropic-beta"), {many, sizeof many}};
    struct exchange x;
    struct err err;
    (void)state;
    assert_int_equal(keep(&x, &header, 1, &err), STATUS_HEADERS_LARGE);
    arena_drop(x.arena);
}

static void test_glance_needs_no_arena_and_cuts_the_agent(void **state)
{
    static char agent[200];
    memset(agent, 'a', sizeof agent);
    struct http_header headers[] = {{STR("X-Request-Id"), STR("mine")},
                                    {STR("User-Agent"), {agent, sizeof agent}},
                                    {STR("Origin"), STR("https://evil.example")}};
    struct http_request r = {.path = STR("/v1/messages"), .headers = headers, .header_count = 3};
    struct exchange x = {.worker = &worker};
    char id[ANSWER_ID_SIZE];
    (void)state;
    head_glance(&x, &r, id);
    assert_true(text_eq(x.asked.id, STR("mine")));
    assert_true(text_eq(x.asked.path, STR("/v1/messages")));
    assert_int_equal(x.asked.client.agent.n, 80);
    assert_int_equal(x.asked.origin.n, 0); /* not in CORS_ORIGINS */
    head_glance(&x, &(struct http_request){.path = {NULL, 0}}, id);
    assert_true(text_starts(x.asked.id, STR("req_")));
    assert_int_equal(x.asked.path.n, 0);
}

/* What SDKs were seen to send (TypeScript, Python), and what they must not do here. */
static void test_glance_reads_for_how_long_the_client_waits(void **state)
{
    static const struct {
        const char *name, *value;
        uint32_t s;
    } rows[] = {{"X-Stainless-Timeout", "600", 600},
                {"x-stainless-read-timeout", "600.0", 600},
                {"x-stainless-read-timeout", "0.5", 0},
                {"x-stainless-timeout", "NOT_GIVEN", 0},
                {"x-stainless-timeout", "", 0},
                {"x-stainless-timeout", "-5", 0},
                {"x-stainless-timeout", "5s", 0},
                {"x-stainless-timeout", "99999999999999999999", 999999},
                {"x-stainless-retry-count", "2", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_header header = {text_from(rows[i].name), text_from(rows[i].value)};
        struct exchange x;
        struct err err;
        assert_int_equal(keep(&x, &header, 1, &err), STATUS_OK);
        if (x.asked.client.patience_s != rows[i].s) {
            fail_msg("%s: %s: %u", rows[i].name, rows[i].value, x.asked.client.patience_s);
        }
        arena_drop(x.arena);
    }
}

static void test_check_coding_only_identity_passes(void **state)
{
    static const struct {
        const char *coding;
        enum status want;
    } rows[] = {{"identity", STATUS_OK},
                {"", STATUS_OK},
                {"Identity", STATUS_OK},
                {"gzip", STATUS_BODY_CODED},
                {"br, gzip", STATUS_BODY_CODED}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_header header = {STR("content-encoding"), text_from(rows[i].coding)};
        struct http_request r = {.headers = &header, .header_count = 1};
        struct err err;
        if (head_check_coding(&r, &err) != rows[i].want)
            fail_msg("'%s'", rows[i].coding);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keep_version_from_october_2026_has_no_sampling),
        cmocka_unit_test(test_keep_betas_of_two_headers_are_joined),
        cmocka_unit_test(test_keep_too_many_betas_are_refused),
        cmocka_unit_test(test_glance_needs_no_arena_and_cuts_the_agent),
        cmocka_unit_test(test_glance_reads_for_how_long_the_client_waits),
        cmocka_unit_test(test_check_coding_only_identity_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
