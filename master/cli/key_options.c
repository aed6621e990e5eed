#include "master/cli/key_options.h"

#include <stddef.h>
#include <string.h>

#include "server/base/clock.h"

#define DAYS_MAX 36500

#define FIELD(field) offsetof(struct keystore_row, field), sizeof((struct keystore_row *)0)->field
static const struct key_option table[] = {
    {"user-id", KEY_OPTION_TEXT, FIELD(user_id), 0},
    {"name", KEY_OPTION_TEXT, FIELD(name), KEYSTORE_EDIT(name)},
    {"rate-limit", KEY_OPTION_COUNT, FIELD(rate_limit), KEYSTORE_EDIT(rate_limit)},
    {"tpm", KEY_OPTION_COUNT, FIELD(tpm_limit), KEYSTORE_EDIT(tpm_limit)},
    {"max-concurrency", KEY_OPTION_COUNT, FIELD(max_concurrency), KEYSTORE_EDIT(max_concurrency)},
    {"monthly-budget", KEY_OPTION_MONEY, FIELD(budget_micro), KEYSTORE_EDIT(monthly_budget)},
    {"budget", KEY_OPTION_MONEY, FIELD(budget_micro), KEYSTORE_EDIT(monthly_budget)},
    {"budget-mode", KEY_OPTION_TEXT, FIELD(budget_mode), KEYSTORE_EDIT(budget_mode)},
    {"expires", KEY_OPTION_TIME, FIELD(expires_s), KEYSTORE_EDIT(expires_at)},
    {"models", KEY_OPTION_TEXT, FIELD(models), KEYSTORE_EDIT(allowed_models)},
    {"service-tier", KEY_OPTION_TEXT, FIELD(service_tier), KEYSTORE_EDIT(service_tier)},
    {"guardrail", KEY_OPTION_TEXT, FIELD(guardrail), KEYSTORE_EDIT(guardrail)},
    {"project", KEY_OPTION_TEXT, FIELD(project), KEYSTORE_EDIT(project)},
    {"cache-ttl", KEY_OPTION_TEXT, FIELD(cache_ttl), KEYSTORE_EDIT(cache_ttl)},
};

const struct key_option *key_options_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (strcmp(table[i].name, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

bool key_options_expiry(struct str s, int64_t now_ms, int64_t *seconds_out)
{
    uint64_t days;
    int64_t at_ms;
    if (text_ends(s, STR("d"))) {
        bool ok = text_u64(text_sub(s, 0, s.n - 1), &days) && days > 0 && days <= DAYS_MAX;
        *seconds_out = ok ? now_ms / 1000 + (int64_t)days * 86400 : 0;
        return ok;
    }
    bool ok = clock_parse_rfc3339(s, &at_ms) && at_ms > now_ms;
    *seconds_out = ok ? at_ms / 1000 : 0;
    return ok;
}

static enum status read_text(const struct key_option *k, const char *value, char *out,
                             struct err *err)
{
    if (!value[0] || strlen(value) >= k->size) {
        return err_set(err, STATUS_INVALID, "--%s: 1 to %zu bytes are needed", k->name,
                       k->size - 1);
    }
    text_copy(text_from(value), out, k->size);
    return STATUS_OK;
}

static enum status read_number(const struct key_option *k, const char *value, int64_t now_ms,
                               int64_t *out, struct err *err)
{
    struct str s = text_from(value);
    switch (k->kind) {
    case KEY_OPTION_MONEY:
        return keystore_money(s, out)
                   ? STATUS_OK
                   : err_set(err, STATUS_INVALID, "--%s %s: dollars are needed, like 25 or 12.50",
                             k->name, value);
    case KEY_OPTION_TIME:
        return key_options_expiry(s, now_ms, out)
                   ? STATUS_OK
                   : err_set(err, STATUS_INVALID,
                             "--%s %s: days like 30d or a time to come like 2027-01-31T00:00:00Z"
                             " is needed",
                             k->name, value);
    default:
        return text_i64(s, out) && *out >= 0
                   ? STATUS_OK
                   : err_set(err, STATUS_INVALID, "--%s %s: a whole number is needed", k->name,
                             value);
    }
}

enum status key_options_read(const struct key_option *k, const char *value, int64_t now_ms,
                             struct keystore_row *row, struct err *err)
{
    char *field = (char *)row + k->offset;
    if (k->kind == KEY_OPTION_TEXT) {
        return read_text(k, value, field, err);
    }
    int64_t number;
    enum status status = read_number(k, value, now_ms, &number, err);
    if (status == STATUS_OK) {
        memcpy(field, &number, sizeof number);
    }
    return status;
}
