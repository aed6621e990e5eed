#include "shm/catalogue/nickname.h"

#include <string.h>

#define NAME_MAX_LEN 64 /* bytes of a name that may be short for something */
#define MEMORY       32 /* names that were found */

struct words { /* each word ends with a "-" */
    char word[NAME_MAX_LEN * 2];
    char number[NAME_MAX_LEN * 2]; /* those that are digits alone */
    size_t words, numbers;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char folded(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* --- words --------------------------------------------------------------------------------- */

/* "70b", "8x7b", "a22b" are sizes, hence words: no number of a version. */
static size_t size_length(struct str s)
{
    size_t n = s.n && folded(s.p[0]) == 'a' ? 1 : 0, digits = 0;
    while (n < s.n && (is_digit(s.p[n]) || (digits && folded(s.p[n]) == 'x'))) {
        digits++;
        n++;
    }
    bool ends = digits && n < s.n && folded(s.p[n]) == 'b';
    return ends && (n + 1 == s.n || !text_word_char(s.p[n + 1], "")) ? n + 1 : 0;
}

static size_t word_length(struct str s)
{
    size_t n = size_length(s);
    if (n == 0) {
        bool digits = is_digit(s.p[0]);
        while (n < s.n && (digits ? is_digit(s.p[n]) : is_letter(s.p[n]))) {
            n++;
        }
    }
    return n;
}

static void put_word(char *list, size_t *used, struct str word)
{
    for (size_t i = 0; i < word.n && *used < NAME_MAX_LEN * 2 - 2; i++) {
        list[(*used)++] = folded(word.p[i]);
    }
    list[(*used)++] = '-';
}

/* False: too long, or with something else in it than words. */
static bool read_words(struct str s, struct words *out)
{
    out->words = out->numbers = 0;
    if (s.n == 0 || s.n > NAME_MAX_LEN) {
        return false;
    }
    for (size_t i = 0; i < s.n;) {
        size_t n = word_length(text_sub(s, i, s.n));
        struct str word = text_sub(s, i, n);
        if (n == 0 && !strchr("-._: ", s.p[i])) {
            return false;
        }
        if (n && is_digit(word.p[0]) && is_digit(word.p[n - 1])) {
            put_word(out->number, &out->numbers, word);
        } else if (n) {
            put_word(out->word, &out->words, word);
        }
        i += n ? n : 1;
    }
    return true;
}

static bool same_numbers(const struct words *a, const struct words *b)
{
    return a->numbers == b->numbers && memcmp(a->number, b->number, a->numbers) == 0;
}

/* Whether it is worth reading: most forms begin with another letter. */
static bool may_begin(const struct words *a, struct str form)
{
    size_t i = 0;
    while (i < form.n && !is_letter(form.p[i])) {
        i++;
    }
    return a->words > 0 &&
           (is_digit(a->word[0]) || (i < form.n && folded(form.p[i]) == a->word[0]));
}

/* Of the words of b, the first are those of a. */
static bool begins(const struct words *a, const struct words *b)
{
    return a->words <= b->words && memcmp(a->word, b->word, a->words) == 0;
}

/* --- what a row is called ------------------------------------------------------------------ */

static size_t digits_at_end(struct str s)
{
    size_t n = 0;
    while (n < s.n && is_digit(s.p[s.n - 1 - n])) {
        n++;
    }
    return n;
}

/* "-v1:0", "-1:0", "-v14" and "-v1" at its end say nothing that a name says. */
static struct str without_version(struct str id)
{
    struct str s = id;
    size_t n = digits_at_end(s);
    bool colon = n && n < s.n && s.p[s.n - n - 1] == ':';
    if (colon) {
        s.n -= n + 1;
        n = digits_at_end(s);
    }
    if (n && n + 1 < s.n && s.p[s.n - n - 1] == 'v' && s.p[s.n - n - 2] == '-') {
        return text_sub(s, 0, s.n - n - 2);
    }
    return colon && n && n < s.n && s.p[s.n - n - 1] == '-' ? text_sub(s, 0, s.n - n - 1) : id;
}

/* A date is 20250929 or 2502. */
static struct str without_date(struct str id)
{
    size_t n = digits_at_end(id);
    bool date = (n == 8 || n == 4) && n < id.n && id.p[id.n - n - 1] == '-';
    return date ? text_sub(id, 0, id.n - n - 1) : id;
}

static struct str without_maker(struct str id)
{
    size_t at;
    return text_find(id, STR("."), &at) ? text_sub(id, at + 1, id.n) : id;
}

#define CALLED_MAX 5

static size_t called(const struct catalogue_row *row, struct str out[CALLED_MAX])
{
    struct str full = without_version(catalogue_text(row, CATALOGUE_ID));
    struct str dateless = without_date(full);
    out[0] = without_maker(full);
    out[1] = without_maker(dateless);
    out[2] = full;
    out[3] = dateless;
    out[4] = catalogue_text(row, CATALOGUE_NAME);
    return CALLED_MAX;
}

/* --- makers -------------------------------------------------------------------------------- */

/* The letters of one are where the other begins: "mistralai" and "mistral", "x-ai" and "xai". */
static bool is_same_maker(struct str a, struct str b)
{
    size_t i = 0, k = 0;
    while (i < a.n && k < b.n) {
        if (!is_letter(a.p[i])) {
            i++;
        } else if (!is_letter(b.p[k])) {
            k++;
        } else if (folded(a.p[i++]) != folded(b.p[k++])) {
            return false;
        }
    }
    return i > 1 && k > 1;
}

static bool is_made_by(const struct catalogue_row *row, struct str maker)
{
    struct str rest = catalogue_text(row, CATALOGUE_ID), word = {NULL, 0};
    return maker.n == 0 || is_same_maker(maker, catalogue_text(row, CATALOGUE_VENDOR)) ||
           (text_split(&rest, '.', &word) && is_same_maker(maker, word));
}

/* "openrouter/anthropic/x": anthropic. */
static struct str cut_maker(struct str *name)
{
    struct str maker = {NULL, 0}, rest = *name, part;
    while (rest.n && text_split(&rest, '/', &part)) {
        maker = rest.n ? part : maker;
        *name = part;
    }
    return maker;
}

/* --- finding ------------------------------------------------------------------------------- */

static bool is_model(const struct catalogue_row *row) /* no family */
{
    return catalogue_text(row, CATALOGUE_NAME).n > 0;
}

static enum catalogue_state state_of(const struct catalogue_row *row)
{
    struct catalogue_status s;
    catalogue_status(row, &s);
    return s.state;
}

static bool is_retired(const struct catalogue_row *row)
{
    return state_of(row) == CATALOGUE_RETIRED;
}

/* A rival: "palmyra" may be short for palmyra-vision, but also for palmyra-x5. */
enum fit { FIT_NONE, FIT_RIVAL, FIT_BEGINS, FIT_RETIRED, FIT_RETIRED_NAMED, FIT_SAME, FIT_NAMED };

/* What clients have a name for is meant before what they have none for. */
static enum fit fit_of(const struct catalogue_row *row, const struct words *name)
{
    struct str forms[CALLED_MAX];
    struct words form;
    enum fit best = FIT_NONE;
    size_t n = called(row, forms);
    for (size_t i = 0; i < n && best < FIT_RETIRED; i++) {
        if (!may_begin(name, forms[i]) || !read_words(forms[i], &form) || !begins(name, &form)) {
            continue;
        }
        if (!same_numbers(name, &form)) {
            bool rival = name->numbers == 0 && !is_retired(row) && best == FIT_NONE;
            best = rival ? FIT_RIVAL : best;
            continue;
        }
        bool named = catalogue_text(row, CATALOGUE_NAMES).n > 0;
        best = name->words < form.words ? FIT_BEGINS
               : is_retired(row)        ? (named ? FIT_RETIRED_NAMED : FIT_RETIRED)
                                        : (named ? FIT_NAMED : FIT_SAME);
    }
    return best;
}

static const struct catalogue_row *find_words(struct str text, struct str maker)
{
    const struct catalogue *t = catalogue_now();
    const struct catalogue_row *found = NULL;
    enum fit best = FIT_NONE;
    struct words name;
    bool rivals = false;
    if (!read_words(text, &name)) {
        return NULL;
    }
    for (uint32_t i = 0; i < t->rows; i++) {
        const struct catalogue_row *row = &t->row[i];
        enum fit fit = is_model(row) && is_made_by(row, maker) ? fit_of(row, &name) : FIT_NONE;
        rivals = rivals || fit == FIT_RIVAL;
        if (fit == FIT_RIVAL) {
            continue;
        }
        if (fit == best) {
            found = NULL; /* two of a kind */
        } else if (fit > best) {
            best = fit;
            found = row;
        }
    }
    return rivals && best == FIT_BEGINS ? NULL : found;
}

static const struct catalogue_row *search(struct str name)
{
    struct str maker = cut_maker(&name), claude = STR("claude-");
    char longer[NAME_MAX_LEN + sizeof "claude-"];
    const struct catalogue_row *row = catalogue_named(name);
    if (row && is_made_by(row, maker)) {
        return row;
    }
    row = find_words(name, maker);
    if (row || name.n == 0 || name.n > NAME_MAX_LEN - claude.n) {
        return row;
    }
    memcpy(longer, claude.p, claude.n);
    memcpy(longer + claude.n, name.p, name.n);
    return find_words((struct str){longer, claude.n + name.n}, maker);
}

/* Clients send the same few names with each request, and a search reads every row. What is found is
 * remembered, of this process and for the table that it was found in; what is not takes nobody's place. */
static struct {
    const struct catalogue_row *row;
    uint32_t edition;
    uint32_t n;
    char name[NAME_MAX_LEN];
} memory[MEMORY];

const struct catalogue_row *nickname_find(struct str name)
{
    size_t at = text_hash(name) % MEMORY;
    uint32_t edition = catalogue_edition();
    if (memory[at].row && memory[at].edition == edition &&
        text_eq(name, (struct str){memory[at].name, memory[at].n})) {
        return memory[at].row;
    }
    const struct catalogue_row *row = search(name);
    if (row && name.n > 0 && name.n <= NAME_MAX_LEN) {
        memory[at].row = row;
        memory[at].edition = edition;
        memory[at].n = (uint32_t)name.n;
        memcpy(memory[at].name, name.p, name.n);
    }
    return row;
}

/* --- the nearest --------------------------------------------------------------------------- */

static char plain(char c)
{
    return strchr("._: ", c) ? '-' : folded(c);
}

/* Levenshtein; more than most: any figure above it. Of texts of at most NAME_MAX_LEN. */
static size_t distance(struct str a, struct str b, size_t most)
{
    uint8_t row[NAME_MAX_LEN + 1];
    size_t apart = a.n > b.n ? a.n - b.n : b.n - a.n,
           best = 0; /* least of the row: it never falls */
    if (apart > most) {
        return apart;
    }
    for (size_t k = 0; k <= b.n; k++) {
        row[k] = (uint8_t)k;
    }
    for (size_t i = 0; i < a.n && best <= most; i++) {
        uint8_t corner = row[0], least;
        row[0] = (uint8_t)(i + 1);
        best = row[0];
        for (size_t k = 0; k < b.n; k++) {
            least = (uint8_t)(corner + (plain(a.p[i]) != plain(b.p[k])));
            corner = row[k + 1];
            least = row[k] < least ? (uint8_t)(row[k] + 1) : least;
            row[k + 1] = corner < least ? (uint8_t)(corner + 1) : least;
            best = row[k + 1] < best ? row[k + 1] : best;
        }
    }
    return best <= most ? row[b.n] : best;
}

struct near {
    struct str name, best;
    const struct catalogue_row *row; /* of best */
    size_t distance;                 /* of best, twice; one more for a model that is to end */
};

/* Of two that are as near, the later: ids are sorted, and so are versions. */
static void look_at(struct near *n, struct str candidate, const struct catalogue_row *row)
{
    if (is_retired(row) || candidate.n == 0 || candidate.n > NAME_MAX_LEN) {
        return;
    }
    size_t d = distance(n->name, candidate, n->distance / 2);
    bool longer = candidate.n > n->name.n && plain(candidate.p[n->name.n]) == '-' &&
                  distance(n->name, text_sub(candidate, 0, n->name.n), 0) == 0;
    d = 2 * (longer && d > 1 ? 1 : d); /* only its end is missing */
    d += state_of(row) == CATALOGUE_LEGACY;
    if (d <= n->distance) {
        n->distance = d;
        n->best = candidate;
        n->row = row;
    }
}

struct str nickname_nearest(struct str name)
{
    const struct catalogue *t = catalogue_now();
    const struct catalogue_row *row;
    (void)cut_maker(&name);
    struct near n = {.name = name, .distance = 2 * (name.n / 3) + 1};
    if (name.n < 3 || name.n > NAME_MAX_LEN) {
        return n.best;
    }
    for (uint32_t i = 0; i < t->rows; i++) {
        struct str id = catalogue_text(&t->row[i], CATALOGUE_ID);
        if (is_model(&t->row[i])) {
            look_at(&n, without_maker(without_version(id)), &t->row[i]);
        }
    }
    for (uint32_t i = 0; i < catalogue_names(); i++) {
        struct str candidate = catalogue_name(i, &row);
        look_at(&n, candidate, row);
    }
    /* What it says has to be of use. Two models of one name have ids; what is nobody's without its
     * version ("claude-v2:1") is not near. */
    if (n.row && nickname_find(n.best) != n.row) {
        return n.distance <= 1 ? catalogue_text(n.row, CATALOGUE_ID) : (struct str){NULL, 0};
    }
    return n.best;
}
