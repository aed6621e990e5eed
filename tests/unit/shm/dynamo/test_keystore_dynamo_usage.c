/* Usage rows in DynamoDB: what is written, where a row goes whose millisecond is taken, the sums.
 */
#include "shm/dynamo/keystore_dynamo.h"

#include "shm/dynamo/keystore_dynamo_private.h"
#include "tests/unit/dynamo_stage.h"

#define GONE "{\"__type\":\"x#ConditionalCheckFailedException\"}"

static struct keystore *store;

static int open_store(void **state)
{
    struct err err;
    if (stage_up(state) != 0) {
        return -1;
    }
    if (keystore_dynamo_open(&stage_config, &store, &err) != STATUS_OK) {
        return -1;
    }
    ((struct store *)store)->certain_rows = 1000; /* no call has failed for long */
    return 0;
}

static int close_store(void **state)
{
    keystore_close(store);
    return stage_down(state);
}

static struct keystore_usage row(const char *id, const char *usage_id, int64_t started_ms)
{
    struct keystore_usage u = {
        .started_ms = started_ms, .flusher = 7, .sequence = 1, .success = true};
    snprintf(u.id, sizeof u.id, "%s", id);
    snprintf(u.usage_id, sizeof u.usage_id, "%s", usage_id);
    return u;
}

static void assert_put_at(unsigned i, const char *timestamp)
{
    char want[64];
    snprintf(want, sizeof want, "\"timestamp\":{\"S\":\"%s\"}", timestamp);
    if (i >= stage->next || !strstr(stage->requests[i], "DynamoDB_20120810.PutItem\r\n") ||
        !strstr(stage_body(i), want)) {
        fail_msg("request %u of %u is no row at %s", i, stage->next, timestamp);
    }
}

static void test_row_has_the_attributes_of_the_older_tools(void **state)
{
    struct err err;
    struct keystore_usage u = row("sk-a", "0af1", 1767225600123);
    (void)state;
    u.tokens = (struct tokens){10, 5, 3, 0, 4};
    u.cost_micro = 99, u.duration_ms = 1200, u.status = 200, u.stream = true;
    u.expires_s = 1767830400;
    snprintf(u.request_id, sizeof u.request_id, "req_1");
    snprintf(u.model, sizeof u.model, "claude-x");
    snprintf(u.bedrock_model, sizeof u.bedrock_model, "us.anthropic.claude-x");
    snprintf(u.service_tier, sizeof u.service_tier, "flex");
    stage_reply(NULL, "{}");
    assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_OK);
    assert_int_equal(stage->next, 1);
    assert_string_equal(
        stage_body(0),
        "{\"TableName\":\"usage\",\"Item\":{\"api_key\":{\"S\":\"sk-a\"},"
        "\"timestamp\":{\"S\":\"1767225600123\"},\"usage_id\":{\"S\":\"0af1\"},"
        "\"request_id\":{\"S\":\"req_1\"},\"model\":{\"S\":\"claude-x\"},"
        "\"resolved_model\":{\"S\":\"us.anthropic.claude-x\"},\"service_tier\":{\"S\":\"flex\"},"
        "\"cache_ttl\":{\"S\":\"1h\"},\"input_tokens\":{\"N\":\"10\"},"
        "\"output_tokens\":{\"N\":\"5\"},\"cached_tokens\":{\"N\":\"3\"},"
        "\"cache_write_input_tokens\":{\"N\":\"4\"},\"cache_write_1h_tokens\":{\"N\":\"4\"},"
        "\"total_tokens\":{\"N\":\"15\"},\"cost_micro\":{\"N\":\"99\"},"
        "\"duration_ms\":{\"N\":\"1200\"},\"status\":{\"N\":\"200\"},"
        "\"ttl\":{\"N\":\"1767830400\"},\"success\":{\"BOOL\":true},\"stream\":{\"BOOL\":true}},"
        "\"ConditionExpression\":\"attribute_not_exists(api_key) OR (usage_id = :own AND "
        "attribute_not_exists(repriced_at))\","
        "\"ExpressionAttributeValues\":{\":own\":{\"S\":\"0af1\"}}}");
}

/* The next one, then ever wider circles; a second time the same places in the same order. */
static void test_taken_milliseconds_lead_to_others_near(void **state)
{
    struct err err;
    struct keystore_usage u = row("sk-a", "1", 1000);
    long long first[6];
    (void)state;
    for (int round = 0; round < 2; round++) {
        stage_clear();
        for (int i = 0; i < 6; i++) {
            stage_reply(i < 5 ? "400 E" : NULL, i < 5 ? GONE : "{}");
        }
        assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_OK);
        assert_int_equal(stage->next, 6);
        for (unsigned i = 0; i < 6; i++) {
            const char *at = strstr(stage_body(i), "\"timestamp\":{\"S\":\"");
            assert_non_null(at);
            long long ms = strtoll(at + 18, NULL, 10);
            if (ms < 1000 || ms >= 1000 + (i < 2 ? (int)i + 1 : 1 << i) ||
                (round && ms != first[i])) {
                fail_msg("round %d, place %u: %lld", round, i, ms);
            }
            first[i] = ms;
        }
    }
    assert_put_at(0, "0000000001000");
    assert_put_at(1, "0000000001001");
}

/* A row that got another cost (keystore_bill.h) after a call whose end nobody saw is not written over,
 * and it is not another's: asked only while there may be such rows. */
static void test_row_that_was_corrected_meanwhile_stays(void **state)
{
    struct err err;
    struct keystore_usage u = row("sk-a", "1", 1000);
    (void)state;
    ((struct store *)store)->certain_rows = 0;
    stage_reply("400 E", GONE);
    stage_reply(NULL, "{\"Item\":{\"usage_id\":{\"S\":\"1\"}}}");
    assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_OK);
    assert_int_equal(stage->next, 2);
    assert_non_null(strstr(stage->requests[1], "DynamoDB_20120810.GetItem\r\n"));
    assert_non_null(strstr(stage_body(1), "\"timestamp\":{\"S\":\"0000000001000\"}"));
    stage_clear();
    stage_reply("400 E", GONE);
    stage_reply(NULL, "{\"Item\":{\"usage_id\":{\"S\":\"another\"}}}");
    stage_reply(NULL, "{}");
    assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_OK);
    assert_int_equal(stage->next, 3);
    assert_put_at(2, "0000000001001");
    stage_clear();
    stage_reply("400 E", GONE);
    stage_reply("400 E", "{\"__type\":\"x#AccessDeniedException\"}");
    assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_UNAVAILABLE);
}

/* All are asked at once, in any order. The one that is refused passes over where rows of this call
 * stand: nobody has to be asked for these. */
static void test_rows_of_one_call_make_room_for_one_another(void **state)
{
    struct err err;
    struct keystore_usage rows[] = {row("sk-a", "1", 5), row("sk-a", "2", 5), row("sk-a", "3", 6)};
    (void)state;
    stage_reply(NULL, "{}");
    stage_reply(NULL, "{}");
    stage_reply("400 E", GONE);
    stage_reply(NULL, "{}");
    assert_int_equal(keystore_put_usage(store, rows, 3, &err), STATUS_OK);
    assert_int_equal(stage->next, 4);
    assert_null(strstr(stage_body(3), "\"0000000000005\""));
    assert_null(strstr(stage_body(3), "\"0000000000006\""));
}

static void test_rows_of_two_keys_may_share_a_millisecond(void **state)
{
    struct err err;
    struct keystore_usage rows[] = {row("sk-a", "1", 5), row("sk-b", "2", 4)};
    (void)state;
    stage_reply(NULL, "{}");
    stage_reply(NULL, "{}");
    assert_int_equal(keystore_put_usage(store, rows, 2, &err), STATUS_OK);
    stage_clear();
    rows[0].started_ms = 4;
    stage_reply(NULL, "{}");
    stage_reply("400 E", GONE); /* of whichever */
    stage_reply(NULL, "{}");
    assert_int_equal(keystore_put_usage(store, rows, 2, &err), STATUS_OK);
    assert_put_at(2, "0000000000005");
}

/* Both that are refused would go to the next millisecond; the second need not ask for it. */
static void test_place_that_a_row_of_this_call_took_is_passed_over(void **state)
{
    struct err err;
    struct keystore_usage rows[] = {row("sk-a", "1", 5), row("sk-a", "2", 5), row("sk-a", "3", 5)};
    (void)state;
    stage_reply(NULL, "{}");
    stage_reply("400 E", GONE);
    stage_reply("400 E", GONE);
    stage_reply(NULL, "{}");
    stage_reply(NULL, "{}");
    assert_int_equal(keystore_put_usage(store, rows, 3, &err), STATUS_OK);
    assert_int_equal(stage->next, 5);
    assert_put_at(3, "0000000000006");
    assert_null(strstr(stage_body(4), "\"0000000000006\""));
}

static void test_row_without_any_free_place_waits(void **state)
{
    struct err err;
    struct keystore_usage u = row("sk-a", "1", 5);
    (void)state;
    for (int i = 0; i < STAGE_MAX; i++) {
        stage_reply("400 E", GONE);
    }
    assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_UNAVAILABLE);
    assert_string_equal(err.text, "table usage: no free timestamp for a row");
}

static void test_put_without_memory_waits(void **state)
{
    struct err err;
    struct keystore_usage u = row("sk-a", "1", 5);
    (void)state;
    for (unsigned long nth = 1; nth <= 3; nth++) {
        heap_fail_after(nth);
        assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_UNAVAILABLE);
        heap_fail_after(0);
    }
}

/* More than go at once. */
static void test_many_rows_go_in_some_groups(void **state)
{
    struct err err;
    struct keystore_usage rows[14];
    (void)state;
    for (int i = 0; i < 14; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        rows[i] = row("sk-a", id, 100 + i);
        stage_reply(NULL, "{}");
    }
    assert_int_equal(keystore_put_usage(store, rows, 14, &err), STATUS_OK);
    assert_int_equal(stage->next, 14);
}

static void test_put_tells_what_can_never_be_stored_from_weather(void **state)
{
    static const struct {
        const char *name, *status, *body;
        enum status expected;
    } rows[] = {
        {"wrong row", "400 E", "{\"__type\":\"x#ValidationException\",\"message\":\"Item size\"}",
         STATUS_INVALID},
        {"wrong table", "400 E",
         "{\"__type\":\"x#ValidationException\",\"message\":\"Type mismatch for key timestamp\"}",
         STATUS_UNAVAILABLE},
        {"no table", "400 E", "{\"__type\":\"x#ResourceNotFoundException\"}", STATUS_UNAVAILABLE},
        {"denied", "400 E", "{\"__type\":\"x#AccessDeniedException\"}", STATUS_UNAVAILABLE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err;
        struct keystore_usage u = row("sk-a", "1", 5);
        stage_clear();
        stage_reply(rows[i].status, rows[i].body);
        stage_reply(rows[i].status, rows[i].body); /* it is asked again, for the words */
        enum status status = keystore_put_usage(store, &u, 1, &err);
        if (status != rows[i].expected) {
            fail_msg("%s: %d %s", rows[i].name, status, err.text);
        }
    }
}

/* The second row fails: nothing is done for a budget before all rows are there. */
static void test_budget_comes_after_the_rows(void **state)
{
    struct err err;
    struct keystore_usage rows[] = {row("sk-a", "1", 5), row("sk-a", "2", 5)};
    (void)state;
    rows[0].is_key = rows[1].is_key = true;
    rows[0].cost_micro = rows[1].cost_micro = 1;
    stage_reply(NULL, "{}");
    stage_reply("400 E", "{\"__type\":\"x#AccessDeniedException\"}");
    assert_int_equal(keystore_put_usage(store, rows, 2, &err), STATUS_UNAVAILABLE);
    assert_int_equal(stage->next, 2);
}

/* --- sums ---------------------------------------------------------------------------------- */

#define ITEM(key, time, model, more)                                \
    "{\"api_key\":{\"S\":\"" key "\"},\"timestamp\":{\"S\":\"" time \
    "\"},\"model\":{\"S\":\"" model "\"}," more "}"
#define GOOD                                                                                       \
    "\"success\":{\"BOOL\":true},\"input_tokens\":{\"N\":\"10\"},\"output_tokens\":{\"N\":\"2\"}," \
    "\"cached_tokens\":{\"N\":\"3\"},\"cache_write_input_tokens\":{\"N\":\"4\"},"                  \
    "\"cost_micro\":{\"N\":\"50\"}"
#define BAD "\"success\":{\"BOOL\":false},\"input_tokens\":{\"S\":\"x\"}"

static char told[600];

static bool tell(void *ctx, const struct keystore_usage_sum *s)
{
    size_t n = strlen(told);
    (void)ctx;
    snprintf(told + n, sizeof told - n, "%s:%llu/%llu,%llu,%llu,%llu,%llu,%llu ", s->group,
             (unsigned long long)s->requests, (unsigned long long)s->failed,
             (unsigned long long)s->tokens.input, (unsigned long long)s->tokens.output,
             (unsigned long long)s->tokens.cache_read,
             (unsigned long long)tokens_written(&s->tokens), (unsigned long long)s->cost_micro);
    return true;
}

static void test_sums_by_group_over_pages(void **state)
{
    static const struct {
        enum keystore_group group;
        const char *told;
    } rows[] = {
        {KEYSTORE_BY_KEY, "sk-a:2/1,10,2,3,4,50 sk-b:1/0,10,2,3,4,50 "},
        {KEYSTORE_BY_MODEL, "m1:2/0,20,4,6,8,100 m2:1/1,0,0,0,0,0 "},
        {KEYSTORE_BY_DAY, "2026-01-01:2/1,10,2,3,4,50 2026-01-02:1/0,10,2,3,4,50 "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err;
        stage_clear();
        told[0] = '\0';
        stage_reply(NULL,
                    "{\"Items\":[" ITEM("sk-b", "1767312000000", "m1",
                                        GOOD) "],"
                                              "\"LastEvaluatedKey\":{\"api_key\":{\"S\":\"sk-b\"},"
                                              "\"timestamp\":{\"S\":\"1767312000000\"}}}");
        stage_reply(NULL, "{\"Items\":[" ITEM("sk-a", "1767225600001", "m2", BAD) "," ITEM(
                              "sk-a", "1767225600000", "m1", GOOD) "]}");
        assert_int_equal(
            keystore_usage(store, rows[i].group, 1767225600000, 1767400000000, tell, NULL, &err),
            STATUS_OK);
        if (strcmp(told, rows[i].told) != 0) {
            fail_msg("group %d: %s", rows[i].group, told);
        }
    }
    assert_non_null(strstr(stage_body(0), "\"FilterExpression\":\"#t >= :from AND #t < :to\""));
    assert_non_null(strstr(stage_body(0), "\":from\":{\"S\":\"1767225600000\"}"));
    assert_non_null(strstr(stage_body(1), "\"ExclusiveStartKey\":{\"api_key\":{\"S\":\"sk-b\"},"
                                          "\"timestamp\":{\"S\":\"1767312000000\"}}"));
}

static void test_sums_of_a_broken_table_are_none(void **state)
{
    struct err err;
    (void)state;
    told[0] = '\0';
    stage_reply(NULL,
                "{\"Items\":[" ITEM("sk-a", "1767312000000", "m1",
                                    GOOD) "],"
                                          "\"LastEvaluatedKey\":{\"api_key\":{\"S\":\"sk-a\"}}}");
    assert_int_equal(keystore_usage(store, KEYSTORE_BY_KEY, 0, 1, tell, NULL, &err),
                     STATUS_UNAVAILABLE);
    assert_string_equal(told, "");
}

/* More groups than there is room for at first, in no order. */
static bool count_group(void *ctx, const struct keystore_usage_sum *s)
{
    unsigned *groups = ctx;
    char want[16];
    snprintf(want, sizeof want, "m%03u", *groups);
    assert_string_equal(s->group, want);
    assert_int_equal(s->requests, 1);
    ++*groups;
    return true;
}

static void stage_groups(unsigned n)
{
    static char body[STAGE_BODY];
    size_t at = (size_t)snprintf(body, sizeof body, "{\"Items\":[");
    stage_clear();
    for (unsigned i = 0; i < n; i++) {
        at += (size_t)snprintf(body + at, sizeof body - at,
                               "%s{\"api_key\":{\"S\":\"k\"},\"timestamp\":{\"S\":\"1\"},"
                               "\"model\":{\"S\":\"m%03u\"}}",
                               i ? "," : "", i * 7 % n);
    }
    snprintf(body + at, sizeof body - at, "]}");
    stage_reply(NULL, body);
}

static void test_sums_of_many_groups(void **state)
{
    (void)state;
    struct err err;
    unsigned groups = 0;
    stage_groups(150);
    assert_int_equal(keystore_usage(store, KEYSTORE_BY_MODEL, 0, 9, count_group, &groups, &err),
                     STATUS_OK);
    assert_int_equal(groups, 150);
}

static void test_sums_without_memory_are_none(void **state)
{
    (void)state;
    for (unsigned long nth = 1; nth <= 60; nth++) { /* more than there are */
        struct err err;
        unsigned groups = 0;
        stage_groups(1);
        heap_fail_after(nth);
        enum status status =
            keystore_usage(store, KEYSTORE_BY_MODEL, 0, 9, count_group, &groups, &err);
        heap_fail_after(0);
        if (groups != (status == STATUS_OK ? 1 : 0)) {
            fail_msg("allocation %lu: %u groups", nth, groups);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_row_has_the_attributes_of_the_older_tools),
        TEST(test_taken_milliseconds_lead_to_others_near),
        TEST(test_row_that_was_corrected_meanwhile_stays),
        TEST(test_rows_of_one_call_make_room_for_one_another),
        TEST(test_rows_of_two_keys_may_share_a_millisecond),
        TEST(test_place_that_a_row_of_this_call_took_is_passed_over),
        TEST(test_row_without_any_free_place_waits),
        TEST(test_put_without_memory_waits),
        TEST(test_many_rows_go_in_some_groups),
        TEST(test_put_tells_what_can_never_be_stored_from_weather),
        TEST(test_budget_comes_after_the_rows),
        TEST(test_sums_by_group_over_pages),
        TEST(test_sums_of_a_broken_table_are_none),
        TEST(test_sums_of_many_groups),
        TEST(test_sums_without_memory_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
