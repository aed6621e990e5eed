#include "master/cli/set_price.h"

#include <stdio.h>
#include <string.h>

#include "master/cli/commands.h"
#include "master/cli/keys.h"
#include "server/base/buf.h"
#include "server/json/json.h"
#include "shm/catalogue/catalogue.h"
#include "shm/catalogue/prices.h"
#include "worker/model/models.h"

#define ARGS_MAX       32
#define LINE_MAX_BYTES 16384 /* one price as JSON */
#define MODEL_WIDTH    46

enum { INPUT, PRICE_OUT, CACHE_READ, CACHE_WRITE, DISABLE, REMOVE, OUTPUT, ENV_FILE, ROW_COUNT };
static const struct option_row rows[ROW_COUNT] = {
    [INPUT] = {0, "input", "USD", "a million input tokens"},
    [PRICE_OUT] = {0, "output", "USD", "a million output tokens"},
    [CACHE_READ] = {0, "cache-read", "USD",
                    "a million tokens read from the cache; default: --input"},
    [CACHE_WRITE] = {0, "cache-write", "USD",
                     "a million written to it for 5 min; default: --input"},
    [DISABLE] = {0, "disable", NULL, "keep the row, but let the built-in price count"},
    [REMOVE] = {0, "remove", NULL, "take the row away"},
    [OUTPUT] = {0, "form", "text|json", "form of the answer; also --output text|json"},
    [ENV_FILE] = {0, "env-file", "FILE", "settings file instead of .env"},
};
const struct commands_about set_price_about = {
    "set-price", "[MODEL]",
    "Sets what a Bedrock model costs, in US dollars for a million tokens. Alone: lists all prices.",
    rows, ROW_COUNT};

/* --- arguments ----------------------------------------------------------------------------- */

/* "--output json" means the form of the answer as everywhere, "--output 15" a price: the value
 * tells them apart. out: argc pointers. */
static void tell_outputs_apart(int argc, char **argv, char **out)
{
    static char form[] = "--form", form_json[] = "--form=json", form_text[] = "--form=text";
    for (int i = 0; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : "";
        out[i] = argv[i];
        if (strcmp(argv[i], "--output") == 0 &&
            (strcmp(next, "json") == 0 || strcmp(next, "text") == 0)) {
            out[i] = form;
        } else if (strcmp(argv[i], "--output=json") == 0) {
            out[i] = form_json;
        } else if (strcmp(argv[i], "--output=text") == 0) {
            out[i] = form_text;
        }
    }
}

static enum status read_price(const struct options *o, int option, uint64_t *out, struct err *err)
{
    int64_t micro;
    *out = KEYSTORE_PRICE_NONE;
    if (!o->value[option]) {
        return STATUS_OK;
    }
    if (!keystore_money(text_from(o->value[option]), &micro)) {
        return err_set(err, STATUS_INVALID,
                       "--%s %s: dollars for a million tokens are needed, like 3 or 0.25",
                       rows[option].name, o->value[option]);
    }
    *out = (uint64_t)micro;
    return STATUS_OK;
}

static enum status read_figures(const struct options *o, struct keystore_price *p, struct err *err)
{
    struct price *f = &p->price;
    if (read_price(o, INPUT, &f->input, err) != STATUS_OK ||
        read_price(o, PRICE_OUT, &f->output, err) != STATUS_OK ||
        read_price(o, CACHE_READ, &f->cache_read, err) != STATUS_OK ||
        read_price(o, CACHE_WRITE, &f->cache_write, err) != STATUS_OK) {
        return err->code;
    }
    bool any =
        o->value[INPUT] || o->value[PRICE_OUT] || o->value[CACHE_READ] || o->value[CACHE_WRITE];
    bool both = o->value[INPUT] && o->value[PRICE_OUT];
    if (o->value[REMOVE] ? any || o->value[DISABLE] : any ? !both : !o->value[DISABLE]) {
        return err_set(err, STATUS_INVALID,
                       "--input and --output, or --disable, or --remove is needed");
    }
    return STATUS_OK;
}

static enum status read_arguments(const struct options *o, struct keystore_price *p,
                                  struct err *err)
{
    *p = (struct keystore_price){.active = !o->value[DISABLE], .readable = true};
    if (o->rest_count == 0) {
        for (int i = INPUT; i <= REMOVE; i++) {
            if (o->value[i]) {
                return err_set(err, STATUS_INVALID, "--%s needs a MODEL", rows[i].name);
            }
        }
        return STATUS_OK;
    }
    struct str model = text_from(o->rest[0]);
    if (o->rest_count != 1 || model.n >= sizeof((struct directory_price_row *)0)->model ||
        !models_is_legal(model) || memchr(model.p, '[', model.n)) {
        return err_set(err, STATUS_INVALID, "MODEL: one Bedrock model id or ARN is needed");
    }
    text_copy(model, p->model, sizeof p->model);
    return read_figures(o, p, err);
}

/* --- one price ----------------------------------------------------------------------------- */

struct listing {
    bool json;
    size_t count;
};

static void put_figure(struct json_out *w, const char *name, uint64_t micro)
{
    json_key(w, text_from(name));
    keys_put_money(w, (int64_t)micro);
}

static void print_json(const struct keystore_price *p, const char *source)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, LINE_MAX_BYTES);
    json_begin(&w, &b);
    json_object(&w);
    JSON_KEY(&w, "model_id");
    json_str(&w, text_from(p->model));
    if (p->readable) {
        put_figure(&w, "input_price", p->price.input);
        put_figure(&w, "output_price", p->price.output);
        put_figure(&w, "cache_read_price", p->price.cache_read);
        put_figure(&w, "cache_write_price", p->price.cache_write);
    }
    JSON_KEY(&w, "source");
    json_str(&w, text_from(source));
    JSON_KEY(&w, "status");
    json_str(&w, !p->active ? STR("disabled") : p->readable ? STR("active") : STR("unreadable"));
    json_object_end(&w);
    printf("%.*s", STR_ARG(buf_str(&b)));
    buf_free(&b);
}

/* "0.035000" as 0.035, "3.000000" as 3.00 */
static void print_dollars(uint64_t micro)
{
    char text[32];
    keystore_money_text((int64_t)micro, text);
    size_t n = strlen(text);
    while (n > 4 && text[n - 1] == '0' && text[n - 3] != '.') {
        text[--n] = '\0';
    }
    printf(" %9s", text);
}

static void print_text(const struct keystore_price *p, const char *source)
{
    commands_print_safe(text_from(p->model), MODEL_WIDTH);
    if (p->readable) {
        print_dollars(p->price.input);
        print_dollars(p->price.output);
        print_dollars(p->price.cache_read);
        print_dollars(p->price.cache_write);
    }
    printf("  %s%s\n", source, !p->active ? ", disabled" : p->readable ? "" : ", unreadable");
}

static void print_one(struct listing *l, const struct keystore_price *p, const char *source)
{
    if (l->json) {
        printf(l->count ? ",\n" : "[");
        print_json(p, source);
    } else {
        if (l->count == 0) {
            printf("%-*s %9s %9s %9s %9s  %s\n", MODEL_WIDTH, "MODEL", "INPUT", "OUTPUT",
                   "CACHE RD", "CACHE WR", "SOURCE");
        }
        print_text(p, source);
    }
    l->count++;
}

/* --- the list ------------------------------------------------------------------------------ */

static bool list_one(void *ctx, const struct keystore_price *price)
{
    print_one(ctx, price, "operator");
    return true;
}

static void list_built_in(struct listing *l)
{
    struct keystore_price p = {.active = true, .readable = true};
    const struct catalogue *t = catalogue_now();
    struct rates r;
    for (uint32_t i = 0; i < t->rows; i++) {
        const struct catalogue_row *row = &t->row[i];
        bool family = catalogue_text(row, CATALOGUE_NAME).n == 0;
        if (!prices_listed(row, &r)) {
            continue;
        }
        snprintf(p.model, sizeof p.model, "%.200s%s", catalogue_text(row, CATALOGUE_ID).p,
                 family ? "*" : "");
        p.price = (struct price){r.input, r.output, r.cache_read, r.write_5m};
        print_one(l, &p, family ? "estimate" : "built-in");
    }
}

/* The operator's first: they win, as an exact id wins over an estimate. */
static enum status list(struct keystore *store, bool json, struct err *err)
{
    struct listing l = {.json = json};
    enum status status = keystore_prices(store, list_one, &l, err);
    if (status == STATUS_OK) {
        list_built_in(&l);
    }
    if (json) {
        printf(l.count ? "]\n" : "[]\n");
    }
    return status;
}

/* --- doing it ------------------------------------------------------------------------------ */

static enum status change(struct keystore *store, const struct keystore_price *p, bool remove,
                          bool json, struct err *err)
{
    enum status status = remove ? store->ops->edit->drop_price(store, p->model, err)
                                : store->ops->edit->put_price(store, p, err);
    if (status != STATUS_OK) {
        return status;
    }
    const char *done = remove ? "removed" : p->active ? "set" : "disabled";
    if (json) { /* a legal id has nothing to escape */
        printf("{\"model_id\":\"%s\",\"result\":\"%s\"}\n", p->model, done);
    } else {
        printf("Price of %s: %s\n", p->model, done);
    }
    return status;
}

static int run(const struct config *c, const struct options *o, const struct keystore_price *p,
               bool json)
{
    struct keystore *store;
    struct err err = {.code = STATUS_OK};
    if (keys_open(c, &store, &err) != STATUS_OK) {
        return keys_failed(set_price_about.name, &err);
    }
    enum status status = p->model[0] ? change(store, p, o->value[REMOVE] != NULL, json, &err)
                                     : list(store, json, &err);
    keystore_close(store);
    return status == STATUS_OK ? COMMANDS_OK : keys_failed(set_price_about.name, &err);
}

int set_price_run(int argc, char **argv)
{
    struct options o;
    struct config c;
    struct err err;
    struct keystore_price price;
    bool json;
    int exit_code;
    char *told_apart[ARGS_MAX];
    if (argc > ARGS_MAX) {
        err_set(&err, STATUS_INVALID, "too many arguments");
        return commands_complain(set_price_about.name, &err);
    }
    tell_outputs_apart(argc, argv, told_apart);
    if (!commands_begin(&set_price_about, argc, told_apart, &o, &exit_code)) {
        return exit_code;
    }
    if (read_arguments(&o, &price, &err) != STATUS_OK ||
        commands_output(o.value[OUTPUT], &json, &err) != STATUS_OK ||
        commands_config(&c, o.value[ENV_FILE], NULL, 0, &err) != STATUS_OK) {
        return commands_complain(set_price_about.name, &err);
    }
    exit_code = run(&c, &o, &price, json);
    config_free(&c);
    return exit_code;
}
