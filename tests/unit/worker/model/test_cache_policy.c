/* Whose word counts for the lifetime of a cache mark. */
#include "worker/model/cache_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_hour_follows_key_then_client_then_default(void **state)
{
    static const struct {
        const char *name;
        const char *dflt, *client;
        enum directory_ttl key;
        bool short_marks, hour;
    } rows[] = {
        {"nobody says", "5m", "", DIRECTORY_TTL_NONE, false, false},
        {"client says an hour", "5m", "1h", DIRECTORY_TTL_NONE, false, true},
        {"client says minutes", "1h", "5m", DIRECTORY_TTL_NONE, false, false},
        {"default", "1h", "", DIRECTORY_TTL_NONE, false, true},
        {"default behind a short one", "1h", "", DIRECTORY_TTL_NONE, true, false},
        {"key against client", "5m", "5m", DIRECTORY_TTL_1H, true, true},
        {"key against client and default", "1h", "1h", DIRECTORY_TTL_5M, false, false},
        {"key where the client is silent", "5m", "", DIRECTORY_TTL_1H, false, true},
        {"a lifetime that is none", "1h", "12h", DIRECTORY_TTL_NONE, false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config c = {.default_cache_ttl = rows[i].dflt};
        struct directory_key key = {.cache_ttl = (uint8_t)rows[i].key};
        struct cache_policy p = cache_policy_of(&c, &key, rows[i].short_marks);
        if (cache_policy_hour(&p, text_from(rows[i].client)) != rows[i].hour)
            fail_msg("%s", rows[i].name);
        assert_false(p.off);
    }
}

static void test_policy_without_a_key_is_the_operators(void **state)
{
    struct config off = {.default_cache_ttl = "off"}, hour = {.default_cache_ttl = "1h"};
    struct cache_policy p = cache_policy_of(&hour, NULL, false);
    (void)state;
    assert_true(!p.off && cache_policy_hour(&p, (struct str){NULL, 0}));
    p = cache_policy_of(&off, NULL, false);
    assert_true(p.off && !cache_policy_hour(&p, (struct str){NULL, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hour_follows_key_then_client_then_default),
        cmocka_unit_test(test_policy_without_a_key_is_the_operators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
