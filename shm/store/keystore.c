#include "shm/store/keystore.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "server/base/bedrock_terms.h"
#include "server/base/crc32.h"
#include "server/base/sha256.h"
#include "shm/catalogue/tier.h"

void keystore_close(struct keystore *k)
{
    if (k) {
        k->ops->close(k);
    }
}

/* --- calls that a store need not have ------------------------------------------------------ */

enum status keystore_put_usage(struct keystore *k, const struct keystore_usage *rows, size_t n,
                               struct err *err)
{
    if (!k->ops->put_usage) {
        return err_set(err, STATUS_NOT_SUPPORTED, "the %s store keeps no usage rows", k->ops->name);
    }
    return k->ops->put_usage(k, rows, n, err);
}

enum status keystore_usage(struct keystore *k, enum keystore_group group, int64_t from_ms,
                           int64_t to_ms,
                           bool (*fn)(void *ctx, const struct keystore_usage_sum *sum), void *ctx,
                           struct err *err)
{
    if (!k->ops->usage) {
        return err_set(err, STATUS_NOT_SUPPORTED, "the %s store keeps no usage rows", k->ops->name);
    }
    return k->ops->usage(k, group, from_ms, to_ms, fn, ctx, err);
}

enum status keystore_prices(struct keystore *k,
                            bool (*fn)(void *ctx, const struct keystore_price *price), void *ctx,
                            struct err *err)
{
    return k->ops->prices ? k->ops->prices(k, fn, ctx, err) : STATUS_OK;
}

enum status keystore_seal_key(struct keystore *k, const uint8_t fresh[SEAL_KEY_SIZE],
                              uint8_t out[SEAL_KEY_SIZE], struct err *err)
{
    if (!k->ops->seal_key) {
        return err_set(err, STATUS_NOT_SUPPORTED, "the %s store keeps no such key", k->ops->name);
    }
    return k->ops->seal_key(k, fresh, out, err);
}

/* --- from a row to a cell ------------------------------------------------------------------ */

static const struct str hashed_prefix = {"sha256:", 7};

void keystore_hash_id(struct str key, char id_out[KEYSTORE_ID_MAX + 1])
{
    memcpy(id_out, hashed_prefix.p, hashed_prefix.n);
    sha256_hex(key.p, key.n, id_out + hashed_prefix.n);
    id_out[hashed_prefix.n + 2 * SHA256_SIZE] = '\0';
}

static bool printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x20 || s.p[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

static bool is_hashed(struct str id)
{
    return text_starts(id, hashed_prefix);
}

bool keystore_digest(const struct keystore_row *row, uint8_t digest_out[32])
{
    struct str id = text_from(row->id);
    if (is_hashed(id)) {
        return text_unhex(text_sub(id, hashed_prefix.n, id.n), digest_out, 32);
    }
    sha256(id.p, id.n, digest_out);
    return id.n > 0 && printable(id);
}

static bool in_range(int64_t value, int64_t max)
{
    return value >= 0 && value <= max;
}

static const struct {
    const char *word;
    enum directory_ttl ttl;
} ttls[] = {{"", DIRECTORY_TTL_NONE}, {"1h", DIRECTORY_TTL_1H}, {"5m", DIRECTORY_TTL_5M}};

static bool put_tier(const char *word, struct directory_key *out)
{
    enum tier tier = TIER_DEFAULT;
    bool known = !word[0] || tier_find(text_from(word), &tier);
    if (known) {
        out->tier = (uint8_t)tier;
    }
    return known;
}

static bool put_ttl(const char *word, struct directory_key *out)
{
    for (size_t i = 0; i < COUNT_OF(ttls); i++) {
        if (strcmp(ttls[i].word, word) == 0) {
            out->cache_ttl = (uint8_t)ttls[i].ttl;
            return true;
        }
    }
    return false;
}

/* A label: UTF-8 without control characters, cut between two characters. */
static bool put_label(const char *text, char *out, size_t size, uint8_t *len_out)
{
    struct str rest = text_from(text);
    size_t n = 0;
    while (rest.n) {
        size_t step = text_utf8_step(rest);
        if (step == 0 || (uint8_t)rest.p[0] < 0x20 || rest.p[0] == 0x7f) {
            return false;
        }
        if (n + step >= size) {
            break;
        }
        n += step;
        rest = text_sub(rest, step, rest.n);
    }
    memcpy(out, text, n);
    *len_out = (uint8_t)n;
    return true;
}

/* The allow-list without blanks. It must fit whole, and a list of blanks must not become "all". */
static bool put_models(const char *text, struct directory_key *out)
{
    size_t n = 0;
    for (const char *p = text; *p; p++) {
        if (*p == ' ') {
            continue;
        }
        if (!text_word_char(*p, "._:/-*,") || n == sizeof out->models - 1) {
            return false;
        }
        out->models[n++] = *p;
    }
    out->models_len = (uint8_t)n;
    return n > 0 || text[0] == '\0';
}

/* "off": not even the server's. */
static bool is_guardrail(const char *text)
{
    struct bedrock_terms_guardrail g;
    return !text[0] || strcmp(text, "off") == 0 || bedrock_terms_guardrail(text_from(text), &g);
}

static uint32_t flags_of(const struct keystore_row *row)
{
    uint32_t flags = is_hashed(text_from(row->id)) ? 0 : DIRECTORY_CLEAR;
    if (strcmp(row->budget_mode, "reserve") == 0) {
        flags |= DIRECTORY_BUDGET_RESERVE;
    }
    if (row->guardrail[0] || row->project[0]) {
        flags |= DIRECTORY_TERMS;
    }
    if (row->active) {
        return flags | DIRECTORY_ACTIVE;
    }
    return strcmp(row->deactivated_reason, "budget_exceeded") == 0
               ? flags | DIRECTORY_BUDGET_EXCEEDED
               : flags;
}

#define COUNT_MAX   1000000000ll       /* requests or tokens: as RATE_LIMIT_REQUESTS_PER_WINDOW */
#define MONEY_MAX   1000000000000000ll /* 1e9 dollars in millionths */
#define SECONDS_MAX 253402300799ll     /* 9999-12-31, the last RFC 3339 can write */

/* The first attribute that is wrong; NULL: none. Fills the cell on the way. */
static const char *fill(const struct keystore_row *row, struct directory_key *out)
{
    const struct {
        const char *name;
        bool ok;
    } checks[] = {
        {row->unreadable, row->unreadable == NULL},
        {"user_id",
         row->user_id[0] && put_label(row->user_id, out->user, sizeof out->user, &out->user_len)},
        {"name", put_label(row->name, out->name, sizeof out->name, &out->name_len)},
        {"deactivated_reason",
         put_label(row->deactivated_reason, out->reason, sizeof out->reason, &out->reason_len)},
        {"rate_limit", in_range(row->rate_limit, COUNT_MAX)},
        {"tpm_limit", in_range(row->tpm_limit, COUNT_MAX)},
        {"max_concurrency", in_range(row->max_concurrency, COUNT_MAX)},
        {"monthly_budget", in_range(row->budget_micro, MONEY_MAX)},
        {"budget_mode", row->budget_mode[0] == '\0' || strcmp(row->budget_mode, "soft") == 0 ||
                            strcmp(row->budget_mode, "reserve") == 0},
        {"expires_at", in_range(row->expires_s, SECONDS_MAX)},
        {"service_tier", put_tier(row->service_tier, out)},
        {"cache_ttl", put_ttl(row->cache_ttl, out)},
        {"allowed_models", put_models(row->models, out)},
        {"guardrail", is_guardrail(row->guardrail)},
        {"project", !row->project[0] || bedrock_terms_project(text_from(row->project))},
    };
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        if (!checks[i].ok) {
            return checks[i].name;
        }
    }
    return NULL;
}

enum status keystore_cell(const struct keystore_row *row, bool allow_clear,
                          struct directory_key *out, struct err *err)
{
    *out = (struct directory_key){.flags = flags_of(row)};
    if (!keystore_digest(row, out->digest)) {
        return err_set(err, STATUS_INVALID,
                       "api_key is neither sha256:<64 hex> nor printable text");
    }
    if (!allow_clear && (out->flags & DIRECTORY_CLEAR)) {
        return err_set(err, STATUS_INVALID, "api_key is in clear and ALLOW_CLEAR_KEYS is false");
    }
    const char *wrong = fill(row, out);
    if (wrong) {
        return err_set(err, STATUS_INVALID, "%s is missing, out of range or too long", wrong);
    }
    out->rate_limit = (uint32_t)row->rate_limit;
    out->tpm_limit = (uint32_t)row->tpm_limit;
    out->max_concurrency = (uint32_t)row->max_concurrency;
    out->budget_micro = (uint64_t)row->budget_micro;
    out->expires_ms = row->expires_s * 1000;
    return STATUS_OK;
}

void keystore_terms(const struct keystore_row *row, const uint8_t digest[32],
                    struct directory_terms *out)
{
    *out = (struct directory_terms){.guardrail = ""};
    memcpy(out->digest, digest, sizeof out->digest);
    memcpy(out->guardrail, row->guardrail, sizeof out->guardrail);
    memcpy(out->project, row->project, sizeof out->project);
}

bool keystore_money(struct str usd, int64_t *micro_out)
{
    struct str whole, decimals = {"", 0};
    uint64_t dollars = 0, micro = 0;
    if (!text_split(&usd, '.', &whole) || !text_u64(whole, &dollars) ||
        dollars > MONEY_MAX / 1000000) {
        return false;
    }
    decimals = usd;
    uint64_t unit = 100000;
    for (size_t i = 0; i < decimals.n; i++, unit /= 10) {
        if (decimals.p[i] < '0' || decimals.p[i] > '9') {
            return false;
        }
        micro += (uint64_t)(decimals.p[i] - '0') * unit;
    }
    *micro_out = (int64_t)(dollars * 1000000 + micro);
    return *micro_out <= MONEY_MAX;
}

void keystore_money_text(int64_t micro, char out[32])
{
    snprintf(out, 32, "%lld.%06lld", (long long)(micro / 1000000), (long long)(micro % 1000000));
}

void keystore_history_text(int64_t micro, char out[32])
{
    int64_t cents = micro / 10000;
    if (micro % 10000) {
        keystore_money_text(micro, out);
    } else {
        snprintf(out, 32, "%lld.%02lld", (long long)(cents / 100), (long long)(cents % 100));
    }
}

/* --- the text of our own keys -------------------------------------------------------------- */

#define RANDOM_CHARS 32 /* base62: 190 bits */
#define CRC_CHARS    6  /* base62: 35 bits hold the 32 of the CRC */
#define ENV_MAX      16

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Bytes from 248 on are thrown away: 248 = 4 * 62, so every character is equally likely. */
static void random_base62(char *out, size_t n)
{
    while (n) {
        uint8_t byte;
        text_random(&byte, 1);
        if (byte < 248) {
            *out++ = base62[byte % 62];
            n--;
        }
    }
}

static void checksum(struct str head, char out[CRC_CHARS])
{
    uint32_t crc = crc32_add(0, head.p, head.n);
    for (size_t i = CRC_CHARS; i-- > 0; crc /= 62) {
        out[i] = base62[crc % 62];
    }
}

void keystore_new_key(const char *env, char out[80])
{
    assert(env[0] && strlen(env) <= ENV_MAX &&
           strspn(env, "abcdefghijklmnopqrstuvwxyz0123456789") == strlen(env));
    size_t n = (size_t)snprintf(out, 80, "sk-%s-", env);
    random_base62(out + n, RANDOM_CHARS);
    n += RANDOM_CHARS;
    checksum((struct str){out, n}, out + n + 1);
    out[n] = '-';
    out[n + 1 + CRC_CHARS] = '\0';
}

static bool all_of(struct str s, const char *set)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\0' || !strchr(set, s.p[i])) {
            return false;
        }
    }
    return true;
}

/* Only sk-<env>-<32>-<6>: the older tools' sk-<uuid> and sk-<32 hex> have other lengths. */
static bool our_form(struct str key)
{
    struct str sk, env, body, crc;
    return text_split(&key, '-', &sk) && text_eq(sk, STR("sk")) && text_split(&key, '-', &env) &&
           env.n >= 1 && env.n <= ENV_MAX && text_split(&key, '-', &body) &&
           body.n == RANDOM_CHARS && all_of(body, base62) && text_split(&key, '-', &crc) &&
           crc.n == CRC_CHARS && all_of(crc, base62) && !key.p;
}

bool keystore_key_plausible(struct str key)
{
    if (key.n == 0 || key.n > KEYSTORE_ID_MAX || !printable(key) || is_hashed(key)) {
        return false;
    }
    if (!our_form(key)) {
        return true;
    }
    char expected[CRC_CHARS];
    checksum(text_sub(key, 0, key.n - CRC_CHARS - 1), expected);
    return memcmp(expected, key.p + key.n - CRC_CHARS, CRC_CHARS) == 0;
}
