#include "master/cli/map_model.h"

#include <stdio.h>
#include <string.h>

#include "master/cli/commands.h"
#include "master/cli/keys.h"
#include "server/base/buf.h"
#include "server/json/json.h"
#include "shm/catalogue/catalogue.h"
#include "shm/memory/directory.h"
#include "worker/model/behind.h"
#include "worker/model/model_id.h"
#include "worker/model/models.h"

#define LINE_MAX_BYTES 16384 /* one mapping as JSON */
#define FROM_WIDTH     40

enum { AS, REMOVE, OUTPUT, ENV_FILE, ROW_COUNT };
static const struct option_row rows[ROW_COUNT] = {
    [AS] = {0, "as", "MODEL", "the model behind the ARN TO: a client's name or a Bedrock id"},
    [REMOVE] = {0, "remove", NULL, "take the mapping of FROM away"},
    [OUTPUT] = {0, "output", "text|json", "form of the answer"},
    [ENV_FILE] = {0, "env-file", "FILE", "settings file instead of .env"},
};
const struct commands_about map_model_about = {
    "map-model", "[FROM [TO]]",
    "Requests for the model FROM go to the Bedrock model "
    "id or ARN TO. TO may be a chain A,B,C of up to 4:\n"
    "the next one answers where the one before is throttled, retired or not to be had. With "
    "--remove\n"
    "and FROM: takes that away. Alone: lists the table.",
    rows, ROW_COUNT};

/* --- arguments ----------------------------------------------------------------------------- */

static bool is_name(struct str s)
{
    bool ok = s.n > 0 && s.n < sizeof((struct directory_mapping *)0)->from;
    while (ok && s.n) {
        size_t step = text_utf8_step(s);
        ok = step > 0 && (uint8_t)s.p[0] >= 0x20 && s.p[0] != 0x7f;
        s = text_sub(s, step, s.n);
    }
    return ok;
}

static enum status check_to(const char *to, struct err *err)
{
    bool chain = strchr(to, ',');
    if (strlen(to) >= sizeof((struct directory_mapping *)0)->to || strchr(to, ' ') ||
        !models_is_legal_chain(text_from(to))) {
        return err_set(err, STATUS_INVALID,
                       chain ? "%.80s is no chain of up to 4 different Bedrock model ids and ARNs"
                             : "%.80s is no Bedrock model id and no ARN of a model",
                       to);
    }
    return STATUS_OK;
}

static enum status check(const struct options *o, struct err *err)
{
    size_t n = o->rest_count;
    if (o->value[REMOVE] ? n != 1 : n == 1) {
        return err_set(err, STATUS_INVALID, "FROM and TO, --remove and FROM, or nothing is needed");
    }
    if (n > 0 && !is_name(text_from(o->rest[0]))) {
        return err_set(err, STATUS_INVALID, "FROM: 1 to %zu bytes of text are needed",
                       sizeof((struct directory_mapping *)0)->from - 1);
    }
    if (o->value[AS] &&
        (n != 2 || strlen(o->value[AS]) >= sizeof((struct directory_mapping *)0)->as)) {
        return err_set(err, STATUS_INVALID, "--as goes with FROM and TO and names a model");
    }
    return n > 1 ? check_to(o->rest[1], err) : STATUS_OK;
}

/* --- the list ------------------------------------------------------------------------------ */

struct listing {
    bool json;
    size_t count;
};

static void print_json(const struct keystore_mapping *m)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, LINE_MAX_BYTES);
    json_begin(&w, &b);
    json_object(&w);
    JSON_KEY(&w, "anthropic_model_id");
    json_str(&w, m->from);
    JSON_KEY(&w, "bedrock_model_id");
    if (m->to.p) {
        json_str(&w, m->to);
    } else {
        json_null(&w);
    }
    if (m->as.n) {
        JSON_KEY(&w, "as_model_id");
        json_str(&w, m->as);
    }
    json_object_end(&w);
    printf("%.*s", STR_ARG(buf_str(&b)));
    buf_free(&b);
}

static void print_text(const struct keystore_mapping *m)
{
    commands_print_safe(m->from, FROM_WIDTH);
    commands_print_safe(m->to, 0);
    if (m->as.n) {
        printf(" as ");
        commands_print_safe(m->as, 0);
    }
    putchar('\n');
}

static bool list_one(void *ctx, const struct keystore_mapping *m)
{
    struct listing *l = ctx;
    if (l->json) {
        printf(l->count ? ",\n" : "[");
        print_json(m);
    } else {
        if (l->count == 0) {
            print_text(&(struct keystore_mapping){.from = STR("FROM"), .to = STR("TO")});
        }
        print_text(m);
    }
    l->count++;
    return true;
}

static enum status list(struct keystore *store, bool json, struct err *err)
{
    struct listing l = {.json = json};
    enum status status = store->ops->mappings(store, list_one, &l, err);
    if (json) {
        printf(l.count ? "]\n" : "[]\n");
    } else if (l.count == 0 && status == STATUS_OK) {
        printf("no mappings: every name goes by the built-in rules\n");
    }
    return status;
}

/* --- doing it ------------------------------------------------------------------------------ */

static enum status change(struct keystore *store, const struct options *o, bool json,
                          struct err *err)
{
    const char *from = o->rest[0], *to = o->value[REMOVE] ? NULL : o->rest[1];
    const struct keystore_mapping m = {
        .from = text_from(from), .to = text_from(to), .as = text_from(o->value[AS])};
    enum status status = to ? store->ops->edit->put_mapping(store, &m, err)
                            : store->ops->edit->drop_mapping(store, from, err);
    if (status != STATUS_OK) {
        return status;
    }
    if (json) {
        print_json(&m);
        putchar('\n');
    } else {
        printf(to ? "Mapped: %s to %s%s%s\n" : "Removed: %s\n", from, to, m.as.n ? " as " : "",
               m.as.n ? m.as.p : "");
    }
    return status;
}

static int run(const struct config *c, const struct options *o, bool json)
{
    struct keystore *store;
    struct err err = {.code = STATUS_OK};
    if (keys_open(c, &store, &err) != STATUS_OK) {
        return keys_failed(map_model_about.name, &err);
    }
    enum status status = o->rest_count ? change(store, o, json, &err) : list(store, json, &err);
    keystore_close(store);
    return status == STATUS_OK ? COMMANDS_OK : keys_failed(map_model_about.name, &err);
}

/* By the table in force here: a word that no model has would be none for the server either. */
static enum status check_as(const struct config *c, const struct options *o, struct err *err)
{
    if (!o->value[AS]) {
        return STATUS_OK;
    }
    if (strchr(o->rest[1], ',')) {
        return err_set(
            err, STATUS_INVALID,
            "--as says of one ARN what it is: map a name to that ARN alone, and all chains "
            "know it");
    }
    if (!model_id_is_opaque(text_from(o->rest[1]))) {
        return err_set(err, STATUS_INVALID,
                       "--as is for the ARN of a profile, deployment, router, imported model or "
                       "provisioned throughput: %.80s names its model",
                       o->rest[1]);
    }
    enum status status = catalogue_load(c->catalogue_file, err);
    return status != STATUS_OK || behind_is_known(c, text_from(o->value[AS]))
               ? status
               : err_set(err, STATUS_INVALID, "--as %.80s: no such model", o->value[AS]);
}

int map_model_run(int argc, char **argv)
{
    struct options o;
    struct config c;
    struct err err;
    bool json;
    int exit_code;
    if (!commands_begin(&map_model_about, argc, argv, &o, &exit_code)) {
        return exit_code;
    }
    if (check(&o, &err) != STATUS_OK ||
        commands_output(o.value[OUTPUT], &json, &err) != STATUS_OK ||
        commands_config(&c, o.value[ENV_FILE], NULL, 0, &err) != STATUS_OK) {
        return commands_complain(map_model_about.name, &err);
    }
    exit_code = check_as(&c, &o, &err) == STATUS_OK ? run(&c, &o, json)
                                                    : commands_complain(map_model_about.name, &err);
    config_free(&c);
    return exit_code;
}
