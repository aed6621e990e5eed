#include "master/cli/keys.h"

#include <stdio.h>
#include <string.h>

#include "master/cli/commands.h"
#include "server/base/buf.h"
#include "server/base/clock.h"
#include "server/json/json.h"
#include "server/base/sha256.h"
#include "shm/refresher/backend.h"

#define ROW_MAX 16384 /* bytes of one key as JSON */

/* --- shared by the commands ---------------------------------------------------------------- */

enum status keys_open(const struct config *c, struct keystore **out, struct err *err)
{
    char why[BACKEND_WHY_SIZE];
    return backend_open(c, "", out, why, sizeof why, err);
}

int keys_failed(const char *command, struct err *err)
{
    err->code =
        STATUS_UNAVAILABLE; /* the command line was right, whatever the store calls its trouble */
    return commands_complain(command, err);
}

void keys_id(const struct keystore_row *row, char out[KEYS_ID_SIZE])
{
    uint8_t digest[SHA256_SIZE];
    if (!keystore_digest(row, digest)) { /* no key has this row: show that there is one */
        memcpy(out, "????????", KEYS_ID_SIZE);
        return;
    }
    text_hex(digest, (KEYS_ID_SIZE - 1) / 2, out);
    out[KEYS_ID_SIZE - 1] = '\0';
}

static void json_member(struct json_out *w, const char *name, const char *value)
{
    json_key(w, text_from(name));
    json_str(w, text_from(value));
}

static void json_count(struct json_out *w, const char *name, int64_t value)
{
    json_key(w, text_from(name));
    if (value) {
        json_i64(w, value);
    } else {
        json_null(w);
    }
}

static void json_time(struct json_out *w, const char *name, int64_t seconds)
{
    char text[25];
    json_key(w, text_from(name));
    if (!seconds) {
        json_null(w);
        return;
    }
    clock_rfc3339(seconds * 1000, text);
    json_str(w, text_from(text));
}

void keys_put_money(struct json_out *w, int64_t micro)
{
    if (micro % 1000000 == 0) { /* json_f64 would write 10 as 1e+01 */
        json_i64(w, micro / 1000000);
    } else {
        json_f64(w, (double)micro / 1e6);
    }
}

static void json_money(struct json_out *w, const char *name, int64_t micro)
{
    json_key(w, text_from(name));
    if (micro) {
        keys_put_money(w, micro);
    } else {
        json_null(w);
    }
}

void keys_print_json(const struct keystore_row *row, const char *key)
{
    struct buf b;
    struct json_out w;
    char id[KEYS_ID_SIZE];
    buf_init(&b, ROW_MAX);
    json_begin(&w, &b);
    json_object(&w);
    if (key) {
        json_member(&w, "api_key", key);
    }
    keys_id(row, id);
    json_member(&w, "key_id", id);
    json_member(&w, "prefix", row->prefix);
    json_member(&w, "user_id", row->user_id);
    json_member(&w, "name", row->name);
    JSON_KEY(&w, "is_active");
    json_bool(&w, row->active);
    json_time(&w, "created_at", row->created_s);
    json_time(&w, "updated_at", row->updated_s);
    json_count(&w, "rate_limit", row->rate_limit);
    json_count(&w, "tpm_limit", row->tpm_limit);
    json_count(&w, "max_concurrency", row->max_concurrency);
    json_money(&w, "monthly_budget", row->budget_micro);
    json_member(&w, "budget_mode", row->budget_mode);
    json_money(&w, "budget_used_mtd", row->budget_used_micro);
    json_member(&w, "budget_mtd_month", row->budget_month);
    json_time(&w, "expires_at", row->expires_s);
    json_member(&w, "service_tier", row->service_tier);
    json_member(&w, "allowed_models", row->models);
    json_member(&w, "cache_ttl", row->cache_ttl);
    json_member(&w, "guardrail", row->guardrail);
    json_member(&w, "project", row->project);
    json_member(&w, "deactivated_reason", row->deactivated_reason);
    json_object_end(&w);
    printf("%.*s", STR_ARG(buf_str(&b)));
    text_wipe(buf_data(&b), buf_len(&b));
    buf_free(&b);
}

/* --- list-keys ----------------------------------------------------------------------------- */

enum { LIST_OUTPUT, LIST_ENV_FILE, LIST_COUNT };
static const struct option_row list_rows[LIST_COUNT] = {
    [LIST_OUTPUT] = {0, "output", "text|json", "form of the answer"},
    [LIST_ENV_FILE] = {0, "env-file", "FILE", "settings file instead of .env"},
};
const struct commands_about keys_list_about = {
    "list-keys", "", "Lists the API keys; never the keys themselves.", list_rows, LIST_COUNT};

struct listing {
    bool json;
    size_t count;
};

/* Exactly width characters. What could steer a terminal is shown as '?'. */
static void print_cell(const char *text, size_t width)
{
    struct str rest = text_from(text);
    for (size_t i = 0; i < width; i++) {
        size_t step = 0;
        if (rest.n && text_steers(rest, &step, NULL)) {
            putchar('?');
        } else if (i + 1 == width && rest.n > step) {
            putchar('~');
        } else {
            printf("%.*s", rest.n ? (int)step : 1, rest.n ? rest.p : " ");
        }
        rest = text_sub(rest, step, rest.n);
    }
    putchar(' ');
}

static void print_row(const struct keystore_row *row)
{
    char id[KEYS_ID_SIZE], created[25], limit[24] = "-", budget[32] = "-";
    keys_id(row, id);
    clock_rfc3339(row->created_s * 1000, created);
    created[10] = '\0'; /* the date */
    if (row->rate_limit) {
        snprintf(limit, sizeof limit, "%lld", (long long)row->rate_limit);
    }
    if (row->budget_micro) {
        snprintf(budget, sizeof budget, "$%.2f", (double)row->budget_micro / 1e6);
    }
    print_cell(id, 8);
    print_cell(row->user_id, 16);
    print_cell(row->name, 18);
    print_cell(row->active ? "yes" : "no", 6);
    print_cell(limit, 7);
    print_cell(budget, 9);
    printf("%s\n", created);
}

static bool list_one(void *ctx, const struct keystore_row *row)
{
    struct listing *l = ctx;
    if (l->json) {
        printf(l->count ? ",\n" : "[");
        keys_print_json(row, NULL);
    } else {
        if (l->count == 0) {
            printf("%-8s %-16s %-18s %-6s %-7s %-9s %s\n", "KEY ID", "USER", "NAME", "ACTIVE",
                   "LIMIT", "BUDGET", "CREATED");
        }
        print_row(row);
    }
    l->count++;
    return true;
}

static int list(const struct config *c, bool json)
{
    struct keystore *store;
    struct err err = {.code = STATUS_OK};
    struct listing l = {.json = json};
    if (keys_open(c, &store, &err) != STATUS_OK) {
        return keys_failed(keys_list_about.name, &err);
    }
    enum status status = store->ops->scan(store, list_one, &l, &err);
    keystore_close(store);
    if (json) {
        printf(l.count ? "]\n" : "[]\n");
    } else if (l.count == 0 && status == STATUS_OK) {
        printf("no keys yet: llm-api-converter create-api-key -u USER -n NAME\n");
    }
    if (status != STATUS_OK) {
        return keys_failed(keys_list_about.name, &err);
    }
    return COMMANDS_OK;
}

int keys_list(int argc, char **argv)
{
    struct options o;
    struct config c;
    struct err err;
    bool json;
    int exit_code;
    if (!commands_begin(&keys_list_about, argc, argv, &o, &exit_code)) {
        return exit_code;
    }
    if (commands_output(o.value[LIST_OUTPUT], &json, &err) != STATUS_OK ||
        commands_config(&c, o.value[LIST_ENV_FILE], NULL, 0, &err) != STATUS_OK) {
        return commands_complain(keys_list_about.name, &err);
    }
    exit_code = list(&c, json);
    config_free(&c);
    return exit_code;
}
