#include "master/docs/docs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "master/docs/completion.h"
#include "master/docs/manual.h"
#include "master/docs/models_page.h"
#include "server/config/config_docs.h"
#include "server/json/json.h"
#include "shm/memory/counters.h"
#include "worker/door/metrics.h"
#include "worker/exchange/routes.h"

#define OUTPUT_MAX (1 << 20)

enum { OUTPUT, ROW_COUNT };
static const struct option_row rows[ROW_COUNT] = {
    [OUTPUT] = {0, "output", "markdown|json", "form of the answer"},
};
const struct commands_about docs_about = {
    "docs", "settings|basics|routes|metrics|commands|models|man|bash-completion|zsh-completion",
    "Prints one of the program's own tables, as the documentation has it, or what is made of them: "
    "the manual page, the completion of a shell.",
    rows, ROW_COUNT};

struct docs {
    struct buf out;
    struct json_out w;
    const struct commands_row *commands;
    size_t command_count;
};

/* --- cells and members --------------------------------------------------------------------- */

/* To be split; nothing is no piece, not an empty one. */
static struct str list_of(const char *text)
{
    return text[0] ? text_from(text) : (struct str){NULL, 0};
}

/* `a`, `b`: the pieces of "a|b". */
static void put_codes(struct buf *out, const char *list, char sep)
{
    struct str rest = list_of(list), piece;
    const char *comma = "";
    while (text_split(&rest, sep, &piece)) {
        buf_printf(out, "%s`%.*s`", comma, STR_ARG(piece));
        comma = ", ";
    }
}

static void member(struct json_out *w, const char *name, const char *value)
{
    json_key(w, text_from(name));
    json_str(w, text_from(value));
}

static void member_list(struct json_out *w, const char *name, const char *list, char sep)
{
    struct str rest = list_of(list), piece;
    json_key(w, text_from(name));
    json_array(w);
    while (text_split(&rest, sep, &piece)) {
        json_str(w, piece);
    }
    json_array_end(w);
}

/* --- settings ------------------------------------------------------------------------------ */

static void settings_markdown(struct docs *d)
{
    config_docs_settings(&d->out);
}

static void basics_markdown(struct docs *d)
{
    config_docs_markdown(&d->out, CONFIG_BASIC);
}

static void put_setting(struct json_out *w, const struct config_docs_row *r)
{
    json_object(w);
    member(w, "name", r->name);
    member(w, "alias", r->alias);
    member(w, "class", r->class == CONFIG_BASIC ? "basic" : "tuning");
    JSON_KEY(w, "restart");
    json_bool(w, r->when == CONFIG_RESTART);
    member(w, "type", r->type);
    member(w, "default", r->dflt);
    member_list(w, "choices", r->choices, '|');
    if (strcmp(r->type, "number") == 0) {
        JSON_KEY(w, "min");
        json_i64(w, r->min);
        JSON_KEY(w, "max");
        json_i64(w, r->max);
    }
    JSON_KEY(w, "secret");
    json_bool(w, r->secret);
    member(w, "meaning", r->meaning);
    json_object_end(w);
}

static void put_settings(struct json_out *w, bool all)
{
    const struct config_docs_row *r;
    json_array(w);
    for (size_t i = 0; (r = config_docs_row(i)) != NULL; i++) {
        if (all || r->class == CONFIG_BASIC) {
            put_setting(w, r);
        }
    }
    json_array_end(w);
}

static void settings_json(struct docs *d)
{
    put_settings(&d->w, true);
}

static void basics_json(struct docs *d)
{
    put_settings(&d->w, false);
}

/* --- routes -------------------------------------------------------------------------------- */

static const char *default_of(const char *setting)
{
    const struct config_docs_row *r;
    size_t i = 0;
    while ((r = config_docs_row(i)) != NULL && strcmp(r->name, setting) != 0) {
        i++;
    }
    return r ? r->dflt : "";
}

/* As it is called where API_PREFIX is not set; what a '*' stands for is an id. */
static void put_path(struct buf *out, const struct route *r)
{
    struct str path = text_from(r->path), mark = STR("{prefix}");
    if (text_starts(path, mark)) {
        buf_put_str(out, text_from(default_of("API_PREFIX")));
        path = text_sub(path, mark.n, path.n);
    }
    if (text_eq(path, STR("**"))) {
        BUF_LIT(out, "/{path}");
        return;
    }
    bool open = text_ends(path, STR("*"));
    while (text_ends(path, STR("*"))) {
        path.n--;
    }
    buf_put_str(out, path);
    buf_put_str(out, open ? STR("{id}") : STR(""));
}

static const char *methods_of(const struct route *r)
{
    static const char *const words[] = {
        [1u << HTTP_GET] = "GET",
        [1u << HTTP_POST] = "POST",
        [1u << HTTP_OPTIONS] = "OPTIONS",
        [1u << HTTP_GET | 1u << HTTP_HEAD] = "GET,HEAD",
        [1u << HTTP_GET | 1u << HTTP_POST] = "GET,POST",
        [1u << HTTP_GET | 1u << HTTP_POST | 1u << HTTP_OTHER] = "GET,POST,DELETE",
    };
    const char *word = r->methods < COUNT_OF(words) ? words[r->methods] : NULL;
    return word ? word : "?";
}

static const char *dialect_of(const struct route *r)
{
    return r->dialect == ROUTE_BY_VERSION ? "as anthropic-version tells"
           : r->dialect == ROUTE_OPENAI || r->dialect == ROUTE_RESPONSES ? "openai"
           : text_starts(text_from(r->path), STR("{"))                   ? "anthropic"
                                                                         : "any";
}

static void routes_markdown(struct docs *d)
{
    const struct route *r;
    BUF_LIT(&d->out, "| Route | Who may call | Meaning |\n|---|---|---|\n");
    for (size_t i = 0; (r = routes_row(i)) != NULL; i++) {
        struct str rest = text_from(methods_of(r)), method;
        const char *comma = "| `";
        while (text_split(&rest, ',', &method)) {
            buf_printf(&d->out, "%s%.*s", comma, STR_ARG(method));
            comma = ", ";
        }
        buf_put_char(&d->out, ' ');
        put_path(&d->out, r);
        buf_printf(&d->out, "` | %s | ", routes_caller(r));
        config_docs_cell(&d->out, r->meaning);
        BUF_LIT(&d->out, " |\n");
    }
}

static void routes_json(struct docs *d)
{
    struct json_out *w = &d->w;
    const struct route *r;
    struct buf path;
    buf_init(&path, OUTPUT_MAX);
    json_array(w);
    for (size_t i = 0; (r = routes_row(i)) != NULL; i++) {
        buf_clear(&path);
        put_path(&path, r);
        json_object(w);
        JSON_KEY(w, "path");
        json_str(w, buf_str(&path));
        member_list(w, "methods", methods_of(r), ',');
        member(w, "caller", routes_caller(r));
        member(w, "dialect", dialect_of(r));
        member(w, "meaning", r->meaning);
        json_object_end(w);
    }
    json_array_end(w);
    buf_free(&path);
}

/* --- metrics ------------------------------------------------------------------------------- */

/* The values of a labelled family, each with its meaning. */
static void values_markdown(struct docs *d, enum counter first)
{
    const struct counters_row *f = counters_row(first);
    buf_printf(&d->out, "\n`%s`, by `%s`:\n\n| %s | meaning |\n|---|---|\n", f->family, f->label,
               f->label);
    for (enum counter c = first; c < COUNTER_COUNT; c++) {
        const struct counters_row *r = counters_row(c);
        if (strcmp(r->family, f->family) == 0) {
            buf_printf(&d->out, "| `%s` | ", r->value);
            config_docs_cell(&d->out, r->meaning);
            BUF_LIT(&d->out, " |\n");
        }
    }
}

static void metrics_markdown(struct docs *d)
{
    struct metrics_family f;
    BUF_LIT(&d->out, "| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; metrics_family(i, &f); i++) {
        buf_printf(&d->out, "| `%s` | %s | ", f.name, f.type);
        put_codes(&d->out, f.labels, ',');
        BUF_LIT(&d->out, " | ");
        config_docs_cell(&d->out, f.help);
        BUF_LIT(&d->out, " |\n");
    }
    for (enum counter c = 0; c < COUNTER_COUNT; c++) {
        if (counters_is_first(c) && counters_row(c)->label) {
            values_markdown(d, c);
        }
    }
}

static void put_values(struct json_out *w)
{
    JSON_KEY(w, "values");
    json_array(w);
    for (enum counter c = 0; c < COUNTER_COUNT; c++) {
        const struct counters_row *r = counters_row(c);
        if (r->label) {
            json_object(w);
            member(w, "metric", r->family);
            member(w, "label", r->label);
            member(w, "value", r->value);
            member(w, "meaning", r->meaning);
            json_object_end(w);
        }
    }
    json_array_end(w);
}

static void metrics_json(struct docs *d)
{
    struct json_out *w = &d->w;
    struct metrics_family f;
    json_object(w);
    member(w, "prefix", METRICS_PREFIX);
    JSON_KEY(w, "metrics");
    json_array(w);
    for (size_t i = 0; metrics_family(i, &f); i++) {
        json_object(w);
        member(w, "name", f.name);
        member(w, "type", f.type);
        member_list(w, "labels", f.labels, ',');
        member(w, "meaning", f.help);
        json_object_end(w);
    }
    json_array_end(w);
    put_values(w);
    json_object_end(w);
}

/* --- commands ------------------------------------------------------------------------------ */

static void put_option(struct docs *d, const char *command, const struct option_row *o)
{
    buf_printf(&d->out, "| `%s` | ", command);
    if (o->letter) {
        buf_printf(&d->out, "`-%c`, ", o->letter);
    }
    buf_printf(&d->out, "`--%s%s", o->name, o->metavar ? " " : "");
    config_docs_cell(&d->out, o->metavar ? o->metavar : "");
    BUF_LIT(&d->out, "` | ");
    config_docs_cell(&d->out, o->help);
    BUF_LIT(&d->out, " |\n");
}

static void commands_markdown(struct docs *d)
{
    BUF_LIT(&d->out, "| Command | Meaning |\n|---|---|\n");
    for (size_t i = 0; i < d->command_count; i++) {
        const struct commands_row *c = &d->commands[i];
        buf_printf(&d->out, "| `%s%s", c->name, c->about->arguments[0] ? " " : "");
        config_docs_cell(&d->out, c->about->arguments);
        BUF_LIT(&d->out, "` | ");
        config_docs_cell(&d->out, c->help);
        BUF_LIT(&d->out, " |\n");
    }
    BUF_LIT(&d->out, "\n| Command | Option | Meaning |\n|---|---|---|\n");
    for (size_t i = 0; i < d->command_count; i++) {
        const struct commands_about *a = d->commands[i].about;
        for (size_t k = 0; k < a->row_count; k++) {
            if (a->rows[k].help) {
                put_option(d, d->commands[i].name, &a->rows[k]);
            }
        }
    }
}

static void put_options(struct json_out *w, const struct commands_about *a)
{
    JSON_KEY(w, "options");
    json_array(w);
    for (size_t i = 0; i < a->row_count; i++) {
        const struct option_row *o = &a->rows[i];
        const char letter[2] = {o->letter, '\0'};
        if (o->help) {
            json_object(w);
            member(w, "name", o->name);
            member(w, "letter", letter);
            member(w, "value", o->metavar ? o->metavar : "");
            member(w, "meaning", o->help);
            json_object_end(w);
        }
    }
    json_array_end(w);
}

static void commands_json(struct docs *d)
{
    struct json_out *w = &d->w;
    json_array(w);
    for (size_t i = 0; i < d->command_count; i++) {
        json_object(w);
        member(w, "name", d->commands[i].name);
        member(w, "arguments", d->commands[i].about->arguments);
        member(w, "meaning", d->commands[i].help);
        put_options(w, d->commands[i].about);
        json_object_end(w);
    }
    json_array_end(w);
}

/* --- models -------------------------------------------------------------------------------- */

static void models_markdown(struct docs *d)
{
    models_page_markdown(&d->out);
}

static void models_json(struct docs *d)
{
    models_page_json(&d->w);
}

/* --- what is made of the tables ------------------------------------------------------------ */

static void manual(struct docs *d)
{
    manual_write(d->commands, d->command_count, &d->out);
}

static void bash_completion(struct docs *d)
{
    completion_bash(d->commands, d->command_count, &d->out);
}

static void zsh_completion(struct docs *d)
{
    completion_zsh(d->commands, d->command_count, &d->out);
}

/* --- the subcommand ------------------------------------------------------------------------ */

static const struct table {
    const char *name;
    void (*plain)(struct docs *d); /* Markdown, roff, a script */
    void (*json)(struct docs *d);  /* NULL: has no such form */
} tables[] = {
    {"settings", settings_markdown, settings_json},
    {"basics", basics_markdown, basics_json},
    {"routes", routes_markdown, routes_json},
    {"metrics", metrics_markdown, metrics_json},
    {"commands", commands_markdown, commands_json},
    {"models", models_markdown, models_json},
    {"man", manual, NULL},
    {"bash-completion", bash_completion, NULL},
    {"zsh-completion", zsh_completion, NULL},
};

static const struct table *find(const char *name)
{
    for (size_t i = 0; name && i < COUNT_OF(tables); i++) {
        if (strcmp(name, tables[i].name) == 0) {
            return &tables[i];
        }
    }
    return NULL;
}

static enum status read_arguments(const struct options *o, const struct table **table_out,
                                  bool *json_out, struct err *err)
{
    const char *form = o->value[OUTPUT] ? o->value[OUTPUT] : "markdown";
    *json_out = strcmp(form, "json") == 0;
    *table_out = o->rest_count == 1 ? find(o->rest[0]) : NULL;
    if (!*json_out && strcmp(form, "markdown") != 0) {
        return err_set(err, STATUS_INVALID, "--output %s: markdown or json is needed", form);
    }
    if (*table_out && *json_out && !(*table_out)->json) {
        return err_set(err, STATUS_INVALID, "%s is no table: it has no JSON", (*table_out)->name);
    }
    return *table_out ? STATUS_OK
                      : err_set(err, STATUS_INVALID, "one of %s is needed", docs_about.arguments);
}

static int print(struct docs *d, void (*write)(struct docs *d))
{
    struct err err;
    buf_init(&d->out, OUTPUT_MAX);
    json_begin(&d->w, &d->out);
    write(d);
    if (!text_ends(buf_str(&d->out), STR("\n"))) {
        buf_put_char(&d->out, '\n');
    }
    bool good = buf_ok(&d->out) &&
                fwrite(buf_data(&d->out), 1, buf_len(&d->out), stdout) == buf_len(&d->out) &&
                fflush(stdout) == 0;
    buf_free(&d->out);
    if (!good) {
        err_set(&err, STATUS_UNAVAILABLE, "the table cannot be written");
    }
    return good ? COMMANDS_OK : commands_complain(docs_about.name, &err);
}

int docs_run(const struct commands_row *commands, size_t n, int argc, char **argv)
{
    struct docs d = {.commands = commands, .command_count = n};
    const struct table *table;
    struct options o;
    struct err err;
    bool json;
    int exit_code;
    if (!commands_begin(&docs_about, argc, argv, &o, &exit_code)) {
        return exit_code;
    }
    if (read_arguments(&o, &table, &json, &err) != STATUS_OK) {
        return commands_complain(docs_about.name, &err);
    }
    return print(&d, json ? table->json : table->plain);
}
