#include "shm/dynamo/keystore_dynamo_private.h"

#include "shm/dynamo/keystore_dynamo.h"
#include "tests/unit/dynamo_stage.h"

static struct keystore *open_store(void)
{
    struct keystore *k = NULL;
    struct err err;
    assert_int_equal(keystore_dynamo_open(&stage_config, &k, &err), STATUS_OK);
    return k;
}

/* ids: one character each; last: of the page key, 0: the last page */
static void reply_page(const char *ids, char last)
{
    char body[2000] = "{\"Items\":[";
    size_t n = strlen(body);
    for (const char *p = ids; *p; p++) {
        n += (size_t)snprintf(body + n, sizeof body - n, "%s{\"api_key\":{\"S\":\"%c\"}}",
                              p == ids ? "" : ",", *p);
    }
    n += (size_t)snprintf(body + n, sizeof body - n, "]");
    if (last) {
        n += (size_t)snprintf(body + n, sizeof body - n,
                              ",\"LastEvaluatedKey\":{\"api_key\":{\"S\":\"%c\"}}", last);
    }
    snprintf(body + n, sizeof body - n, "}");
    stage_reply(NULL, body);
}

struct seen {
    char ids[64];
    size_t n, most;
};

static bool note_row(void *ctx, const struct keystore_row *row)
{
    struct seen *s = ctx;
    s->ids[s->n++] = row->id[0];
    return s->n < s->most;
}

static enum status scan(struct seen *s, size_t most, struct err *err)
{
    struct keystore *k = open_store();
    *s = (struct seen){.most = most};
    enum status status = k->ops->scan(k, note_row, s, err);
    keystore_close(k);
    return status;
}

static void test_scan_follows_pages_also_empty_ones(void **state)
{
    (void)state;
    struct seen s;
    struct err err;
    reply_page("ab", 'b');
    reply_page("", 'c');
    reply_page("d", 0);
    assert_int_equal(scan(&s, 60, &err), STATUS_OK);
    assert_string_equal(s.ids, "abd");
    assert_null(strstr(stage_body(0), "ExclusiveStartKey"));
    assert_non_null(strstr(stage_body(0), "{\"TableName\":\"keys\",\"ConsistentRead\":true,"));
    assert_non_null(strstr(stage_body(1), "\"ExclusiveStartKey\":{\"api_key\":{\"S\":\"b\"}}}"));
    assert_non_null(strstr(stage_body(2), "\"ExclusiveStartKey\":{\"api_key\":{\"S\":\"c\"}}}"));
}

static void test_scan_stops_when_told(void **state)
{
    (void)state;
    struct seen s;
    struct err err;
    reply_page("abc", 'c');
    assert_int_equal(scan(&s, 2, &err), STATUS_OK);
    assert_string_equal(s.ids, "ab");
    assert_int_equal(stage->next, 1);
}

static void test_scan_circle_of_pages_is_cut(void **state)
{
    (void)state;
    static const char *const circles[] = {"aaaaaaaaaaaa", "abababababab", "xabcabcabcabcabc"};
    for (size_t i = 0; i < sizeof circles / sizeof circles[0]; i++) {
        struct seen s;
        struct err err;
        stage_clear();
        for (const char *p = circles[i]; *p; p++) {
            reply_page("k", *p);
        }
        if (scan(&s, 60, &err) != STATUS_UNAVAILABLE ||
            strcmp(err.text, "DynamoDB Scan: a page key came twice") != 0) {
            fail_msg("%s: %s after %u pages", circles[i], err.text, stage->next);
        }
    }
}

static void test_scan_answer_of_another_shape_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{}",
        "{\"Items\":7}",
        "{\"Items\":{}}",
        "{\"Items\":[],\"LastEvaluatedKey\":\"x\"}",
        "{\"Items\":[],\"LastEvaluatedKey\":{}}",
        "{\"Items\":[],\"LastEvaluatedKey\":{\"api_key\":{\"N\":\"1\"}}}",
        "{\"Items\":[],\"LastEvaluatedKey\":{\"api_key\":{\"S\":\"\"}}}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct seen s;
        struct err err;
        stage_clear();
        stage_reply(NULL, bodies[i]);
        if (scan(&s, 60, &err) != STATUS_UNAVAILABLE) {
            fail_msg("%s was taken", bodies[i]);
        }
    }
}

static void test_scan_items_of_another_shape_are_unreadable_rows(void **state)
{
    (void)state;
    struct seen s;
    struct err err;
    stage_reply(NULL,
                "{\"Items\":[7,null,{\"api_key\":{\"N\":\"1\"}},{\"api_key\":{\"S\":\"z\"}}]}");
    assert_int_equal(scan(&s, 60, &err), STATUS_OK);
    assert_true(s.n == 4 && s.ids[3] == 'z');
}

static void test_send_oversized_request_is_refused(void **state)
{
    (void)state;
    struct keystore *k = open_store();
    struct store *store = (struct store *)k;
    struct json_out w;
    struct cJSON *answer;
    struct err err;
    static char text[40000];
    memset(text, 'x', sizeof text - 1);
    keystore_dynamo_begin(store, &w, "t");
    keystore_dynamo_member(&w, "a", text);
    assert_int_equal(keystore_dynamo_send(store, &w, "GetItem", "t", &answer, &err),
                     DYNAMO_REFUSED);
    assert_true(answer == NULL && stage->next == 0);
    assert_non_null(strstr(err.text, "too large"));
    keystore_close(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_scan_follows_pages_also_empty_ones),
        STAGE_TEST(test_scan_stops_when_told),
        STAGE_TEST(test_scan_circle_of_pages_is_cut),
        STAGE_TEST(test_scan_answer_of_another_shape_is_refused),
        STAGE_TEST(test_scan_items_of_another_shape_are_unreadable_rows),
        STAGE_TEST(test_send_oversized_request_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
