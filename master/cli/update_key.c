#include "master/cli/update_key.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "master/cli/commands.h"
#include "master/cli/key_find.h"
#include "master/cli/key_options.h"
#include "master/cli/keys.h"
#include "server/base/clock.h"

enum {
    RATE,
    TPM,
    CONCURRENCY,
    BUDGET,
    BUDGET_MODE,
    EXPIRES,
    MODELS,
    TTL,
    TIER,
    GUARDRAIL,
    PROJECT,
    NAME,
    BUDGET_SHORT,
    ATTRIBUTES, /* those before are key_options.h's */
    ENABLE = ATTRIBUTES,
    DISABLE,
    REASON,
    RESET_SPEND,
    STDIN_KEY,
    OUTPUT,
    ENV_FILE,
    ROW_COUNT
};
static const struct option_row rows[ROW_COUNT] = {
    [RATE] = {'l', "rate-limit", "N", "requests per window; none: the server's"},
    [TPM] = {0, "tpm", "N", "tokens a minute"},
    [CONCURRENCY] = {0, "max-concurrency", "N", "requests at the same time"},
    [BUDGET] = {'b', "monthly-budget", "USD", "dollars a month"},
    [BUDGET_MODE] = {0, "budget-mode", "soft|reserve",
                     "soft: the request that crosses it finishes; reserve: none may cross it"},
    [EXPIRES] = {0, "expires", "TIME|Nd", "2027-01-31T00:00:00Z, or a number of days from now"},
    [MODELS] = {0, "models", "LIST", "allowed models, comma-separated, * at an end; none: all"},
    [TTL] = {0, "cache-ttl", "5m|1h", "prompt cache time put into requests"},
    [TIER] = {'t', "service-tier", "TIER", "default, flex, priority or reserved"},
    [GUARDRAIL] = {0, "guardrail", "ID:VERSION", "Bedrock guardrail, or off; none: the server's"},
    [PROJECT] = {0, "project", "ID", "Bedrock project; none: the server's"},
    [NAME] = {'n', "name", "NAME", "what it is for"},
    [BUDGET_SHORT] = {0, "budget", "USD", NULL},
    [ENABLE] = {0, "enable", NULL, "the key works again"},
    [DISABLE] = {0, "disable", NULL, "the key is refused until --enable"},
    [REASON] = {0, "reason", "TEXT", "with --disable: kept with the key; default: disabled"},
    [RESET_SPEND] = {0, "reset-spend", NULL,
                     "this month's spending becomes 0; its usage rows and its total stay"},
    [STDIN_KEY] = {'k', "key", NULL, "read the key itself from standard input"},
    [OUTPUT] = {0, "output", "text|json", "form of the answer"},
    [ENV_FILE] = {0, "env-file", "FILE", "settings file instead of .env"},
};
const struct commands_about update_key_about = {
    "update-key", "KEY-ID",
    "Changes what is given of an API key; none or 0 takes "
    "a limit away. A running server acts on it\n"
    "within about a second.",
    rows, ROW_COUNT};

struct change {
    struct key_find key;
    struct keystore_row row; /* the new values */
    uint32_t edits;
    bool reset_spend;
    int64_t was_micro; /* that month's spending, before */
};

/* --- what is to change --------------------------------------------------------------------- */

/* A name cannot be taken away, so "none" is one. */
static bool is_taken_away(int option, const char *value)
{
    return option != NAME && (strcmp(value, "none") == 0 || strcmp(value, "0") == 0);
}

static enum status read_attributes(const struct options *o, struct change *c, struct err *err)
{
    for (int i = 0; i < ATTRIBUTES; i++) {
        const struct key_option *k = key_options_find(rows[i].name);
        assert(k && k->edit);
        if (!o->value[i]) {
            continue;
        }
        c->edits |= k->edit;
        if (!is_taken_away(i, o->value[i]) &&
            key_options_read(k, o->value[i], clock_real_ms(), &c->row, err) != STATUS_OK) {
            return err->code;
        }
    }
    if ((c->edits & KEYSTORE_EDIT(service_tier)) && !c->row.service_tier[0]) {
        text_copy(STR("default"), c->row.service_tier, sizeof c->row.service_tier);
    }
    return STATUS_OK;
}

static void set_active(struct change *c, bool active, const char *reason)
{
    c->row.active = active;
    text_copy(text_from(reason), c->row.deactivated_reason, sizeof c->row.deactivated_reason);
    c->edits |= KEYSTORE_EDIT(is_active) | KEYSTORE_EDIT(deactivated_reason);
}

/* The new values as part of a row that is right in all else: what the server would skip is not
 * stored. */
static enum status check_values(const struct change *c, struct err *err)
{
    struct keystore_row row = c->row;
    struct directory_key cell;
    text_copy(STR("unchanged"), row.id, sizeof row.id);
    text_copy(STR("unchanged"), row.user_id, sizeof row.user_id);
    return keystore_cell(&row, true, &cell, err);
}

static enum status read_change(const struct options *o, struct change *c, struct err *err)
{
    const char *reason = o->value[REASON] ? o->value[REASON] : "disabled";
    clock_tick();
    if (key_find_read(o, o->value[STDIN_KEY] != NULL, &c->key, err) != STATUS_OK ||
        read_attributes(o, c, err) != STATUS_OK) {
        return err->code;
    }
    if (o->value[ENABLE] && o->value[DISABLE]) {
        return err_set(err, STATUS_INVALID, "--enable and --disable exclude each other");
    }
    if (o->value[REASON] && !o->value[DISABLE]) {
        return err_set(err, STATUS_INVALID, "--reason goes with --disable");
    }
    if (!reason[0] || strlen(reason) >= sizeof c->row.deactivated_reason) {
        return err_set(err, STATUS_INVALID, "--reason: 1 to %zu bytes are needed",
                       sizeof c->row.deactivated_reason - 1);
    }
    if (o->value[ENABLE] || o->value[DISABLE]) {
        set_active(c, o->value[ENABLE] != NULL, o->value[DISABLE] ? reason : "");
    }
    c->reset_spend = o->value[RESET_SPEND] != NULL;
    if (!c->edits && !c->reset_spend) {
        return err_set(err, STATUS_INVALID, "nothing to change is given, see --help");
    }
    return c->edits ? check_values(c, err) : STATUS_OK;
}

/* --- budget -------------------------------------------------------------------------------- */

static int64_t used_this_month(const struct keystore_row *row)
{
    char now[25];
    clock_rfc3339(clock_real_ms(), now);
    now[7] = '\0'; /* "2026-01", as the months of budgets are */
    return strcmp(row->budget_month, now) == 0 ? row->budget_used_micro : 0;
}

/* A key that its budget switched off: a larger budget switches it on again, as the server does, and
 * enabling it without one would last until its next request. */
static enum status apply_budget(struct change *c, struct err *err)
{
    const struct keystore_row *was = &c->key.found;
    int64_t budget =
        c->edits & KEYSTORE_EDIT(monthly_budget) ? c->row.budget_micro : was->budget_micro;
    bool exhausted = budget > 0 && used_this_month(was) >= budget;
    bool enabling = (c->edits & KEYSTORE_EDIT(is_active)) && c->row.active;
    if (enabling && exhausted) {
        return err_set(err, STATUS_BUDGET,
                       "its budget of this month is used up ($%.2f of $%.2f): give a larger "
                       "--monthly-budget, or none",
                       (double)used_this_month(was) / 1e6, (double)budget / 1e6);
    }
    if ((c->edits & KEYSTORE_EDIT(monthly_budget)) && !(c->edits & KEYSTORE_EDIT(is_active)) &&
        !was->active && !exhausted && strcmp(was->deactivated_reason, "budget_exceeded") == 0) {
        set_active(c, true, "");
    }
    return STATUS_OK;
}

/* --- doing it ------------------------------------------------------------------------------ */

/* First, so that what else is asked meets a budget that has room. */
static enum status reset_spend(struct keystore *store, struct change *c, struct err *err)
{
    const struct keystore_bill_ops *bill = store->ops->bill;
    if (!bill) {
        return err_set(err, STATUS_NOT_SUPPORTED, "the %s store keeps no usage rows",
                       store->ops->name);
    }
    enum status status = bill->reset_spend(store, c->key.found.id, &c->was_micro, err);
    return status == STATUS_OK ? store->ops->get(store, c->row.id, &c->key.found, err) : status;
}

static enum status update(struct keystore *store, struct change *c, struct keystore_row *now,
                          struct err *err)
{
    if (key_find_run(store, &c->key, err) != STATUS_OK) {
        return err->code;
    }
    text_copy(text_from(c->key.found.id), c->row.id, sizeof c->row.id);
    if ((c->reset_spend && reset_spend(store, c, err) != STATUS_OK) ||
        apply_budget(c, err) != STATUS_OK) {
        return err->code;
    }
    enum status status =
        c->edits ? store->ops->edit->update(store, &c->row, c->edits, err) : STATUS_OK;
    return status == STATUS_OK ? store->ops->get(store, c->row.id, now, err) : status;
}

static void print_done(const struct change *c, const struct keystore_row *now, bool json)
{
    static const char *const names[KEYSTORE_EDIT_COUNT] = {
#define NAME_OF(attribute, field) #attribute,
        KEYSTORE_EDITS(NAME_OF, NAME_OF, NAME_OF, NAME_OF, NAME_OF)
#undef NAME_OF
    };
    char id[KEYS_ID_SIZE];
    if (json) {
        keys_print_json(now, NULL);
        putchar('\n');
        return;
    }
    keys_id(now, id);
    printf("Updated: key %s of ", id);
    commands_print_safe(text_from(now->user_id), 0);
    printf(" (");
    commands_print_safe(text_from(now->name), 0);
    printf("):");
    for (int i = 0; i < KEYSTORE_EDIT_COUNT; i++) {
        if (c->edits & 1u << i) {
            printf(" %s", names[i]);
        }
    }
    if (c->reset_spend) {
        char was[32];
        keystore_money_text(c->was_micro, was);
        printf(" spending of this month (it was $%s)", was);
    }
    putchar('\n');
}

static int run(const struct config *config, struct change *c, bool json)
{
    struct keystore *store;
    struct keystore_row now;
    struct err err = {.code = STATUS_OK};
    if (keys_open(config, &store, &err) != STATUS_OK) {
        return keys_failed(update_key_about.name, &err);
    }
    enum status status = update(store, c, &now, &err);
    keystore_close(store);
    if (status == STATUS_OK) {
        print_done(c, &now, json);
        return COMMANDS_OK;
    }
    return c->key.matches > 1 ? commands_complain(update_key_about.name, &err)
                              : keys_failed(update_key_about.name, &err);
}

int update_key_run(int argc, char **argv)
{
    struct options o;
    struct config config;
    struct err err;
    struct change c = {.edits = 0};
    bool json;
    int exit_code;
    if (!commands_begin(&update_key_about, argc, argv, &o, &exit_code)) {
        return exit_code;
    }
    if (read_change(&o, &c, &err) != STATUS_OK ||
        commands_output(o.value[OUTPUT], &json, &err) != STATUS_OK ||
        commands_config(&config, o.value[ENV_FILE], NULL, 0, &err) != STATUS_OK) {
        return commands_complain(update_key_about.name, &err);
    }
    exit_code = run(&config, &c, json);
    config_free(&config);
    return exit_code;
}
