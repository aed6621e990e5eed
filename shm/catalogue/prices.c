#include "shm/catalogue/prices.h"

#include <string.h>

#include "shm/catalogue/catalogue.h"
#include "shm/catalogue/catalogue_cell.h"
#include "shm/catalogue/region.h"

#define THOUSAND 1000u
#define MICRO    1000000u

/* Of Bedrock's tiers where a row names none. aws.amazon.com/bedrock/pricing: flex half, priority
 * 1.75 times. */
static const uint16_t usual[TIER_COUNT] = {
    [TIER_DEFAULT] = 1000,  [TIER_FLEX] = 500,       [TIER_PRIORITY] = 1750,
    [TIER_RESERVED] = 1000, [TIER_ULTRAFAST] = 6000,
};

static uint32_t fit(uint64_t v)
{
    return v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
}

/* v * by / of, rounded half up. All three below 2^32. */
static uint32_t scale(uint64_t v, uint64_t by, uint64_t of)
{
    return of ? fit((v * by + of / 2) / of) : fit(v);
}

/* --- tiers --------------------------------------------------------------------------------- */

static uint16_t thousandths(uint32_t micro)
{
    uint32_t v = scale(micro, THOUSAND, MICRO);
    return v < UINT16_MAX ? (uint16_t)v : UINT16_MAX;
}

static void put_tiers(const struct catalogue_row *row, struct prices_tariff *out)
{
    struct str rest = catalogue_text(row, CATALOGUE_TIERS);
    struct catalogue_part part;
    memcpy(out->factor_in, usual, sizeof usual);
    memcpy(out->factor_out, usual, sizeof usual);
    while (catalogue_cell_part(&rest, &part)) {
        enum tier tier = TIER_DEFAULT;
        if (tier_find(part.where, &tier)) {
            out->factor_in[tier] = thousandths(part.a);
            out->factor_out[tier] = thousandths(part.b);
        }
    }
}

struct rates prices_rates(const struct prices_tariff *t, enum tier tier)
{
    unsigned i = (unsigned)tier < TIER_COUNT ? tier : TIER_DEFAULT;
    struct rates r = t->rates;
    r.input = scale(r.input, t->factor_in[i], THOUSAND);
    r.output = scale(r.output, t->factor_out[i], THOUSAND);
    r.cache_read = scale(r.cache_read, t->factor_in[i], THOUSAND);
    r.write_5m = scale(r.write_5m, t->factor_in[i], THOUSAND);
    r.write_1h = scale(r.write_1h, t->factor_in[i], THOUSAND);
    return r;
}

/* --- regions ------------------------------------------------------------------------------- */

static bool find_part(const struct catalogue_row *row, struct str where, struct catalogue_part *out)
{
    struct str rest = catalogue_text(row, CATALOGUE_REGIONAL);
    while (catalogue_cell_part(&rest, out)) {
        if (text_eq(out->where, where)) {
            return true;
        }
    }
    return false;
}

/* What the list price of `global.` is multiplied by. A profile of a geography: its own word, else
 * the one for everywhere. A bare id: its region, "bare", its geography, everywhere. */
static bool find_regional(const struct catalogue_row *row, struct str prefix, struct str region,
                          struct catalogue_part *out)
{
    struct str everywhere = {NULL, 0};
    if (text_eq(prefix, STR("global"))) {
        return false;
    }
    if (prefix.n) {
        return find_part(row, prefix, out) || find_part(row, everywhere, out);
    }
    struct str geography = region_geography(region);
    return (region.n && find_part(row, region, out)) || find_part(row, STR("bare"), out) ||
           (geography.n && find_part(row, geography, out)) || find_part(row, everywhere, out);
}

static void apply_region(const struct catalogue_part *p, struct rates *r)
{
    uint64_t by = p->a, of = MICRO;
    if (p->pair) { /* dollars of its own: the caches follow the input */
        of = r->input;
        r->output = p->b;
    } else {
        r->output = scale(r->output, by, of);
    }
    r->cache_read = scale(r->cache_read, by, of);
    r->write_5m = scale(r->write_5m, by, of);
    r->write_1h = scale(r->write_1h, by, of);
    r->input = p->pair ? p->a : scale(r->input, by, of);
}

/* --- the row ------------------------------------------------------------------------------- */

/* A cache price that is not given is the input price, an hour's write twice that: rather too much
 * than nothing. */
static void complete(struct rates *r)
{
    r->cache_read = r->cache_read == CATALOGUE_NONE ? r->input : r->cache_read;
    r->write_5m = r->write_5m == CATALOGUE_NONE ? r->input : r->write_5m;
    r->write_1h = r->write_1h == CATALOGUE_NONE ? fit(2ull * r->input) : r->write_1h;
}

static void put_long(const struct catalogue_row *row, struct rates *r)
{
    uint32_t from = catalogue_number(row, CATALOGUE_LONG_FROM);
    uint32_t in = catalogue_number(row, CATALOGUE_LONG_IN);
    uint32_t out = catalogue_number(row, CATALOGUE_LONG_OUT);
    if (from == CATALOGUE_NONE || from / THOUSAND == 0 || from / THOUSAND > UINT16_MAX) {
        return;
    }
    uint32_t by_in = in == CATALOGUE_NONE || !r->input ? THOUSAND : scale(in, THOUSAND, r->input);
    uint32_t by_out =
        out == CATALOGUE_NONE || !r->output ? THOUSAND : scale(out, THOUSAND, r->output);
    r->long_from = (uint16_t)(from / THOUSAND);
    r->long_in = by_in < UINT16_MAX ? (uint16_t)by_in : UINT16_MAX;
    r->long_out = by_out < UINT16_MAX ? (uint16_t)by_out : UINT16_MAX;
}

static bool read_row(const struct catalogue_row *row, struct rates *out)
{
    *out = (struct rates){.input = catalogue_number(row, CATALOGUE_IN),
                          .output = catalogue_number(row, CATALOGUE_OUT),
                          .cache_read = catalogue_number(row, CATALOGUE_CACHE_READ),
                          .write_5m = catalogue_number(row, CATALOGUE_CACHE_WRITE_5M),
                          .write_1h = catalogue_number(row, CATALOGUE_CACHE_WRITE_1H)};
    if (out->input == CATALOGUE_NONE || out->output == CATALOGUE_NONE) {
        *out = (struct rates){0};
        return false;
    }
    complete(out);
    put_long(row, out);
    return true;
}

bool prices_listed(const struct catalogue_row *row, struct rates *out)
{
    return row->said & 1u << CATALOGUE_IN && read_row(row, out);
}

enum prices_source prices_find(struct str id, struct str region, struct prices_tariff *out)
{
    const struct catalogue_row *row = catalogue_find(id);
    struct catalogue_part part;
    *out = (struct prices_tariff){0};
    put_tiers(row, out);
    if (!read_row(row, &out->rates)) {
        return PRICES_UNKNOWN;
    }
    if (find_regional(row, region_prefix(id), region, &part)) {
        apply_region(&part, &out->rates);
    }
    bool own = row->said & 1u << CATALOGUE_IN;
    return own && catalogue_is_exact(row, id) ? PRICES_LIST : PRICES_FAMILY;
}

void prices_own(struct str id, const struct price *price, struct prices_tariff *out)
{
    *out = (struct prices_tariff){.rates = {.input = fit(price->input),
                                            .output = fit(price->output),
                                            .cache_read = fit(price->cache_read),
                                            .write_5m = fit(price->cache_write)}};
    out->rates.write_1h = fit(2ull * out->rates.input);
    put_tiers(catalogue_find(id), out);
}

/* --- the cost ------------------------------------------------------------------------------ */

/* A figure that does not fit is shown as the largest there is, never as a small one. */
static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

#define PER_MILLION_THOUSANDTHS 1000000000u

uint64_t prices_cost(const struct rates *r, const struct tokens *t)
{
    uint64_t prompt = plus(plus(t->input, t->cache_read), plus(t->write_5m, t->write_1h));
    bool dear = r->long_from && prompt > (uint64_t)r->long_from * THOUSAND;
    uint64_t in = plus(times(t->input, r->input), times(t->cache_read, r->cache_read));
    in = plus(in, plus(times(t->write_5m, r->write_5m), times(t->write_1h, r->write_1h)));
    uint64_t sum = plus(times(in, dear ? r->long_in : THOUSAND),
                        times(times(t->output, r->output), dear ? r->long_out : THOUSAND));
    if (sum == UINT64_MAX) {
        return UINT64_MAX;
    }
    return sum / PER_MILLION_THOUSANDTHS +
           (sum % PER_MILLION_THOUSANDTHS >= PER_MILLION_THOUSANDTHS / 2);
}
