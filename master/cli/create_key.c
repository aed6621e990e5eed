#include "master/cli/create_key.h"

#include <stdio.h>
#include <string.h>

#include "master/cli/commands.h"
#include "master/cli/key_options.h"
#include "master/cli/keys.h"
#include "server/base/clock.h"
#include "shm/store/keystore.h"

#define KEY_SHOWN 4 /* random characters of a key that are shown */

enum {
    USER,
    NAME,
    RATE,
    TIER,
    BUDGET,
    BUDGET_MODE,
    TPM,
    CONCURRENCY,
    EXPIRES,
    MODELS,
    TTL,
    GUARDRAIL,
    PROJECT,
    CLEAR,
    OUTPUT,
    TABLE,
    ENDPOINT,
    REGION,
    ENV_FILE,
    BUDGET_SHORT,
    ENDPOINT_URL,
    TABLE_NAME,
    ROW_COUNT
};
static const struct option_row rows[ROW_COUNT] = {
    [USER] = {'u', "user-id", "USER", "whose key it is (required)"},
    [NAME] = {'n', "name", "NAME", "what it is for (required)"},
    [RATE] = {'l', "rate-limit", "N", "requests per window; default: the server's"},
    [TIER] = {'t', "service-tier", "TIER", "default, flex, priority or reserved"},
    [BUDGET] = {'b', "monthly-budget", "USD", "dollars a month; default: none"},
    [BUDGET_MODE] = {0, "budget-mode", "soft|reserve",
                     "soft: the request that crosses it finishes; reserve: none may cross it"},
    [TPM] = {0, "tpm", "N", "tokens a minute; default: none"},
    [CONCURRENCY] = {0, "max-concurrency", "N", "requests at the same time; default: none"},
    [EXPIRES] = {0, "expires", "TIME|Nd", "2027-01-31T00:00:00Z, or a number of days"},
    [MODELS] = {0, "models", "LIST", "allowed models, comma-separated, * at an end"},
    [TTL] = {0, "cache-ttl", "5m|1h", "prompt cache time put into requests"},
    [GUARDRAIL] = {0, "guardrail", "ID:VERSION",
                   "Bedrock guardrail, or off; default: the server's"},
    [PROJECT] = {0, "project", "ID", "Bedrock project; default: the server's"},
    [CLEAR] = {0, "clear", NULL, "store the key itself, not its hash (older tools)"},
    [OUTPUT] = {0, "output", "text|json", "form of the answer"},
    [TABLE] = {'T', "table", "TABLE", "DynamoDB table"},
    [ENDPOINT] = {'e', "endpoint", "URL", "DynamoDB endpoint"},
    [REGION] = {'r', "region", "REGION", "AWS region"},
    [ENV_FILE] = {0, "env-file", "FILE", "settings file instead of .env"},
    /* spellings of the older tools */
    [BUDGET_SHORT] = {0, "budget", "USD", NULL},
    [ENDPOINT_URL] = {0, "endpoint-url", "URL", NULL},
    [TABLE_NAME] = {0, "table-name", "TABLE", NULL},
};
const struct commands_about create_key_about = {"create-api-key", "-u USER -n NAME",
                                                "Makes an API key, stores it and prints it once.",
                                                rows, ROW_COUNT};

static const char *either(const char *a, const char *b)
{
    return a ? a : b;
}

void create_key_prefix(const char *key, char *out, size_t size)
{
    struct str rest = text_from(key), sk, env;
    text_split(&rest, '-', &sk);
    text_split(&rest, '-', &env);
    snprintf(out, size, "%.*s-%.*s-%.*s...", STR_ARG(sk), STR_ARG(env),
             STR_ARG(text_sub(rest, 0, KEY_SHOWN)));
}

/* Each option that key_options.h knows. */
static enum status put_options(const struct options *o, struct keystore_row *row, struct err *err)
{
    for (int i = 0; i < ROW_COUNT; i++) {
        const struct key_option *k = key_options_find(rows[i].name);
        if (k && o->value[i] &&
            key_options_read(k, o->value[i], row->created_s * 1000, row, err) != STATUS_OK) {
            return err->code;
        }
    }
    return STATUS_OK;
}

/* "dev", "stage" and "prod" in the key tell a reader (and a secret scanner) what is at stake. */
static const char *key_environment(const struct config *c)
{
    return c->environment[0] == 'p' ? "prod" : c->environment[0] == 's' ? "stage" : "dev";
}

static enum status make_row(const struct config *c, const struct options *o,
                            struct keystore_row *row, char key_out[80], struct err *err)
{
    struct directory_key cell;
    clock_tick();
    *row = (struct keystore_row){.active = true, .service_tier = "default"};
    row->created_s = row->updated_s = clock_real_ms() / 1000;
    if (put_options(o, row, err) != STATUS_OK) {
        return err->code;
    }
    keystore_new_key(key_environment(c), key_out);
    create_key_prefix(key_out, row->prefix, sizeof row->prefix);
    if (o->value[CLEAR]) {
        text_copy(text_from(key_out), row->id, sizeof row->id);
    } else {
        keystore_hash_id(text_from(key_out), row->id);
    }
    return keystore_cell(row, true, &cell, err); /* what the server would skip is not stored */
}

/* What was asked for beside the defaults: who hands the key on sees that it is as it was meant. */
static void print_limits(const struct keystore_row *row)
{
    char date[25];
    if (row->budget_micro) {
        printf("Monthly Budget: $%.2f%s%s\n", (double)row->budget_micro / 1e6,
               row->budget_mode[0] ? ", " : "", row->budget_mode);
    }
    if (row->tpm_limit) {
        printf("Token Limit: %lld a minute\n", (long long)row->tpm_limit);
    }
    if (row->max_concurrency) {
        printf("Concurrency: %lld\n", (long long)row->max_concurrency);
    }
    if (row->models[0]) {
        printf("Models: ");
        commands_print_safe(text_from(row->models), 0);
        printf("\n");
    }
    if (row->guardrail[0]) {
        printf("Guardrail: %s\n", row->guardrail); /* of letters of its own */
    }
    if (row->project[0]) {
        printf("Project: %s\n", row->project);
    }
    if (row->expires_s) {
        clock_rfc3339(row->expires_s * 1000, date);
        printf("Expires: %s\n", date);
    }
}

static void print_created(const struct config *c, const struct keystore_row *row, const char *key)
{
    char id[KEYS_ID_SIZE];
    keys_id(row, id);
    printf("API Key: %s\nKey ID: %s\nUser ID: ", key, id);
    commands_print_safe(text_from(row->user_id), 0);
    printf("\nName: ");
    commands_print_safe(text_from(row->name), 0);
    printf("\nRate Limit: %lld requests in %lld seconds\n",
           (long long)(row->rate_limit ? row->rate_limit : c->rate_limit_requests),
           (long long)c->rate_limit_window);
    printf("Service Tier: %s\n", row->service_tier);
    print_limits(row);
    printf("\nThe key is shown only now. To use it:\n\n");
    printf("export ANTHROPIC_API_KEY=\"%s\"\nexport ANTHROPIC_BASE_URL=\"http://localhost:%lld\"\n",
           key, (long long)c->port);
}

static void note_unused(const struct keystore *store, const struct options *o)
{
    static const int dynamo[] = {TABLE, ENDPOINT, REGION, TABLE_NAME, ENDPOINT_URL};
    bool given = false;
    for (size_t i = 0; i < COUNT_OF(dynamo); i++) {
        given = given || o->value[dynamo[i]];
    }
    if (given && strcmp(store->ops->name, "dynamodb") != 0) {
        fprintf(stderr, "note: --table, --endpoint and --region do not apply to the %s key store\n",
                store->ops->name);
    }
}

static int create(const struct config *c, const struct options *o, bool json)
{
    struct keystore_row row;
    struct keystore *store;
    struct err err = {.code = STATUS_OK};
    char key[80];
    if (make_row(c, o, &row, key, &err) != STATUS_OK) {
        return commands_complain(create_key_about.name, &err);
    }
    if (keys_open(c, &store, &err) != STATUS_OK) {
        return keys_failed(create_key_about.name, &err);
    }
    note_unused(store, o);
    enum status status = store->ops->put(store, &row, &err);
    keystore_close(store);
    if (status != STATUS_OK) {
        return keys_failed(create_key_about.name, &err);
    }
    if (json) {
        keys_print_json(&row, key);
        putchar('\n');
    } else {
        print_created(c, &row, key);
    }
    text_wipe(key, sizeof key);
    text_wipe(&row, sizeof row);
    return COMMANDS_OK;
}

int create_key_run(int argc, char **argv)
{
    struct options o;
    struct config c;
    struct err err;
    bool json;
    int exit_code;
    if (!commands_begin(&create_key_about, argc, argv, &o, &exit_code)) {
        return exit_code;
    }
    if (o.rest_count || !o.value[USER] || !o.value[NAME]) {
        err_set(&err, STATUS_INVALID, "-u USER and -n NAME are needed, see --help");
        return commands_complain(create_key_about.name, &err);
    }
    const struct config_override overrides[] = {
        {"DYNAMODB_API_KEYS_TABLE", either(o.value[TABLE], o.value[TABLE_NAME])},
        {"DYNAMODB_ENDPOINT_URL", either(o.value[ENDPOINT], o.value[ENDPOINT_URL])},
        {"AWS_REGION", o.value[REGION]},
    };
    if (commands_output(o.value[OUTPUT], &json, &err) != STATUS_OK ||
        commands_config(&c, o.value[ENV_FILE], overrides, 3, &err) != STATUS_OK) {
        return commands_complain(create_key_about.name, &err);
    }
    exit_code = create(&c, &o, json);
    config_free(&c);
    return exit_code;
}
