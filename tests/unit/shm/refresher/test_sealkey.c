/* From the store to the workers: made once, kept through outages, told when there is none. */
#include "shm/refresher/sealkey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "shm/memory/segment.h"
#include "shm/memory/signing.h"

static struct {
    struct keystore base;
    char letter; /* of the key; 0: none yet */
    enum status says;
    unsigned asked;
} fake;

static enum status fake_seal_key(struct keystore *k, const uint8_t fresh[SEAL_KEY_SIZE],
                                 uint8_t out[SEAL_KEY_SIZE], struct err *err)
{
    (void)k;
    fake.asked++;
    if (fake.says != STATUS_OK) {
        return err_set(err, fake.says, "no right to write");
    }
    if (fake.letter) {
        memset(out, fake.letter, SEAL_KEY_SIZE);
    } else {
        memcpy(out, fresh, SEAL_KEY_SIZE);
    }
    return STATUS_OK;
}

static const struct keystore_ops with = {.name = "fake", .seal_key = fake_seal_key};
static const struct keystore_ops without = {.name = "fake"};
static struct segment seg;
static struct sealkey k;

static int make(void **state)
{
    (void)state;
    struct err err;
    memset(&fake, 0, sizeof fake);
    fake.base.ops = &with;
    k = (struct sealkey){.segment = &seg};
    return segment_create(&seg, 1, 64, &err) == STATUS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

/* The letter of the key that workers see; 0: none. */
static char seen(void)
{
    uint8_t key[SEAL_KEY_SIZE];
    return (char)(signing_seal_read(&seg, key) ? key[5] : 0);
}

static void test_key_of_the_store_is_published(void **state)
{
    (void)state;
    fake.letter = 'a';
    sealkey_tick(&k, NULL, 1);
    assert_int_equal(seen(), 0);
    sealkey_tick(&k, &fake.base, 1);
    assert_int_equal(seen(), 'a');
    sealkey_tick(&k, &fake.base, 2);
    assert_int_equal(fake.asked, 1);
    fake.letter = 'b'; /* an operator took the key away */
    sealkey_tick(&k, &fake.base, 1 + SEALKEY_EVERY_MS);
    assert_int_equal(seen(), 'b');
}

static void test_made_key_is_random(void **state)
{
    (void)state;
    uint8_t one[SEAL_KEY_SIZE], two[SEAL_KEY_SIZE];
    sealkey_tick(&k, &fake.base, 1);
    assert_true(signing_seal_read(&seg, one));
    sealkey_tick(&k, &fake.base, 1 + SEALKEY_EVERY_MS);
    assert_true(signing_seal_read(&seg, two));
    assert_memory_not_equal(one, two, sizeof one);
}

static void test_an_outage_leaves_the_key(void **state)
{
    (void)state;
    fake.letter = 'a';
    sealkey_tick(&k, &fake.base, 1);
    fake.says = STATUS_UNAVAILABLE;
    sealkey_tick(&k, &fake.base, 1 + SEALKEY_EVERY_MS);
    assert_int_equal(fake.asked, 2);
    assert_int_equal(seen(), 'a');
    assert_false(k.warned);
}

static void test_no_key_is_told_once_and_tried_again(void **state)
{
    (void)state;
    uint64_t now = 1;
    fake.says = STATUS_UNAVAILABLE;
    sealkey_tick(&k, &fake.base, now);
    assert_true(k.warned);
    sealkey_tick(&k, &fake.base, now + SEALKEY_RETRY_MS - 1);
    assert_int_equal(fake.asked, 1);
    fake.says = STATUS_OK;
    fake.letter = 'c';
    sealkey_tick(&k, &fake.base, now + SEALKEY_RETRY_MS);
    assert_int_equal(seen(), 'c');
    assert_false(k.warned);
}

static void test_a_store_that_keeps_none_is_no_error(void **state)
{
    (void)state;
    fake.base.ops = &without;
    sealkey_tick(&k, &fake.base, 1);
    assert_true(k.warned);
    assert_int_equal(seen(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_key_of_the_store_is_published, make, drop),
        cmocka_unit_test_setup_teardown(test_made_key_is_random, make, drop),
        cmocka_unit_test_setup_teardown(test_an_outage_leaves_the_key, make, drop),
        cmocka_unit_test_setup_teardown(test_no_key_is_told_once_and_tried_again, make, drop),
        cmocka_unit_test_setup_teardown(test_a_store_that_keeps_none_is_no_error, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
