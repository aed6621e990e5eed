#include "worker/model/mantle.h"

#include "shm/catalogue/region.h"
#include "shm/memory/directory.h"

#define VENDOR STR("anthropic.")

static bool digits(struct str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9') {
        n++;
    }
    return n > 0 && n == s.n;
}

/* Behind the last "-v": "1:0", "1", "2:0". Its length with the mark, or 0. */
static size_t version(struct str id)
{
    for (size_t i = id.n; i-- > 2;) {
        if (id.p[i] == 'v' && id.p[i - 1] == '-') {
            struct str rest = text_sub(id, i + 1, id.n), first;
            bool two = text_split(&rest, ':', &first) && digits(first);
            return two && (rest.n == 0 || digits(rest)) ? id.n - (i - 1) : 0;
        }
    }
    return 0;
}

struct str mantle_name(const struct segment *s, struct str id)
{
    struct directory_mapping mapped;
    if (!text_starts(id, VENDOR) || version(id) > 0 || (s && directory_map(s, id, &mapped))) {
        return id;
    }
    return text_sub(id, VENDOR.n, id.n);
}

struct str mantle_id(struct str runtime_id, char room[MANTLE_ROOM])
{
    struct str base = region_base(runtime_id);
    base.n -= version(base);
    if (!text_starts(base, VENDOR) || base.n >= MANTLE_ROOM) {
        return (struct str){NULL, 0};
    }
    return (struct str){text_copy(base, room, MANTLE_ROOM), base.n};
}
