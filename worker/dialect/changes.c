#include "worker/dialect/changes.h"

#include <stdio.h>
#include <string.h>

#define NOTE_MAX 128
#define MORE     STR("more:")
#define MORE_MAX 16 /* ",more:" and ten digits */

static bool is_safe(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("_.-:", c));
}

/* The comma would part it, the line end would end the header. */
static struct str make_note(char out[NOTE_MAX], const char *verb, struct str name)
{
    int n = snprintf(out, NOTE_MAX, "%s", verb);
    size_t at = n < NOTE_MAX ? (size_t)n : NOTE_MAX - 1;
    for (size_t i = 0; i < name.n && at < NOTE_MAX; i++) {
        out[at++] = is_safe(name.p[i]) ? name.p[i] : '?';
    }
    return (struct str){out, at};
}

/* Is it there? And where the count begins that ends the list, if there is one. */
static bool look(const struct buf *list, struct str note, struct str *more_out)
{
    struct str rest = buf_str(list), one;
    *more_out = (struct str){NULL, 0};
    while (text_split(&rest, ',', &one)) {
        if (text_eq(one, note)) {
            return true;
        }
        if (text_starts(one, MORE)) {
            *more_out = one;
        }
    }
    return false;
}

static void count_one_more(struct buf *list, struct str more)
{
    uint64_t n = 0;
    if (more.p) {
        (void)text_u64(text_sub(more, MORE.n, more.n), &n);
        buf_truncate(list, buf_len(list) - more.n);
    } else if (buf_len(list) > 0) {
        buf_put_char(list, ',');
    }
    buf_printf(list, "more:%llu", (unsigned long long)(n < UINT32_MAX ? n + 1 : n));
}

bool changes_note(struct buf *list, const char *verb, struct str name)
{
    char text[NOTE_MAX];
    struct str note = make_note(text, verb, name), more;
    if (look(list, note, &more)) {
        return false;
    }
    if (more.p || buf_len(list) + 1 + note.n + MORE_MAX > CHANGES_MAX) {
        count_one_more(list, more);
        return true;
    }
    if (buf_len(list) > 0) {
        buf_put_char(list, ',');
    }
    buf_put_str(list, note);
    return true;
}
