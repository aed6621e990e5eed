/* aws_lists.c: Bedrock's own lists tell what may be asked for, and nobody's account. */
#include "worker/door/aws_lists.h"

#include "server/json/json.h"
#include "shm/memory/directory.h"
#include "tests/unit/gateway_bed.h"

#define PROFILE "arn:aws:bedrock:us-west-2:" ACCOUNT ":application-inference-profile/us.secret"

static void publish(struct gateway *g, const char *models, bool mapped)
{
    struct directory_key k = {.slot = 300, .tag = 307, .flags = DIRECTORY_ACTIVE};
    sha256("sk-good", 7, k.digest);
    k.models_len = (uint8_t)strlen(models);
    memcpy(k.models, models, k.models_len);
    directory_begin(&g->segment);
    assert_true(directory_add(&g->segment, &k));
    if (mapped) {
        assert_true(directory_add_mapping(&g->segment, STR("secret"), STR(PROFILE),
                                          STR("claude-opus-4-8")));
        assert_true(directory_add_mapping(&g->segment, STR("haiku-x"),
                                          STR("global.anthropic.claude-haiku-4-5-20251001-v1:0"),
                                          STR("")));
    }
    directory_publish(&g->segment, clock_real_ms());
}

static struct cJSON *get(struct gateway *g, const char *path)
{
    char line[200];
    size_t at;
    struct err err;
    snprintf(line, sizeof line, "GET %s", path);
    gateway_talk(g, line, KEY, NULL, "]}");
    client_check(&g->client, path, ACCOUNT, false);
    client_check(&g->client, path, "us.secret", false);
    struct str in = buf_str(&g->client.in);
    assert_true(text_find(in, STR("\r\n\r\n"), &at));
    struct cJSON *doc = json_parse(text_sub(in, at + 4, in.n), &err);
    assert_non_null(doc);
    return doc;
}

static unsigned count(const struct cJSON *doc, const char *list, const char *member,
                      const char *wanted)
{
    unsigned n = 0;
    for (const struct cJSON *m = json_child(json_get(doc, list)); m; m = json_next(m))
        n += !wanted || text_eq(json_get_text(m, member), text_from(wanted));
    return n;
}

static unsigned profiles(struct gateway *g, const char *query, const char *id)
{
    char path[100];
    snprintf(path, sizeof path, "/inference-profiles%s", query);
    struct cJSON *doc = get(g, path);
    unsigned n = count(doc, "inferenceProfileSummaries", "inferenceProfileId", id);
    json_free(doc);
    return n;
}

static unsigned models(struct gateway *g, const char *id)
{
    struct cJSON *doc = get(g, "/foundation-models");
    unsigned n = count(doc, "modelSummaries", "modelId", id);
    json_free(doc);
    return n;
}

static void test_profiles_are_bedrocks_and_the_operators(void **state)
{
    static const char haiku[] = "global.anthropic.claude-haiku-4-5-20251001-v1:0";
    struct gateway *g = *state;
    publish(g, "", true);
    assert_int_equal(profiles(g, "", "secret"), 1);
    assert_int_equal(profiles(g, "", haiku), 1); /* once, though several names lead to it */
    assert_int_equal(profiles(g, "?type=SYSTEM_DEFINED", "secret"), 0);
    assert_int_equal(profiles(g, "?type=SYSTEM_DEFINED", haiku), 1);
    assert_int_equal(profiles(g, "?type=APPLICATION", "secret"), 1);
    assert_int_equal(profiles(g, "?type=APPLICATION", haiku), 0);
    assert_true(profiles(g, "", NULL) > 20);
}

static void test_models_are_listed_once(void **state)
{
    struct gateway *g = *state;
    publish(g, "", true);
    assert_int_equal(models(g, "anthropic.claude-haiku-4-5-20251001-v1:0"), 1);
    assert_int_equal(models(g, "amazon.nova-lite-v1:0"), 1);
    assert_true(models(g, NULL) > 20);
}

/* What a key is told of is what it gets: each id of its lists is one that it may name. */
static void test_narrow_key_is_told_names_it_may_use(void **state)
{
    struct gateway *g = *state;
    publish(g, "claude-haiku-4-5", true);
    assert_int_equal(models(g, "anthropic.claude-haiku-4-5-20251001-v1:0"), 0);
    assert_int_equal(models(g, "claude-haiku-4-5"), 1);
    assert_int_equal(profiles(g, "?type=SYSTEM_DEFINED", NULL), 0);
    assert_int_equal(profiles(g, "", "claude-haiku-4-5"), 1);
    publish(g, "claude-haiku-*", true); /* the ids, too */
    assert_int_equal(models(g, "anthropic.claude-haiku-4-5-20251001-v1:0"), 1);
    assert_int_equal(models(g, "anthropic.claude-opus-4-6-v1"), 0);
    assert_true(profiles(g, "?type=SYSTEM_DEFINED", NULL) > 0);
    publish(g, "anthropic.claude-haiku-*", true);
    assert_int_equal(models(g, "anthropic.claude-haiku-4-5-20251001-v1:0"), 1);
    assert_int_equal(models(g, "claude-haiku-4-5"), 0);
    publish(g, "nothing", false);
    assert_int_equal(models(g, NULL), 0);
    assert_int_equal(profiles(g, "", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_profiles_are_bedrocks_and_the_operators,
                                        gateway_set_up, gateway_tear_down),
        cmocka_unit_test_setup_teardown(test_models_are_listed_once, gateway_set_up,
                                        gateway_tear_down),
        cmocka_unit_test_setup_teardown(test_narrow_key_is_told_names_it_may_use, gateway_set_up,
                                        gateway_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
