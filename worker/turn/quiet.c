#include "worker/turn/quiet.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 64

struct quiet {
    char *out;
    size_t n, size;
};

static void put(struct quiet *q, struct str s)
{
    size_t room = q->size - 1 - q->n;
    size_t n = s.n < room ? s.n : room;
    if (n > 0) {
        memcpy(q->out + q->n, s.p, n);
        q->n += n;
    }
}

static bool is_word(struct str s)
{
    return s.n <= WORD_MAX && text_only_of(s, "._-[]/:$");
}

static bool is_quote(char c)
{
    return c == '\'' || c == '"' || c == '`';
}

/* An apostrophe inside a word opens nothing. */
static bool opens(struct str s, size_t at)
{
    return is_quote(s.p[at]) && (at == 0 || !isalnum((unsigned char)s.p[at - 1]));
}

/* Where the quoted text ends, or the sentence does: a quote that is followed by no letter. A value of
 * AWS's ends where AWS says of which field it is, whatever quotes there are in it. */
static size_t closes(struct str s, size_t from, bool value)
{
    char mark[] = {s.p[from - 1], ' ', 'a', 't', ' '};
    size_t at;
    if (value && text_find(text_sub(s, from, s.n), (struct str){mark, sizeof mark}, &at)) {
        return from + at;
    }
    for (at = from; at < s.n; at++) {
        bool ends = at + 1 == s.n || !isalnum((unsigned char)s.p[at + 1]);
        if (s.p[at] == s.p[from - 1] && ends && !value) {
            return at;
        }
    }
    return s.n;
}

/* "1 validation error detected: Value 'the words' at 'messages.1.member.content' failed to ..." */
static bool is_value(struct str s, size_t at)
{
    return at > 0 && text_ends(text_sub(s, 0, at - 1), STR("Value"));
}

struct str quiet_text(struct str s, char *out, size_t size)
{
    struct quiet q = {out, 0, size};
    for (size_t i = 0; i < s.n; i++) {
        put(&q, text_sub(s, i, 1));
        if (!opens(s, i)) {
            continue;
        }
        bool value = is_value(s, i);
        size_t end = closes(s, i + 1, value);
        struct str inside = text_sub(s, i + 1, end - i - 1);
        char length[32];
        snprintf(length, sizeof length, "[%zu bytes]", inside.n);
        put(&q, value || !is_word(inside) ? text_from(length) : inside);
        put(&q, text_sub(s, end, 1));
        i = end;
    }
    out[q.n] = '\0';
    return (struct str){out, q.n};
}

struct str quiet_sentence(struct str s, char out[QUIET_SIZE])
{
    size_t line = 0;
    while (line < s.n && s.p[line] != '\n' && s.p[line] != '\r') {
        line++;
    }
    s.n = line;
    return quiet_text(s, out, QUIET_SIZE);
}
