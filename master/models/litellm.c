#include "master/models/litellm.h"

#include <stdio.h>
#include <string.h>

#include "server/json/json.h"
#include "shm/catalogue/region.h"

#define ONE_TOKEN 1.0 /* what their prices are for */

bool litellm_is(const struct cJSON *doc)
{
    for (const struct cJSON *m = json_is_object(doc) ? json_child(doc) : NULL; m;
         m = json_next(m)) {
        if (json_get_text(m, "litellm_provider").n && !text_eq(json_name(m), STR("sample_spec"))) {
            return true;
        }
    }
    return false;
}

/* --- which entries ------------------------------------------------------------------------- */

static bool is_ours(const struct cJSON *entry)
{
    struct str provider = json_get_text(entry, "litellm_provider");
    struct str mode = json_get_text(entry, "mode");
    return (text_eq(provider, STR("bedrock")) || text_eq(provider, STR("bedrock_converse"))) &&
           (mode.n == 0 || text_eq(mode, STR("chat")) || text_eq(mode, STR("completion")));
}

/* "us.anthropic.x", "bedrock/anthropic.x", "bedrock/eu-west-2/qwen.x". False: bought otherwise
 * (".../1-month-commitment/..."), or another way to write an id that is there by itself
 * ("bedrock/invoke/..."). */
static bool take_apart(struct str key, struct str *region, struct str *id)
{
    struct str part[3], rest = key;
    size_t n = 0;
    while (n < COUNT_OF(part) && rest.n && text_split(&rest, '/', &part[n])) {
        n++;
    }
    *region = n == 3 ? part[1] : (struct str){NULL, 0};
    *id = n ? part[n - 1] : (struct str){NULL, 0};
    if (rest.n || n == 0 || (n > 1 && !text_eq(part[0], STR("bedrock")))) {
        return false;
    }
    size_t dash; /* of "eu-west-2" */
    return n < 3 || (text_find(*region, STR("-"), &dash) && region_geography(*region).n > 0);
}

/* --- what they say ------------------------------------------------------------------------- */

static uint32_t money(const struct cJSON *entry, const char *key)
{
    return sheet_price(entry, key, ONE_TOKEN);
}

/* "input_cost_per_token_above_272k_tokens" and its like for the output. */
static void read_long(const struct cJSON *entry, struct sheet_offer *o)
{
    static const char start[] = "input_cost_per_token_above_", end[] = "k_tokens";
    for (const struct cJSON *m = json_child(entry); m; m = json_next(m)) {
        struct str key = json_name(m);
        uint64_t thousands;
        if (!text_starts(key, text_from(start)) || !text_ends(key, text_from(end))) {
            continue;
        }
        struct str digits =
            text_sub(key, sizeof start - 1, key.n - (sizeof start - 1) - (sizeof end - 1));
        if (text_u64(digits, &thousands) && thousands && thousands < UINT32_MAX / 1000) {
            char in[64], out[64];
            snprintf(in, sizeof in, "%s%.*s%s", start, STR_ARG(digits), end);
            snprintf(out, sizeof out, "output%s%.*s%s", start + sizeof "input" - 1, STR_ARG(digits),
                     end);
            o->long_from = (uint32_t)thousands * 1000;
            o->long_in = money(entry, in);
            o->long_out = money(entry, out);
            return;
        }
    }
}

static void read_tiers(const struct cJSON *entry, struct sheet_offer *o)
{
    for (enum tier t = 0; t < TIER_COUNT; t++) {
        char in[64], out[64];
        snprintf(in, sizeof in, "input_cost_per_token_%.*s", STR_ARG(tier_word(t)));
        snprintf(out, sizeof out, "output_cost_per_token_%.*s", STR_ARG(tier_word(t)));
        o->tier_in[t] = money(entry, in);
        o->tier_out[t] = money(entry, out);
    }
}

/* Of a day alone it cannot be told whether calls fail from then on. */
static void read_status(const struct cJSON *entry, struct sheet_offer *o)
{
    struct str day = json_get_text(entry, "deprecation_date");
    struct str rest = json_get_text(entry, "successor_model"), use = {NULL, 0};
    while (rest.n && text_split(&rest, '/', &use)) {
    } /* "bedrock/REGION/ID", too */
    use = region_base(use);
    if (day.n == sizeof "2027-03-30" - 1) {
        snprintf(o->status, sizeof o->status, "legacy %.*s%s%.*s", STR_ARG(day), use.n ? " " : "",
                 (int)(use.n < 90 ? use.n : 0), use.p);
    }
}

static void read_entry(const struct cJSON *entry, struct sheet_offer *o)
{
    o->context = sheet_number(entry, "max_input_tokens");
    o->output = sheet_number(entry, "max_output_tokens");
    o->in = money(entry, "input_cost_per_token");
    o->out = money(entry, "output_cost_per_token");
    o->cache_read = money(entry, "cache_read_input_token_cost");
    o->write_5m = money(entry, "cache_creation_input_token_cost");
    o->write_1h = money(entry, "cache_creation_input_token_cost_above_1hr");
    read_long(entry, o);
    read_tiers(entry, o);
    read_status(entry, o);
}

void litellm_read(const struct cJSON *doc, struct sheet *sheet)
{
    for (const struct cJSON *m = json_child(doc); m; m = json_next(m)) {
        struct str region, id;
        struct sheet_offer *o;
        if (is_ours(m) && take_apart(json_name(m), &region, &id) &&
            (o = sheet_add(sheet, id, region)) != NULL) {
            read_entry(m, o);
        }
    }
}
