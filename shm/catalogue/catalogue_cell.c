#include "shm/catalogue/catalogue_cell.h"

#include <stdio.h>
#include <string.h>

#include "shm/catalogue/abilities.h"
#include "shm/catalogue/region.h"
#include "shm/catalogue/tier.h"

#define MICRO          1000000u
#define MICRO_DECIMALS 6u

enum kind {
    KIND_TEXT,
    KIND_NAMES,
    KIND_WORD,
    KIND_WORDS,
    KIND_PATH,
    KIND_PREFIX,
    KIND_STATUS,
    KIND_NUMBER,
    KIND_MONEY,
    KIND_REGIONAL,
    KIND_TIERS,
    KIND_TAKES,
    KIND_SAMPLING,
    KIND_THINKING,
    KIND_LEVEL
};

static const uint8_t kinds[CATALOGUE_COLUMN_COUNT] = {
#define KIND(name, kind, word) [CATALOGUE_##name] = KIND_##kind,
    CATALOGUE_COLUMNS(KIND)
#undef KIND
};

#define WORD(name, word, meaning) word,
static const char *const takes[] = {ABILITIES_TAKES(WORD)};
static const char *const samplings[] = {ABILITIES_SAMPLINGS(WORD)};
static const char *const thinkings[] = {ABILITIES_THINKINGS(WORD)};
#undef WORD
#define PLACE(name, path) path,
static const char *const levels[] = {ABILITIES_LEVEL_PLACES(PLACE)};
#undef PLACE

bool catalogue_cell_is_id(struct str text)
{
    return text_only_of(text, "._:/-");
}

bool catalogue_cell_is_figure(enum catalogue_column column)
{
    return kinds[column] == KIND_NUMBER || kinds[column] == KIND_MONEY;
}

/* --- figures ------------------------------------------------------------------------------- */

bool catalogue_cell_money(struct str text, uint32_t *micro_out)
{
    struct str whole = text, part = {NULL, 0};
    uint64_t dollars, fraction = 0;
    size_t at;
    if (text_find(text, STR("."), &at)) {
        whole = text_sub(text, 0, at);
        part = text_sub(text, at + 1, text.n);
        if (part.n == 0 || part.n > MICRO_DECIMALS || !text_u64(part, &fraction)) {
            return false;
        }
    }
    for (size_t i = part.n; i < MICRO_DECIMALS; i++) {
        fraction *= 10;
    }
    if (!text_u64(whole, &dollars) || dollars >= CATALOGUE_NONE / MICRO) {
        return false;
    }
    *micro_out = (uint32_t)(dollars * MICRO + fraction);
    return true;
}

void catalogue_cell_put_money(struct buf *out, uint64_t micro)
{
    char text[32];
    size_t n =
        (size_t)snprintf(text, sizeof text, "%llu.%06llu", (unsigned long long)(micro / MICRO),
                         (unsigned long long)(micro % MICRO));
    while (text[n - 1] == '0') {
        n--;
    }
    n -= text[n - 1] == '.';
    buf_put(out, text, n);
}

/* --- lists --------------------------------------------------------------------------------- */

/* False: no figure, or more than two. */
static bool read_figures(struct str text, struct catalogue_part *out)
{
    struct str first;
    if (text.n == 0 || !text_split(&text, '/', &first) || !catalogue_cell_money(first, &out->a)) {
        return false;
    }
    out->pair = text.n > 0;
    out->b = out->a;
    return !out->pair || catalogue_cell_money(text, &out->b);
}

static bool read_part(struct str text, struct catalogue_part *out)
{
    size_t at;
    *out = (struct catalogue_part){0};
    if (text_find(text, STR("="), &at)) {
        out->where = text_sub(text, 0, at);
        text = text_sub(text, at + 1, text.n);
        if (out->where.n == 0) {
            return false;
        }
    }
    return read_figures(text, out);
}

bool catalogue_cell_part(struct str *rest, struct catalogue_part *out)
{
    struct str part;
    return rest->n && text_split(rest, ',', &part) && read_part(part, out);
}

static enum status check_regional(struct str text, struct err *err)
{
    struct catalogue_part part;
    struct str one;
    for (size_t i = 0; text.n && text_split(&text, ',', &one); i++) {
        bool whole = read_part(one, &part) && !(part.where.n == 0 && (i > 0 || part.pair));
        if (!whole || (part.where.n > 0 && !text_only_of(part.where, "-"))) {
            return err_set(err, STATUS_INVALID,
                           "a factor such as 1.1, and PREFIX=1.2 or REGION=IN/OUT behind it");
        }
    }
    return STATUS_OK;
}

static enum status check_tiers(struct str text, struct err *err)
{
    struct catalogue_part part;
    struct str one;
    enum tier tier;
    while (text.n && text_split(&text, ',', &one)) {
        if (!read_part(one, &part) || !tier_find(part.where, &tier)) {
            return err_set(err, STATUS_INVALID,
                           "flex, priority, reserved or ultrafast, each with =FACTOR");
        }
    }
    return STATUS_OK;
}

/* Words that go into requests as they are, between commas. Which there are only Bedrock knows: a row
 * may have one that is newer than this program. */
static enum status check_words(struct str text, struct err *err)
{
    struct str word;
    while (text_split(&text, ',', &word)) {
        if (!text_only_of(word, "._-")) {
            return err_set(err, STATUS_INVALID,
                           "words of letters, digits and ._- with commas between them");
        }
    }
    return STATUS_OK;
}

/* Names that clients use; an empty one is told at the end. */
static enum status check_names(struct str text, struct err *err)
{
    size_t at;
    return text_find(text, STR(" "), &at)
               ? err_set(err, STATUS_INVALID, "names with commas between them and no blank")
               : STATUS_OK;
}

/* One member, or one inside another. */
static enum status check_path(struct str text, struct err *err)
{
    struct str member;
    bool outer = text_split(&text, '.', &member) && text_only_of(member, "_");
    return outer && (!text.p || text_only_of(text, "_"))
               ? STATUS_OK
               : err_set(err, STATUS_INVALID, "a member such as top_k, or inferenceConfig.topK");
}

static bool find_word(const char *const *words, size_t n, struct str word, uint32_t *out)
{
    for (uint32_t i = 0; i < n; i++) {
        if (text_eq(word, text_from(words[i]))) {
            *out = i;
            return true;
        }
    }
    return false;
}

static enum status read_takes(struct str text, uint32_t *out, struct err *err)
{
    struct str word;
    uint32_t bit, all = 0;
    while (text.n && text_split(&text, ',', &word)) {
        if (!find_word(takes, COUNT_OF(takes), word, &bit)) {
            return err_set(err, STATUS_INVALID, "no such ability: %.*s",
                           (int)(word.n < 40 ? word.n : 40), word.p);
        }
        all |= 1u << bit;
    }
    *out = all;
    return STATUS_OK;
}

static enum status read_word(const char *const *words, size_t n, struct str text, uint32_t *out,
                             struct err *err)
{
    return find_word(words, n, text, out) ? STATUS_OK
                                          : err_set(err, STATUS_INVALID, "no such word: %.*s",
                                                    (int)(text.n < 40 ? text.n : 40), text.p);
}

/* --- status -------------------------------------------------------------------------------- */

static uint64_t days_of(uint64_t year, uint64_t month)
{
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 ? 28 + leap : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static bool is_date(struct str s)
{
    static const char form[] = "0000-00-00";
    for (size_t i = 0; i < s.n && i < sizeof form - 1; i++) {
        if (form[i] == '-' ? s.p[i] != '-' : s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
    }
    if (s.n != sizeof form - 1) {
        return false;
    }
    uint64_t year = 0, month = 0, day = 0;
    bool read = text_u64(text_sub(s, 0, 4), &year) && text_u64(text_sub(s, 5, 2), &month) &&
                text_u64(text_sub(s, 8, 2), &day);
    return read && month >= 1 && month <= 12 && day >= 1 && day <= days_of(year, month);
}

static enum status check_status(struct str text, struct err *err)
{
    struct str state, date;
    bool known = text_split(&text, ' ', &state) &&
                 (text_eq(state, STR("active")) || text_eq(state, STR("legacy")) ||
                  text_eq(state, STR("retired")));
    bool more = text.n > 0;
    bool dated = more && text_split(&text, ' ', &date) && is_date(date);
    bool active = known && text_eq(state, STR("active"));
    bool retired = known && text_eq(state, STR("retired"));
    bool one = !dated || text.n == 0 || catalogue_cell_is_id(text); /* the successor's id */
    if (!known || (active && more) || (more && !dated) || (retired && !dated) || !one) {
        return err_set(err, STATUS_INVALID,
                       "active, legacy [DATE [ID]] or retired DATE [ID], a date like 2027-04-08");
    }
    return STATUS_OK;
}

/* --- all kinds ----------------------------------------------------------------------------- */

static enum status read_number(struct str text, uint32_t *out, struct err *err)
{
    uint64_t v;
    if (!text_u64(text, &v) || v >= CATALOGUE_NONE) {
        return err_set(err, STATUS_INVALID, "a whole number is needed");
    }
    *out = (uint32_t)v;
    return STATUS_OK;
}

enum status catalogue_cell_read(enum catalogue_column column, struct str text, uint32_t *out,
                                bool *is_text, struct err *err)
{
    *is_text = false;
    switch ((enum kind)kinds[column]) {
    case KIND_NUMBER:
        return read_number(text, out, err);
    case KIND_MONEY:
        return catalogue_cell_money(text, out)
                   ? STATUS_OK
                   : err_set(err, STATUS_INVALID, "dollars with up to six decimals are needed");
    case KIND_TAKES:
        return read_takes(text, out, err);
    case KIND_SAMPLING:
        return read_word(samplings, COUNT_OF(samplings), text, out, err);
    case KIND_THINKING:
        return read_word(thinkings, COUNT_OF(thinkings), text, out, err);
    case KIND_LEVEL:
        return read_word(levels, COUNT_OF(levels), text, out, err);
    default:
        break;
    }
    *is_text = true;
    switch ((enum kind)kinds[column]) {
    case KIND_REGIONAL:
        return check_regional(text, err);
    case KIND_TIERS:
        return check_tiers(text, err);
    case KIND_STATUS:
        return check_status(text, err);
    case KIND_NAMES:
        return check_names(text, err);
    case KIND_WORD:
        return text_only_of(text, "._-")
                   ? STATUS_OK
                   : err_set(err, STATUS_INVALID, "one word of letters, digits and ._- is needed");
    case KIND_WORDS:
        return check_words(text, err);
    case KIND_PATH:
        return check_path(text, err);
    case KIND_PREFIX:
        return region_is_prefix(text) ? STATUS_OK
                                      : err_set(err, STATUS_INVALID, "no prefix of a region");
    default:
        return STATUS_OK;
    }
}

static void put_takes(struct buf *out, uint32_t bits)
{
    const char *comma = "";
    for (uint32_t i = 0; i < COUNT_OF(takes); i++) {
        if (bits & 1u << i) {
            buf_printf(out, "%s%s", comma, takes[i]);
            comma = ",";
        }
    }
}

void catalogue_cell_put(struct buf *out, const struct catalogue *t, const struct catalogue_row *row,
                        enum catalogue_column column)
{
    uint32_t v = row->cell[column];
    switch ((enum kind)kinds[column]) {
    case KIND_NUMBER:
        if (v != CATALOGUE_NONE) {
            buf_put_u64(out, v);
        }
        break;
    case KIND_MONEY:
        if (v != CATALOGUE_NONE) {
            catalogue_cell_put_money(out, v);
        }
        break;
    case KIND_TAKES:
        put_takes(out, v);
        break;
    case KIND_SAMPLING:
        buf_put_str(out, text_from(samplings[v]));
        break;
    case KIND_THINKING:
        buf_put_str(out, text_from(thinkings[v]));
        break;
    case KIND_LEVEL:
        buf_put_str(out, text_from(levels[v]));
        break;
    default:
        buf_put_str(out, catalogue_table_text(t, row, column));
    }
}
