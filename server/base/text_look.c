/* What a text consists of: characters of a kind, members of a list, a number that stands for it. */
#include "server/base/text.h"

static const bool words[256] = {['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true};

static inline bool is_word(char c)
{
    return words[(uint8_t)c];
}

bool text_word_char(char c, const char *others)
{
    return is_word(c) || (c != '\0' && strchr(others, c));
}

size_t text_span(struct str s, const char *others)
{
    size_t n = 0;
    while (n < s.n && (is_word(s.p[n]) || (s.p[n] != '\0' && strchr(others, s.p[n])))) {
        n++;
    }
    return n;
}

bool text_only_of(struct str s, const char *others)
{
    return s.n > 0 && text_span(s, others) == s.n;
}

int text_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char low = (char)(c | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

bool text_list_has(struct str list, struct str value)
{
    struct str one;
    while (list.n > 0 && text_split(&list, ',', &one)) {
        if (text_eq(text_trim(one), value)) {
            return true;
        }
    }
    return false;
}

uint64_t text_hash(struct str s)
{
    uint64_t h = 0xcbf29ce484222325ull;
    for (size_t i = 0; i < s.n; i++) {
        h = (h ^ (uint8_t)s.p[i]) * 0x100000001b3ull;
    }
    return h;
}

uint64_t text_mix(uint64_t h)
{
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
    h = (h ^ h >> 27) * 0x94d049bb133111ebu;
    return h ^ h >> 31;
}
