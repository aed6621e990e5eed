#include "worker/model/cures_text.h"

#include <string.h>

#include "shm/memory/learned.h"

#define ECHO_MAX    48 /* more than this in quotes is no name */
#define COUNT(list) (sizeof(list) / sizeof *(list))

/* " with ...", but not "with this model". */
static const char *const companions[] = {"this model", "the model", "this version",
                                         "the requested model", "the selected model"};

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool cures_text_word(struct str sentence, struct str word, size_t *at_out)
{
    size_t from = 0, at;
    while (word.n > 0 && text_ifind(text_sub(sentence, from, sentence.n), word, &at)) {
        size_t begin = from + at, end = begin + word.n;
        if ((begin == 0 || !is_word(sentence.p[begin - 1])) &&
            (end == sentence.n || !is_word(sentence.p[end]))) {
            *at_out = begin;
            return true;
        }
        from = begin + 1;
    }
    return false;
}

bool cures_text_any_word(struct str sentence, const char *const *list, size_t n)
{
    size_t at;
    for (size_t i = 0; i < n; i++) {
        if (cures_text_word(sentence, text_from(list[i]), &at)) {
            return true;
        }
    }
    return false;
}

bool cures_text_any(struct str sentence, const char *const *list, size_t n)
{
    size_t at;
    for (size_t i = 0; i < n; i++) {
        if (text_ifind(sentence, text_from(list[i]), &at)) {
            return true;
        }
    }
    return false;
}

bool cures_text_with(struct str sentence)
{
    struct str rest = sentence;
    size_t at;
    while (text_ifind(rest, STR(" with "), &at)) {
        bool plain = false;
        rest = text_sub(rest, at + 6, rest.n);
        for (size_t i = 0; i < COUNT(companions); i++) {
            plain = plain || text_istarts(rest, text_from(companions[i]));
        }
        if (!plain) {
            return true;
        }
    }
    return false;
}

/* In quotes stands more than a name: what the client has written, perhaps. */
bool cures_text_echoes(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char quote = s.p[i];
        if (!memchr("'\"`", quote, 3) || (i > 0 && is_word(s.p[i - 1]))) {
            continue;
        }
        size_t end = i + 1;
        while (end < s.n && s.p[end] != quote) {
            if (end - i > ECHO_MAX || s.p[end] == ' ' || s.p[end] == '\n') {
                return true;
            }
            end++;
        }
        i = end;
    }
    return false;
}

bool cures_text_figure(struct str sentence)
{
    struct str word;
    for (size_t i = 0; text_split(&sentence, ' ', &word); i++) {
        while (word.n > 0 && memchr("'\"`([", word.p[0], 5)) {
            word = text_sub(word, 1, word.n);
        }
        if (i > 0 && word.n > 0 && word.p[0] >= '0' && word.p[0] <= '9') {
            return true;
        }
    }
    return false;
}

bool cures_text_quoted(struct str *rest, struct str *word_out)
{
    static const struct str before = STR("model ");
    for (size_t i = 0; i < rest->n; i++) {
        char quote = rest->p[i];
        size_t end = i + 1;
        if (!memchr("'\"`", quote, 3) || (i > 0 && is_word(rest->p[i - 1]))) {
            continue;
        }
        while (end < rest->n && rest->p[end] != quote) {
            end++;
        }
        bool model = i >= before.n && text_ieq(text_sub(*rest, i - before.n, before.n), before);
        *word_out = text_sub(*rest, i + 1, end - i - 1);
        if (!model) {
            *rest = text_sub(*rest, end + 1, rest->n);
            return true;
        }
        i = end;
    }
    return false;
}

/* --- where it points ----------------------------------------------------------------------- */

static const char *const members[] = {
    "messages",      "content",   "system",   "tools",      "toolconfig", "toolspec",
    "custom",        "text",      "tool_use", "image",      "document",   "tool_result",
    "cache_control", "ephemeral", "ttl",      "cachepoint", "strict",     "eager_input_streaming",
    "type"};

static bool is_member(struct str word)
{
    bool digits = word.n > 0;
    for (size_t i = 0; i < word.n; i++) {
        digits = digits && word.p[i] >= '0' && word.p[i] <= '9';
    }
    for (size_t i = 0; i < COUNT(members); i++) {
        if (text_ieq(word, text_from(members[i]))) {
            return true;
        }
    }
    return digits || word.n == 0;
}

static bool parts_a_path(char c)
{
    return c == '.' || c == '/' || c == '[' || c == ']' || c == '#' || c == ':';
}

/* path: a token of the sentence. */
static enum cures_place place_of(struct str path)
{
    static const char *const heads[] = {"messages", "system", "tools", "toolconfig"};
    bool into = false, inside = false;
    size_t from = 0, n = 0;
    for (size_t i = 0; i <= path.n; i++) {
        if (i < path.n && !parts_a_path(path.p[i])) {
            continue;
        }
        struct str word = text_sub(path, from, i - from);
        from = i + 1;
        if (word.n == 0) {
            continue;
        }
        if (n++ == 0 && !cures_text_any_word(word, heads, COUNT(heads))) {
            return CURES_TEXT_TOP;
        }
        if (text_ieq(word, STR("toolchoice"))) {
            return CURES_TEXT_TOP;
        }
        into = into || n > 1;
        inside = inside || !is_member(word);
    }
    return inside ? CURES_TEXT_INSIDE : into ? CURES_TEXT_PART : CURES_TEXT_TOP;
}

enum cures_place cures_text_place(struct str sentence, struct str *path_out)
{
    struct str token;
    while (text_split(&sentence, ' ', &token)) {
        while (token.n > 0 && memchr("'\"`(", token.p[0], 4)) {
            token = text_sub(token, 1, token.n);
        }
        while (token.n > 0 && memchr("'\"`),.:;", token.p[token.n - 1], 8)) {
            token = text_sub(token, 0, token.n - 1);
        }
        enum cures_place place = place_of(token);
        if (place != CURES_TEXT_TOP) {
            *path_out = token;
            return place;
        }
    }
    *path_out = (struct str){NULL, 0};
    return CURES_TEXT_TOP;
}

/* The largest number below what was asked for; 0: there is none. Commas may part thousands. */
uint32_t cures_text_number(struct str s, int64_t asked)
{
    uint64_t best = 0;
    for (size_t i = 0; i < s.n;) {
        uint64_t n = 0;
        size_t digits = 0;
        bool alone = i == 0 || (!is_word(s.p[i - 1]) && s.p[i - 1] != '.' && s.p[i - 1] != '-');
        for (; i < s.n && digits < 12; i++) {
            bool comma = digits > 0 && s.p[i] == ',' && i + 1 < s.n && s.p[i + 1] >= '0' &&
                         s.p[i + 1] <= '9';
            if (!comma && (s.p[i] < '0' || s.p[i] > '9')) {
                break;
            }
            digits += !comma;
            n = comma ? n : n * 10 + (uint64_t)(s.p[i] - '0');
        }
        if (digits > 0 && alone && (i == s.n || !is_word(s.p[i])) && n > best &&
            (int64_t)n < asked && n <= LEARNED_TOKENS_MAX) {
            best = n;
        }
        i += digits == 0;
    }
    return (uint32_t)best;
}

bool cures_text_fits(struct str sentence, struct str pattern)
{
    struct str word;
    size_t at;
    while (text_split(&pattern, '&', &word)) {
        if (!text_ifind(sentence, word, &at)) {
            return false;
        }
    }
    return true;
}
