/*
 * Any bytes into scan_parse and, when it accepts them, through every reader. Checked: nodes lie
 * inside the text and inside each other, the index stays within 8 times the text, an accepted
 * document is UTF-8, and cJSON (through json.h) accepts it too.
 */
#include "server/json/scan.h"

#include <assert.h>
#include <string.h>
#include "server/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_value(const struct scan *s, scan_ref r)
{
    struct str raw = scan_raw(s, r);
    assert(raw.n > 0 && raw.p >= s->text.p && raw.p + raw.n <= s->text.p + s->text.n);
    struct str text = scan_text(s, r);
    assert((text.p != NULL) == (scan_type(s, r) == SCAN_STRING));
    if (text.p != NULL) {
        assert(text_is_utf8(text));
        assert(scan_text_is(s, r, text));
    }
    bool b;
    int64_t i;
    double d;
    (void)scan_bool(s, r, &b);
    if (scan_i64(s, r, &i))
        assert(scan_f64(s, r, &d));
}

static void read_container(const struct scan *s, scan_ref r)
{
    struct str outer = scan_raw(s, r);
    uint32_t members = 0;
    for (scan_ref v = scan_first(s, r); v != SCAN_ABSENT; v = scan_next(s, r, v)) {
        struct str inner = scan_raw(s, v);
        assert(inner.p > outer.p && inner.p + inner.n < outer.p + outer.n);
        members++;
        if (scan_type(s, r) == SCAN_OBJECT && members < 100) {
            struct str key = scan_text(s, scan_key(s, v));
            scan_ref first = scan_get(s, r, key);
            assert(first == v || scan_has_duplicate(s, r, key));
        }
    }
    assert(members == scan_size(s, r));
}

static void compare_with_cjson(struct str text, bool accepted)
{
    struct cJSON *doc = json_parse(text, NULL);
    assert((doc != NULL) == accepted);
    json_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct scan_limits limits = {64, 100000, 10000, 63}; /* those of json_parse */
    struct str text = {(const char *)data, size};
    struct arena *arena = arena_new((size_t)64 << 20);
    struct scan s;
    struct err err;
    size_t before = arena_used(arena);
    enum status st = scan_parse(&s, arena, text, &limits, &err);
    assert(arena_used(arena) - before <= 8 * size + 4096);
    if (st == STATUS_OK) {
        for (scan_ref r = 0; r < s.count; r++) {
            read_value(&s, r);
            read_container(&s, r);
        }
        assert(text_is_utf8(text));
    } else {
        assert(st == STATUS_INVALID && strncmp(err.text, "JSON: ", 6) == 0);
    }
    if (size < 100000) /* beyond that the two limits on members differ */
        compare_with_cjson(text, st == STATUS_OK);
    arena_drop(arena);
    return 0;
}
