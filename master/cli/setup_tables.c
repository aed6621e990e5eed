#include "master/cli/setup_tables.h"

#include <stdio.h>
#include <string.h>

#include "master/cli/commands.h"
#include "master/cli/tables.h"
#include "shm/refresher/backend.h"

#define NAME_SIZE  256
#define WAIT_MS    120000u /* for one table to become active; AWS takes some 10 s */
#define ANSWER_MAX 16384u

enum { ENDPOINT, REGION, PREFIX, OUTPUT, ENV_FILE, ROW_COUNT };
static const struct option_row rows[ROW_COUNT] = {
    [ENDPOINT] = {0, "endpoint-url", "URL", "DynamoDB endpoint"},
    [REGION] = {'r', "region", "REGION", "AWS region"},
    [PREFIX] = {0, "prefix", "PREFIX", "PREFIX-api-keys and so on as table names"},
    [OUTPUT] = {0, "output", "text|json", "form of the answer"},
    [ENV_FILE] = {0, "env-file", "FILE", "settings file instead of .env"},
};
const struct commands_about setup_tables_about = {
    "setup_tables", "", "Makes what the key store needs; what is there already is left alone.",
    rows, ROW_COUNT};

static const char *const words[] = {
    [TABLES_CREATED] = "created",
    [TABLES_EXISTS] = "exists",
    [TABLES_FAILED] = "failed",
};

/* --- the answer ---------------------------------------------------------------------------- */

static void print_progress(const char *table, const char *status)
{
    fprintf(stderr, "%s: %s\n", table, status);
}

static void print_outcome(const char *name, const struct tables_outcome *o)
{
    bool failed = o->done == TABLES_FAILED;
    printf("%s: %s%s%s\n", name, words[o->done], o->note[0] ? (failed ? ": " : ", ") : "", o->note);
    fflush(stdout);
}

static void print_json(const struct config *c, const struct tables_outcome outcomes[TABLES_COUNT])
{
    struct buf b;
    struct json_out w;
    buf_init(&b, ANSWER_MAX);
    json_begin(&w, &b);
    json_array(&w);
    for (size_t i = 0; i < TABLES_COUNT; i++) {
        json_object(&w);
        JSON_KEY(&w, "table");
        json_str(&w, text_from(tables_name(c, i)));
        JSON_KEY(&w, "result");
        json_str(&w, text_from(words[outcomes[i].done]));
        JSON_KEY(&w, "note");
        json_str(&w, text_from(outcomes[i].note));
        json_object_end(&w);
    }
    json_array_end(&w);
    printf("%.*s\n", STR_ARG(buf_str(&b)));
    buf_free(&b);
}

/* With --prefix the server has to be told it too. */
static void print_settings(const struct config *c)
{
    printf("\nThe server needs:\n\nexport DYNAMODB_TABLE_PREFIX=\"%s\"\n", c->table_prefix);
}

/* --- what it does -------------------------------------------------------------------------- */

/* One after the other: DynamoDB makes only one table with an index at a time. */
static int make_all(const struct config *c, struct dynamo *d, const struct options *o, bool json)
{
    struct tables_outcome outcomes[TABLES_COUNT];
    bool failed = false;
    if (!json) {
        printf("DynamoDB at %s, region %s\n", dynamo_where(d), dynamo_region(d));
        fflush(stdout);
    }
    for (size_t i = 0; i < TABLES_COUNT; i++) {
        tables_make(d, c, i, WAIT_MS, print_progress, &outcomes[i]);
        failed = failed || outcomes[i].done == TABLES_FAILED;
        if (!json) {
            print_outcome(tables_name(c, i), &outcomes[i]);
        }
    }
    if (json) {
        print_json(c, outcomes);
    } else if (failed) {
        fprintf(stderr, "llm-api-converter setup_tables: not every table could be made\n");
    } else if (o->value[PREFIX]) {
        print_settings(c);
    }
    return failed ? COMMANDS_FAILED : COMMANDS_OK;
}

static int make_dynamo(const struct config *c, const struct options *o, bool json)
{
    struct dynamo *d;
    struct err err;
    if (dynamo_new(c, &d, &err) != STATUS_OK) {
        return commands_complain(setup_tables_about.name, &err);
    }
    int exit_code = make_all(c, d, o, json);
    dynamo_drop(d);
    return exit_code;
}

static void note_unused(const struct keystore *store, const struct options *o)
{
    if (o->value[ENDPOINT] || o->value[REGION] || o->value[PREFIX]) {
        fprintf(stderr,
                "note: --endpoint-url, --region and --prefix do not apply to the %s key store\n",
                store->ops->name);
    }
}

/* Opening makes all that the embedded store needs. */
static int setup(const struct config *c, const struct options *o, bool json)
{
    struct keystore *store;
    struct err err;
    char why[BACKEND_WHY_SIZE];
    if (backend_open(c, "", &store, why, sizeof why, &err) != STATUS_OK) {
        return commands_complain(setup_tables_about.name, &err);
    }
    bool dynamo = strcmp(store->ops->name, "dynamodb") == 0;
    if (!dynamo) {
        note_unused(store, o);
    }
    keystore_close(store);
    if (dynamo) {
        return make_dynamo(c, o, json);
    }
    if (json) {
        printf("[]\n");
    } else {
        printf("Key store ready (%s).\n", why);
    }
    return COMMANDS_OK;
}

static enum status load(struct config *c, const struct options *o, struct err *err)
{
    static char names[TABLES_COUNT][NAME_SIZE];
    struct config_override overrides[3 + TABLES_COUNT] = {
        {"DYNAMODB_ENDPOINT_URL", o->value[ENDPOINT]},
        {"AWS_REGION", o->value[REGION]},
        {"DYNAMODB_TABLE_PREFIX", o->value[PREFIX]},
    };
    const char *prefix = o->value[PREFIX];
    if (prefix && (!prefix[0] || strlen(prefix) > 200)) {
        return err_set(err, STATUS_INVALID, "--prefix: 1 to 200 characters are needed");
    }
    for (size_t i = 0; i < TABLES_COUNT; i++) {
        snprintf(names[i], sizeof names[i], "%s-%s", prefix ? prefix : "", tables_row(i)->suffix);
        overrides[3 + i] =
            (struct config_override){tables_row(i)->setting, prefix ? names[i] : NULL};
    }
    return commands_config(c, o->value[ENV_FILE], overrides, 3 + TABLES_COUNT, err);
}

int setup_tables_run(int argc, char **argv)
{
    struct options o;
    struct config c;
    struct err err;
    bool json;
    int exit_code;
    if (!commands_begin(&setup_tables_about, argc, argv, &o, &exit_code)) {
        return exit_code;
    }
    if (commands_output(o.value[OUTPUT], &json, &err) != STATUS_OK ||
        load(&c, &o, &err) != STATUS_OK) {
        return commands_complain(setup_tables_about.name, &err);
    }
    exit_code = setup(&c, &o, json);
    config_free(&c);
    return exit_code;
}
