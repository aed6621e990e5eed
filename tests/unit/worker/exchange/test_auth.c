/* auth.c against a real segment: the directory is published and the buckets are taken from as in
 * production. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "server/base/clock.h"
#include "server/base/sha256.h"
#include "shm/memory/counters.h"
#include "shm/memory/keymiss.h"
#include "worker/exchange/auth.h"
#include "worker/door/metrics.h"
#include "worker/exchange/routes.h"

static struct segment segment;
static struct config config;
static struct worker worker;
static const struct route route = {.need = ROUTE_KEY, .limit = ROUTE_REQUESTS};

static void put_key(const char *text, uint32_t slot, uint32_t flags, int64_t expires_ms,
                    uint32_t limit)
{
    struct directory_key k = {.slot = slot,
                              .tag = slot + 7,
                              .flags = flags,
                              .expires_ms = expires_ms,
                              .rate_limit = limit};
    sha256(text, strlen(text), k.digest);
    atomic_store(&segment.buckets[slot].tag, k.tag);
    assert_true(directory_add(&segment, &k));
}

static int set_up(void **state)
{
    (void)state;
    struct err err;
    clock_tick();
    assert_int_equal(segment_create(&segment, 2, 1024, &err), STATUS_OK);
    counters_enter(&segment, 1);
    directory_set_max_stale(&segment, 3600000);
    directory_begin(&segment);
    put_key("sk-good", 300, DIRECTORY_ACTIVE, 0, 0);
    put_key("sk-three", 301, DIRECTORY_ACTIVE, 0, 3);
    put_key("sk-revoked", 302, 0, 0, 0);
    put_key("sk-broke", 303, DIRECTORY_BUDGET_EXCEEDED, 0, 0);
    put_key("sk-old", 304, DIRECTORY_ACTIVE, 1000, 0);
    directory_publish(&segment, clock_real_ms());
    config = (struct config){.require_api_key = true,
                             .api_key_header = "x-api-key",
                             .dynamodb_timeout = 5,
                             .rate_limit_requests = 100,
                             .rate_limit_window = 60,
                             .master_key_rate_limit = 2};
    worker = (struct worker){.config = &config,
                             .segment = &segment,
                             .slot = 1,
                             .loop = loop_new(&err),
                             .has_master = true};
    sha256("sk-master-secret", 16, worker.master_digest);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_drop(worker.loop);
    segment_drop(&segment);
    return 0;
}

static enum status identify(struct exchange *x, const char *name, const char *value)
{
    struct http_header h[2] = {{text_from(name), text_from(value)},
                               {STR("content-type"), STR("application/json")}};
    struct http_request r = {.headers = h, .header_count = 2};
    LIST_INIT(&worker.waiters.asking); /* the exchange of the last call is no more */
    *x = (struct exchange){.worker = &worker, .route = &route};
    return auth_identify(x, &r, &x->outcome.err);
}

static void test_identify_table(void **state)
{
    (void)state;
    static const struct {
        const char *header, *value;
        enum status want;
        enum caller_who who;
    } rows[] = {
        {"x-api-key", "sk-good", STATUS_OK, CALLER_KEY},
        {"X-API-KEY", "sk-good", STATUS_OK, CALLER_KEY},
        {"Authorization", "Bearer sk-good", STATUS_OK, CALLER_KEY},
        {"authorization", "bEARER   sk-good", STATUS_OK, CALLER_KEY},
        {"authorization", "Basic sk-good", STATUS_AUTH, CALLER_NOBODY},
        {"authorization", "Bearer ", STATUS_AUTH, CALLER_NOBODY},
        {"x-api-key", "", STATUS_AUTH, CALLER_NOBODY},
        {"cookie", "sk-good", STATUS_AUTH, CALLER_NOBODY},
        {"x-api-key", "sk-revoked", STATUS_AUTH, CALLER_NOBODY},
        {"x-api-key", "sk-broke", STATUS_BUDGET, CALLER_NOBODY},
        {"x-api-key", "sk-old", STATUS_AUTH, CALLER_NOBODY},
        {"x-api-key", "sk-master-secret", STATUS_OK, CALLER_MASTER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct exchange x;
        enum status st = identify(&x, rows[i].header, rows[i].value);
        if (st != rows[i].want || x.caller.who != rows[i].who) {
            fail_msg("row %zu %s: %s: status %d who %d", i, rows[i].header, rows[i].value, (int)st,
                     (int)x.caller.who);
        }
    }
}

/* The token of METRICS_TOKEN opens one route; elsewhere it is no key, not even where none is needed,
 * and the store is not asked about it. */
static void test_identify_metrics_token_opens_metrics_alone(void **state)
{
    (void)state;
    static const struct route metrics = {.need = ROUTE_MASTER, .serve = metrics_answer};
    static const struct {
        const struct route *route;
        const char *value;
        bool keys, token;
        enum status want;
        enum caller_who who;
    } rows[] = {
        {&metrics, "scrape-me-0123456789", true, true, STATUS_OK, CALLER_SCRAPER},
        {&metrics, "scrape-me-0123456788", true, true, STATUS_OK, CALLER_NOBODY}, /* is asked */
        {&metrics, "sk-master-secret", true, true, STATUS_OK, CALLER_MASTER},
        {&metrics, "sk-good", true, true, STATUS_OK, CALLER_KEY},
        {&metrics, "scrape-me-0123456789", true, false, STATUS_OK, CALLER_NOBODY},
        {&route, "scrape-me-0123456789", true, true, STATUS_AUTH, CALLER_NOBODY},
        {&route, "scrape-me-0123456789", false, true, STATUS_AUTH, CALLER_NOBODY},
    };
    sha256("scrape-me-0123456789", 20, config.metrics_digest);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct exchange x = {.worker = &worker, .route = rows[i].route};
        struct http_header h = {STR("x-api-key"), text_from(rows[i].value)};
        struct http_request r = {.headers = &h, .header_count = 1};
        config.require_api_key = rows[i].keys;
        config.has_metrics_token = rows[i].token;
        enum status st = auth_identify(&x, &r, &x.outcome.err);
        bool asked = x.caller.ticket != 0;
        if (st != rows[i].want || x.caller.who != rows[i].who ||
            asked != (st == STATUS_OK && x.caller.who == CALLER_NOBODY)) {
            fail_msg("row %zu: status %d who %d asked %d", i, (int)st, (int)x.caller.who, asked);
        }
        loop_timer_cancel(worker.loop, &x.timer_pause);
    }
}

static void test_identify_both_headers_x_api_key_decides(void **state)
{
    (void)state;
    struct http_header h[2] = {{STR("authorization"), STR("Bearer sk-good")},
                               {STR("x-api-key"), STR("sk-revoked")}};
    struct http_request r = {.headers = h, .header_count = 2};
    struct exchange x = {.worker = &worker, .route = &route};
    assert_int_equal(auth_identify(&x, &r, &x.outcome.err), STATUS_AUTH);
}

static void test_identify_unknown_key_asks_refresher_and_waits(void **state)
{
    (void)state;
    struct exchange x;
    struct keymiss_question q;
    assert_int_equal(identify(&x, "x-api-key", "sk-new"), STATUS_OK);
    assert_true(x.caller.ticket != 0);
    assert_int_equal(auth_step(&x), VERDICT_WAIT);
    assert_true(keymiss_next(&segment, &q));
    assert_int_equal(q.key_len, 6);
    assert_memory_equal(q.key, "sk-new", 6);
    keymiss_answer(&segment, &q, KEYMISS_ABSENT);
    assert_int_equal(auth_step(&x), VERDICT_FAIL);
    assert_int_equal(x.outcome.err.code, STATUS_AUTH);
}

/* A wake-up visits these alone: a walk through ten thousand streams, each time that another worker
 * wants a listener, takes a millisecond. */
static void test_who_asks_is_known_until_the_answer_or_the_end(void **state)
{
    (void)state;
    struct exchange x;
    struct keymiss_question q;
    assert_int_equal(identify(&x, "x-api-key", "sk-good"), STATUS_OK);
    assert_null(LIST_FIRST(&worker.waiters.asking));
    assert_int_equal(identify(&x, "x-api-key", "sk-later"), STATUS_OK);
    assert_ptr_equal(LIST_FIRST(&worker.waiters.asking), &x);
    turn_link(&x);
    turn_unlink(&x);
    assert_null(LIST_FIRST(&worker.waiters.asking));
    assert_true(keymiss_next(&segment, &q));
    keymiss_answer(&segment, &q, KEYMISS_ABSENT);
    assert_int_equal(identify(&x, "x-api-key", "sk-soon"), STATUS_OK);
    assert_true(keymiss_next(&segment, &q));
    keymiss_answer(&segment, &q, KEYMISS_FOUND);
    assert_int_equal(auth_await(&x), VERDICT_FAIL); /* it is not in the directory */
    assert_null(LIST_FIRST(&worker.waiters.asking));
}

static void test_identify_store_away_is_503_never_401(void **state)
{
    (void)state;
    struct exchange x;
    struct keymiss_question q;
    assert_int_equal(identify(&x, "x-api-key", "sk-other"), STATUS_OK);
    assert_true(keymiss_next(&segment, &q));
    keymiss_answer(&segment, &q, KEYMISS_UNAVAILABLE);
    assert_int_equal(auth_step(&x), VERDICT_FAIL);
    assert_int_equal(x.outcome.err.code, STATUS_UNAVAILABLE);
    assert_true(x.outcome.err.retry_after_s > 0);
}

static void test_identify_bad_checksum_is_refused_without_question(void **state)
{
    (void)state;
    struct exchange x;
    struct keymiss_question q;
    assert_int_equal(identify(&x, "x-api-key", "sk-prod-abcdefghijklmnopqrstuvwxyz012345-AAAAAA"),
                     STATUS_AUTH);
    assert_int_equal(x.caller.ticket, 0);
    assert_false(keymiss_next(&segment, &q));
}

static void test_step_own_limit_allows_exactly_three(void **state)
{
    (void)state;
    struct exchange x;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(identify(&x, "x-api-key", "sk-three"), STATUS_OK);
        enum verdict v = auth_step(&x);
        assert_int_equal(v, i < 3 ? VERDICT_NEXT : VERDICT_FAIL);
        assert_true(x.caller.limited);
        assert_int_equal(x.caller.requests.limit, 3);
    }
    assert_int_equal(x.outcome.err.code, STATUS_RATE);
    assert_in_range(x.outcome.err.retry_after_s, 1, 20);
}

static void test_step_master_limit_zero_is_unlimited(void **state)
{
    (void)state;
    struct exchange x;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(identify(&x, "x-api-key", "sk-master-secret"), STATUS_OK);
        assert_int_equal(auth_step(&x), i < 2 ? VERDICT_NEXT : VERDICT_FAIL);
    }
    config.master_key_rate_limit = 0;
    assert_int_equal(identify(&x, "x-api-key", "sk-master-secret"), STATUS_OK);
    assert_int_equal(auth_step(&x), VERDICT_NEXT);
    assert_false(x.caller.limited);
}

static void test_identify_without_requirement_anybody_passes(void **state)
{
    (void)state;
    struct exchange x;
    config.require_api_key = false;
    assert_int_equal(identify(&x, "x-api-key", "whatever"), STATUS_OK);
    assert_int_equal(x.caller.who, CALLER_ANONYMOUS);
    assert_int_equal(identify(&x, "cookie", "none"), STATUS_OK);
    assert_int_equal(x.caller.who, CALLER_ANONYMOUS);
    assert_int_equal(identify(&x, "x-api-key", "sk-master-secret"), STATUS_OK);
    assert_int_equal(x.caller.who, CALLER_MASTER);
}

/* Staleness is measured on the monotonic clock, so it has to pass. */
static void test_identify_stale_store_is_503(void **state)
{
    (void)state;
    struct exchange x;
    directory_set_max_stale(&segment, 1);
    directory_confirm(&segment, clock_real_ms());
    usleep(5000);
    clock_tick();
    assert_int_equal(identify(&x, "x-api-key", "sk-good"), STATUS_UNAVAILABLE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_identify_table),
        TEST(test_identify_metrics_token_opens_metrics_alone),
        TEST(test_identify_both_headers_x_api_key_decides),
        TEST(test_identify_unknown_key_asks_refresher_and_waits),
        TEST(test_who_asks_is_known_until_the_answer_or_the_end),
        TEST(test_identify_store_away_is_503_never_401),
        TEST(test_identify_bad_checksum_is_refused_without_question),
        TEST(test_step_own_limit_allows_exactly_three),
        TEST(test_step_master_limit_zero_is_unlimited),
        TEST(test_identify_without_requirement_anybody_passes),
        TEST(test_identify_stale_store_is_503),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
