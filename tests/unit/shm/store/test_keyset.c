#include "shm/store/keyset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "server/base/arena.h"
#include "server/base/sha256.h"

static struct directory_key key_of(uint32_t number)
{
    struct directory_key k = {.rate_limit = number};
    sha256(&number, sizeof number, k.digest);
    return k;
}

static void test_find_empty_set_is_null(void **state)
{
    (void)state;
    struct keyset set = {0};
    assert_null(keyset_find(&set, key_of(1).digest));
    keyset_free(&set);
}

static void test_add_many_all_are_found(void **state)
{
    (void)state;
    struct keyset set = {0};
    for (uint32_t i = 0; i < 3000; i++) {
        struct directory_key k = key_of(i);
        assert_true(keyset_add(&set, &k));
    }
    assert_int_equal(set.count, 3000);
    for (uint32_t i = 0; i < 6000; i++) {
        const struct directory_key *k = keyset_find(&set, key_of(i).digest);
        assert_true(i < 3000 ? k && k->rate_limit == i : !k);
    }
    keyset_free(&set);
    assert_int_equal(set.count, 0);
}

static void test_add_without_memory_changes_nothing(void **state)
{
    (void)state;
    for (unsigned long fail = 1; fail <= 4; fail++) {
        struct keyset set = {0};
        uint32_t added = 0;
        heap_fail_after(fail);
        for (uint32_t i = 0; i < 200; i++) {
            struct directory_key k = key_of(i);
            added += keyset_add(&set, &k);
        }
        heap_fail_after(0);
        assert_int_equal(added, set.count);
        assert_true(added < 200);
        uint32_t found = 0;
        for (uint32_t i = 0; i < 200; i++) {
            found += keyset_find(&set, key_of(i).digest) != NULL;
        }
        assert_int_equal(found, added);
        keyset_free(&set);
    }
}

static void test_a_set_of_terms_keeps_them_whole(void **state)
{
    (void)state;
    struct keyset set = {0};
    for (uint32_t i = 0; i < 100; i++) {
        struct directory_terms t = {.project = "p"};
        memcpy(t.digest, key_of(i).digest, sizeof t.digest);
        snprintf(t.guardrail, sizeof t.guardrail, "gr%u:1", i);
        assert_true(keyset_add_terms(&set, &t));
    }
    for (uint32_t i = 0; i < 200; i++) {
        const struct directory_terms *t = keyset_find_terms(&set, key_of(i).digest);
        char want[16];
        snprintf(want, sizeof want, "gr%u:1", i);
        assert_true(i < 100 ? t && strcmp(t->guardrail, want) == 0 && t->project[0] == 'p' : !t);
    }
    keyset_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_empty_set_is_null),
        cmocka_unit_test(test_add_many_all_are_found),
        cmocka_unit_test(test_a_set_of_terms_keeps_them_whole),
        cmocka_unit_test(test_add_without_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
