/*
 * Any JSON at s3_address.h. Checked: what is refused was seen by the quick look at the bytes, too (but for a body
 * in base64, where that is not asked); "*" allows all of it.
 */
#include "worker/dialect/s3_address.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_body(const struct scan *s)
{
    for (scan_ref r = 0; r < s->count; r++)
        if (SCAN_IS(s, r, "body"))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct scan_limits limits = {128, 100000, 10000, 100};
    struct str text = {(const char *)data, size};
    struct arena *arena = arena_new((size_t)64 << 20);
    struct scan s;
    struct err err;
    bool seen = s3_address_may_be(text);
    if (scan_parse(&s, arena, text, &limits, &err) == STATUS_OK) {
        enum status st = s3_address_check(&s, STR("bucket,media/in"), &err);
        assert(st == STATUS_OK || seen || has_body(&s));
        if (!has_body(&s)) {
            assert(st == STATUS_OK || st == STATUS_PERMISSION);
            assert(s3_address_check(&s, STR("*"), &err) == STATUS_OK);
        }
    }
    arena_drop(arena);
    return 0;
}
