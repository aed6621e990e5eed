#include "server/base/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/instructions.h"

static uint8_t input[300000];

static int fill_input(void **state)
{
    (void)state;
    text_random(input, sizeof(input));
    return 0;
}

static void check_digest(const char *name, const void *p, size_t n, const char *expected)
{
    for (int portable = 0; portable < 2; portable++) {
        char hex[2 * SHA256_SIZE + 1] = "";
        instructions_force_portable(portable);
        sha256_hex(p, n, hex);
        if (strcmp(hex, expected) != 0) {
            fail_msg("%s with %s: %s", name, sha256_engine(), hex);
        }
    }
    instructions_force_portable(false);
}

/* csrc.nist.gov, examples with intermediate values and the SHA test vectors (cavp). */
static void test_digest_nist_vectors(void **state)
{
    (void)state;
    static char million[1000000];
    memset(million, 'a', sizeof(million));
    check_digest("empty", "", 0,
                 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_digest("null", NULL, 0,
                 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_digest("abc", "abc", 3,
                 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_digest("two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
                 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check_digest("million a", million, sizeof(million),
                 "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* RFC 4231 cases 1, 2, 3, 6, 7. */
static void test_hmac_rfc4231_vectors(void **state)
{
    (void)state;
    uint8_t aa[131];
    uint8_t dd[50];
    uint8_t ob[20];
    memset(aa, 0xaa, sizeof(aa));
    memset(dd, 0xdd, sizeof(dd));
    memset(ob, 0x0b, sizeof(ob));
    const struct {
        const char *name;
        const void *key;
        size_t key_n;
        struct str text;
        const char *expected;
    } rows[] = {
        {"case 1", ob, 20, STR("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"case 2", "Jefe", 4, STR("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"case 3",
         aa,
         20,
         {(const char *)dd, 50},
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {"case 6", aa, 131, STR("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {"case 7", aa, 131,
         STR("This is a test using a larger than block-size key and a larger than block-size data."
             " The key needs to be hashed before being used by the HMAC algorithm."),
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        size_t row = i / 2;
        uint8_t mac[SHA256_SIZE];
        char hex[2 * SHA256_SIZE + 1] = "";
        instructions_force_portable(i % 2 == 1);
        sha256_hmac(rows[row].key, rows[row].key_n, rows[row].text.p, rows[row].text.n, mac);
        text_hex(mac, sizeof(mac), hex);
        if (strcmp(hex, rows[row].expected) != 0) {
            fail_msg("%s with %s: %s", rows[row].name, sha256_engine(), hex);
        }
    }
    instructions_force_portable(false);
}

static void compare_engines(const uint8_t *p, size_t n)
{
    uint8_t a[SHA256_SIZE];
    uint8_t b[SHA256_SIZE];
    sha256(p, n, a);
    instructions_force_portable(true);
    sha256(p, n, b);
    instructions_force_portable(false);
    if (memcmp(a, b, sizeof(a)) != 0) {
        fail_msg("%zu bytes: %s and mbedtls differ", n, sha256_engine());
    }
}

static void test_engines_every_short_length_agree(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 300; n++) {
        compare_engines(input + n % 17, n);
    }
}

static void test_engines_random_large_agree(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        uint32_t pick[2];
        text_random(pick, sizeof(pick));
        size_t n = pick[0] % (sizeof(input) - 64);
        compare_engines(input + pick[1] % 64, n);
    }
}

static void test_engines_hmac_every_key_length_agree(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 200; n++) {
        uint8_t a[SHA256_SIZE];
        uint8_t b[SHA256_SIZE];
        sha256_hmac(input, n, input + 300, n * 3, a);
        instructions_force_portable(true);
        sha256_hmac(input, n, input + 300, n * 3, b);
        instructions_force_portable(false);
        assert_memory_equal(a, b, sizeof(a));
    }
}

static void test_engine_forced_names_mbedtls(void **state)
{
    (void)state;
    instructions_force_portable(true);
    assert_string_equal(sha256_engine(), "mbedtls");
    instructions_force_portable(false);
#if defined(__x86_64__)
    assert_true(strcmp(sha256_engine(), "sha-ni") == 0 || strcmp(sha256_engine(), "mbedtls") == 0);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest_nist_vectors),
        cmocka_unit_test(test_hmac_rfc4231_vectors),
        cmocka_unit_test(test_engines_every_short_length_agree),
        cmocka_unit_test(test_engines_random_large_agree),
        cmocka_unit_test(test_engines_hmac_every_key_length_agree),
        cmocka_unit_test(test_engine_forced_names_mbedtls),
    };
    return cmocka_run_group_tests(tests, fill_input, NULL);
}
