/*
 * Any bytes into the inner loops that use what the CPU has (server/base/instructions.h): base64, CRC
 * and the check of UTF-8. Checked: each says what its portable form says, of the bytes as they are, at
 * another address, and of what base64 makes of them; in place and not.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/base64.h"
#include "server/base/crc32.h"
#include "server/base/instructions.h"
#include "server/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct said {
    bool decoded, utf8;
    uint32_t crc;
    size_t n;
    uint8_t *bytes; /* decoded */
};

static struct said say(struct str s, bool portable)
{
    struct said said = {.bytes = malloc(s.n / 4 * 3 + 1)};
    instructions_force_portable(portable);
    said.decoded = base64_decode(s, said.bytes, &said.n);
    said.utf8 = text_is_utf8(s);
    said.crc = crc32_add((uint32_t)s.n, s.p, s.n);
    instructions_force_portable(false);
    return said;
}

static void compare(struct str s)
{
    struct said native = say(s, false), simple = say(s, true);
    assert(native.decoded == simple.decoded);
    assert(native.utf8 == simple.utf8);
    assert(native.crc == simple.crc);
    if (native.decoded) {
        assert(native.n == simple.n && memcmp(native.bytes, simple.bytes, simple.n) == 0);
    }
    free(native.bytes);
    free(simple.bytes);
}

static void there_and_back(struct str s)
{
    size_t n = base64_size(s.n), back = 0;
    char *text = malloc(n + 1);
    assert(base64_encode((const uint8_t *)s.p, s.n, text) == n);
    compare((struct str){text, n});
    assert(base64_decode((struct str){text, n}, (uint8_t *)text, &back));
    assert(back == s.n && memcmp(text, s.p, back) == 0);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *moved = malloc(size + 4);
    size_t by = size % 4;
    if (size > 0) {
        memcpy(moved + by, data, size);
    }
    struct str s = {moved + by, size};
    compare(s);
    compare(text_sub(s, 1, s.n));
    there_and_back(s);
    free(moved);
    return 0;
}
