/* The mock DynamoDB's tables: which item a key finds, and the order of the items. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/mock/dynamo_finder.c"
#include "tests/mock/dynamo_store.c"

struct bed {
    struct store store;
    struct table *table;
    struct arena *arena;
};

static void open_bed(struct bed *b, const char *range)
{
    *b = (struct bed){.arena = arena_new((size_t)64 << 20)};
    b->table = store_create(&b->store, STR("usage"));
    snprintf(b->table->hash, sizeof b->table->hash, "api_key");
    snprintf(b->table->range, sizeof b->table->range, "%s", range);
}

static void close_bed(struct bed *b)
{
    store_free(&b->store);
    arena_drop(b->arena);
}

/* hash and range as they stand in JSON; range NULL: none. */
static struct item make(const char *hash, const char *range)
{
    struct item i = {.attr = NULL};
    item_set(&i, STR("api_key"), text_from(hash));
    if (range)
        item_set(&i, STR("timestamp"), text_from(range));
    return i;
}

static struct item *put(struct bed *b, const char *hash, const char *range, const char *note)
{
    struct item i = make(hash, range);
    item_set(&i, STR("note"), text_from(note));
    return table_put(b->table, &i, b->arena);
}

/* The note of the item found, "" when there is none. */
static const char *note_of(struct bed *b, const char *hash, const char *range)
{
    struct item key = make(hash, range);
    const struct item *found = table_find(b->table, &key, b->arena);
    item_free(&key);
    return found ? item_get(found, STR("note")).p : "";
}

static void test_find_by_both_key_parts_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hash, *range, *note;
    } CASES[] = {
        {"first", "{\"S\":\"ab\"}", "{\"S\":\"1\"}", "one"},
        {"same hash key", "{\"S\":\"ab\"}", "{\"S\":\"2\"}", "two"},
        {"same bytes, split elsewhere", "{\"S\":\"a\"}", "{\"S\":\"b1\"}", "split"},
        {"escaped", "{\"S\":\"\\u0061b\"}", "{\"S\":\"\\u0031\"}", "one"},
        {"spaced", "{ \"S\" : \"ab\" }", "{\"S\":\"2\"}", "two"},
        {"other range", "{\"S\":\"ab\"}", "{\"S\":\"3\"}", ""},
        {"other type", "{\"N\":\"1\"}", "{\"S\":\"1\"}", ""},
    };
    struct bed b;
    open_bed(&b, "timestamp");
    for (size_t i = 0; i < 3; i++)
        put(&b, CASES[i].hash, CASES[i].range, CASES[i].note);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        if (strcmp(note_of(&b, CASES[i].hash, CASES[i].range), CASES[i].note) != 0)
            fail_msg("%s: not \"%s\"", CASES[i].name, CASES[i].note);
    close_bed(&b);
}

static void test_put_same_key_replaces_in_place(void **state)
{
    (void)state;
    struct bed b;
    open_bed(&b, "");
    put(&b, "{\"S\":\"a\"}", NULL, "1");
    put(&b, "{\"S\":\"b\"}", NULL, "2");
    assert_ptr_equal(put(&b, "{\"S\":\"\\u0061\"}", NULL, "3"), &b.table->item[0]);
    assert_int_equal(b.table->n, 2);
    assert_string_equal(note_of(&b, "{\"S\":\"a\"}", NULL), "3");
    close_bed(&b);
}

static void test_remove_last_takes_place_others_stay_found(void **state)
{
    (void)state;
    struct bed b;
    char key[32], note[16];
    open_bed(&b, "");
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "{\"S\":\"key %d\"}", i);
        snprintf(note, sizeof note, "%d", i);
        put(&b, key, NULL, note);
    }
    table_remove(b.table, &b.table->item[7]);
    assert_string_equal(item_get(&b.table->item[7], STR("note")).p, "99");
    assert_string_equal(item_get(&b.table->item[8], STR("note")).p, "8");
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "{\"S\":\"key %d\"}", i);
        snprintf(note, sizeof note, "%d", i);
        assert_string_equal(note_of(&b, key, NULL), i == 7 ? "" : note);
    }
    close_bed(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_by_both_key_parts_decoded),
        cmocka_unit_test(test_put_same_key_replaces_in_place),
        cmocka_unit_test(test_remove_last_takes_place_others_stay_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
