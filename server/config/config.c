#include "server/config/config.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/arena.h"
#include "server/config/config_elder.h"
#include "server/config/config_passed.h"
#include "server/base/dotenv.h"
#include "server/base/sha256.h"
#include "server/base/url.h"

enum kind { KIND_TEXT, KIND_URL, KIND_CHOICE, KIND_BOOL, KIND_INT };

struct row {
    enum kind kind;
    size_t offset; /* of the field in struct config */
    const char *name;
    const char *alias; /* "" for none */
    const char *dflt;
    const char *choices; /* CHOICE only */
    int64_t min;         /* INT only */
    int64_t max;
    bool secret;
    const char *doc;
};

static const struct row rows[] = {
#define AT(field) offsetof(struct config, field)
#define ROW_TEXT(field, name, alias, dflt, secret, doc) \
    {KIND_TEXT, AT(field), name, alias, dflt, NULL, 0, 0, secret, doc},
#define ROW_URL(field, name, alias, dflt, doc) \
    {KIND_URL, AT(field), name, alias, dflt, NULL, 0, 0, false, doc},
#define ROW_CHOICE(field, name, alias, dflt, choices, doc) \
    {KIND_CHOICE, AT(field), name, alias, dflt, choices, 0, 0, false, doc},
#define ROW_BOOL(field, name, alias, dflt, doc) \
    {KIND_BOOL, AT(field), name, alias, (dflt) ? "true" : "false", NULL, 0, 0, false, doc},
#define ROW_INT(field, name, alias, dflt, min, max, doc) \
    {KIND_INT, AT(field), name, alias, #dflt, NULL, min, max, false, doc},
    CONFIG_TABLE(ROW_TEXT, ROW_URL, ROW_CHOICE, ROW_BOOL, ROW_INT)};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* From weak to strong. */
enum source { SOURCE_DEFAULT, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_COMMAND_LINE };

static const char *const source_names[] = {"default", ".env", "environment", "command line"};

struct setting {
    char *value; /* NULL: the default */
    enum source source;
    bool by_alias;
};

struct config_private {
    struct setting settings[ROW_COUNT];
    bool out_of_memory;
    /* seen while the texts were still there, for config_warnings */
    bool master_known, master_short, metrics_short, static_keys_in_ecs;
};

/* ---- gathering: every place offers its values, the strongest stays ------------------------ */

/* Secret managers and shells like to add a newline. */
static struct str trim(struct str s)
{
    while (s.n > 0 && strchr(" \t\r\n", s.p[0])) {
        s = text_sub(s, 1, s.n);
    }
    while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

static void drop_value(struct setting *setting)
{
    if (setting->value) {
        text_wipe(setting->value, strlen(setting->value));
        heap_drop(setting->value);
    }
    *setting = (struct setting){0};
}

static bool weaker(const struct setting *a, const struct setting *b)
{
    return a->source != b->source ? a->source < b->source : a->by_alias && !b->by_alias;
}

static void offer(struct config_private *all, size_t row, struct setting offered, struct str value)
{
    struct setting *held = &all->settings[row];
    value = trim(value);
    if (value.n == 0 || weaker(&offered, held)) {
        return;
    }
    offered.value = heap_new(value.n + 1);
    if (!offered.value) {
        all->out_of_memory = true;
        return;
    }
    text_copy(value, offered.value, value.n + 1);
    drop_value(held);
    *held = offered;
}

/* false: no setting has this name */
static bool offer_named(struct config_private *all, enum source source, struct str name,
                        struct str value)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        bool main_name = text_eq(name, text_from(rows[i].name));
        if (main_name || (name.n > 0 && text_eq(name, text_from(rows[i].alias)))) {
            offer(all, i, (struct setting){.source = source, .by_alias = !main_name}, value);
            return true;
        }
    }
    return false;
}

static void offer_environment(struct config_private *all)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        struct setting from = {.source = SOURCE_ENVIRONMENT};
        offer(all, i, from, text_from(getenv(rows[i].name)));
        from.by_alias = true;
        offer(all, i, from, rows[i].alias[0] ? text_from(getenv(rows[i].alias)) : STR(""));
    }
}

static void offer_file_line(void *ctx, struct str name, struct str value)
{
    struct config_private *all = ctx;
    if (!offer_named(all, SOURCE_FILE, name, value)) {
        all->out_of_memory |= !config_passed_on(name, value);
    }
}

static enum status gather(struct config_private *all, const char *env_file,
                          const struct config_override *overrides, size_t override_count,
                          struct err *err)
{
    struct dotenv_sink sink = {offer_file_line, all};
    config_passed_take_back();
    enum status status = dotenv_read(env_file ? env_file : ".env", env_file != NULL, sink, err);
    if (status != STATUS_OK) {
        return status;
    }
    offer_environment(all);
    for (size_t i = 0; i < override_count; i++) {
        const struct config_override *o = &overrides[i];
        if (!offer_named(all, SOURCE_COMMAND_LINE, text_from(o->name), text_from(o->value))) {
            return err_set(err, STATUS_INVALID, "%s is not the name of a setting", o->name);
        }
    }
    if (all->out_of_memory) {
        return err_set(err, STATUS_INTERNAL, "out of memory while reading the settings");
    }
    return STATUS_OK;
}

/* ---- checking: text to field -------------------------------------------------------------- */

/* "PORT: 'abc' is not a number (1 to 65535)"; the value is cut, and only its printable ASCII is
 * shown. */
static enum status refuse(const struct row *row, const struct setting *setting, const char *why,
                          struct err *err)
{
    const char *name = setting->by_alias ? row->alias : row->name;
    char shown[64];
    if (row->secret) {
        return err_set(err, STATUS_INVALID, "%s: the value %s", name, why);
    }
    text_copy(text_from(setting->value), shown, sizeof(shown));
    for (char *c = shown; *c; c++) {
        if (*c < ' ' || *c > '~') {
            *c = '?';
        }
    }
    return err_set(err, STATUS_INVALID, "%s: '%s' %s", name, shown, why);
}

static const char *check_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f) {
            return "has a control character";
        }
    }
    return text_is_utf8(s) ? NULL : "is not UTF-8";
}

/* What follows the host is a prefix of paths: no query, no fragment, nothing to escape. */
static bool legal_url(struct str s)
{
    struct url u;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("@?#\"<>\\^`{|}", s.p[i])) {
            return false;
        }
    }
    return url_cut(s, &u);
}

static bool is_choice(const char *choices, struct str value)
{
    struct str rest = text_from(choices);
    struct str choice;
    while (text_split(&rest, '|', &choice)) {
        if (text_ieq(choice, value)) {
            return true;
        }
    }
    return false;
}

static bool parse_bool(struct str s, bool *out)
{
    *out = is_choice("true|1|yes|on", s);
    return *out || is_choice("false|0|no|off", s);
}

/* "auto|text|json" reads better as "auto, text, json" */
static void list_choices(const char *choices, char *out, size_t size)
{
    size_t n = 0;
    for (; *choices && n + 3 < size; choices++) {
        if (*choices == '|') {
            out[n++] = ',';
        }
        out[n++] = *choices == '|' ? ' ' : *choices;
    }
    out[n] = '\0';
}

static void *field(struct config *c, const struct row *row)
{
    return (char *)c + row->offset;
}

static enum status set_int(struct config *c, const struct row *row, const struct setting *setting,
                           struct str value, struct err *err)
{
    int64_t *out = field(c, row);
    bool number = text_i64(value, out);
    if (number && *out >= row->min && *out <= row->max) {
        return STATUS_OK;
    }
    char why[96];
    snprintf(why, sizeof(why), "is %s (%" PRId64 " to %" PRId64 ")",
             number ? "out of range" : "not a number", row->min, row->max);
    return refuse(row, setting, why, err);
}

static enum status set_choice(struct config *c, const struct row *row,
                              const struct setting *setting, char *value, struct err *err)
{
    if (!is_choice(row->choices, text_from(value))) {
        char list[128];
        char why[160];
        list_choices(row->choices, list, sizeof(list));
        snprintf(why, sizeof(why), "is none of %s", list);
        return refuse(row, setting, why, err);
    }
    for (char *p = value; *p; p++) {
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p);
    }
    *(const char **)field(c, row) = value;
    return STATUS_OK;
}

static enum status set_url(struct config *c, const struct row *row, const struct setting *setting,
                           char *value, struct err *err)
{
    if (!legal_url(text_from(value))) {
        return refuse(row, setting, "is not http://host[:port][/path] or https://...", err);
    }
    for (size_t n = strlen(value); value[n - 1] == '/'; n--) {
        value[n - 1] = '\0';
    }
    *(const char **)field(c, row) = value;
    return STATUS_OK;
}

static enum status set_given(struct config *c, const struct row *row, struct setting *setting,
                             struct err *err)
{
    struct str value = text_from(setting->value);
    const char *wrong = check_text(value);
    if (wrong) {
        return refuse(row, setting, wrong, err);
    }
    switch (row->kind) {
    case KIND_TEXT:
        *(const char **)field(c, row) = setting->value;
        return STATUS_OK;
    case KIND_URL:
        return set_url(c, row, setting, setting->value, err);
    case KIND_CHOICE:
        return set_choice(c, row, setting, setting->value, err);
    case KIND_BOOL:
        return parse_bool(value, field(c, row))
                   ? STATUS_OK
                   : refuse(row, setting,
                            "is neither true nor false (true, false, 1, 0, yes, no, on, off)", err);
    case KIND_INT:
        return set_int(c, row, setting, value, err);
    }
    assert(false); /* a kind without a rule */
}

static void set_default(struct config *c, const struct row *row)
{
    struct str value = text_from(row->dflt);
    bool legal = true;
    if (row->kind == KIND_BOOL) {
        legal = parse_bool(value, field(c, row));
    } else if (row->kind == KIND_INT) {
        legal = text_i64(value, field(c, row));
    } else {
        *(const char **)field(c, row) = row->dflt;
    }
    assert(legal);
}

static bool static_keys_in_ecs(void)
{
    return getenv("AWS_ACCESS_KEY_ID") && (getenv("ECS_CONTAINER_METADATA_URI_V4") ||
                                           getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"));
}

/* What is to be said of secrets, and the digest that stays of one. */
static void look_at_secrets(struct config *c)
{
    static const char known_words[] = "sk-master-key-change-this|test|master|changeme|sk-test";
    struct str key = text_from(c->master_api_key);
    struct str token = text_from(c->metrics_token);
    if ((c->has_master = key.n > 0)) {
        sha256(key.p, key.n, c->master_digest);
    }
    if ((c->has_metrics_token = token.n > 0)) {
        sha256(token.p, token.n, c->metrics_digest);
    }
    c->private->metrics_short = token.n > 0 && token.n < 16;
    c->private->master_known = is_choice(known_words, key);
    c->private->master_short = !c->private->master_known && key.n > 0 && key.n < 16;
    c->private->static_keys_in_ecs = static_keys_in_ecs();
}

enum status config_load(struct config *c, const char *env_file,
                        const struct config_override *overrides, size_t override_count,
                        struct err *err)
{
    *c = (struct config){.private = heap_new(sizeof(struct config_private))};
    if (!c->private) {
        return err_set(err, STATUS_INTERNAL, "out of memory while reading the settings");
    }
    enum status status = gather(c->private, env_file, overrides, override_count, err);
    for (size_t i = 0; i < ROW_COUNT && status == STATUS_OK; i++) {
        struct setting *setting = &c->private->settings[i];
        if (setting->value) {
            status = set_given(c, &rows[i], setting, err);
        } else {
            set_default(c, &rows[i]);
        }
    }
    if (status == STATUS_OK) {
        look_at_secrets(c);
    } else {
        config_free(c);
    }
    return status;
}

void config_free(struct config *c)
{
    for (size_t i = 0; c->private && i < ROW_COUNT; i++) {
        drop_value(&c->private->settings[i]);
    }
    heap_drop(c->private);
    *c = (struct config){0};
}

/* ---- printing ----------------------------------------------------------------------------- */

/* Bools and secrets are shown by meaning, all else as it was given. */
static const char *shown_value(const struct config *c, size_t i)
{
    const struct setting *setting = &c->private->settings[i];
    const void *at = (const char *)c + rows[i].offset;
    if (rows[i].secret) {
        return setting->value ? "(set)" : "(unset)";
    }
    if (rows[i].kind == KIND_BOOL) {
        return *(const bool *)at ? "true" : "false";
    }
    return setting->value ? setting->value : rows[i].dflt;
}

static void print_text(const struct config *c, FILE *out)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        fprintf(out, "%-32s %-40s %s\n", rows[i].name, shown_value(c, i),
                source_names[c->private->settings[i].source]);
    }
}

/* Values hold no control characters: check_text saw to it. */
static void print_json_string(const char *s, FILE *out)
{
    putc('"', out);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') {
            putc('\\', out);
        }
        putc(*s, out);
    }
    putc('"', out);
}

static void print_json(const struct config *c, FILE *out)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        fprintf(out, "%s{\"name\":\"%s\",\"value\":", i > 0 ? ",\n " : "[", rows[i].name);
        print_json_string(shown_value(c, i), out);
        fprintf(out, ",\"source\":\"%s\"}", source_names[c->private->settings[i].source]);
    }
    fputs("]\n", out);
}

void config_print(const struct config *c, enum config_print form, FILE *out)
{
    if (form == CONFIG_PRINT_JSON) {
        print_json(c, out);
    } else {
        print_text(c, out);
    }
}

/* ---- secrets and warnings ----------------------------------------------------------------- */

void config_forget_keys(struct config *c)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char *value = c->private->settings[i].value;
        if (value && (value == c->master_api_key || value == c->metrics_token)) {
            text_wipe(value, strlen(value));
        }
    }
}

bool config_is_production(const struct config *c)
{
    return is_choice("production|prod", text_from(c->environment));
}

static bool in_development(const struct config *c)
{
    return is_choice("development|dev", text_from(c->environment));
}

/* An unusual way to write it costs a warning too many. */
static bool is_loopback(struct str host)
{
    return text_starts(host, STR("127.")) || text_eq(host, STR("::1")) ||
           text_eq(host, STR("[::1]")) || text_ieq(host, STR("localhost"));
}

void config_warnings(const struct config *c, void (*fn)(void *ctx, const char *text), void *ctx)
{
    struct url upstream;
    const struct {
        bool applies;
        const char *text;
    } warnings[] = {
        {c->private->master_known,
         "MASTER_API_KEY is a well-known word; set 32 random characters or none"},
        {c->private->master_short, "MASTER_API_KEY has fewer than 16 characters"},
        {c->private->metrics_short, "METRICS_TOKEN has fewer than 16 characters"},
        {c->has_metrics_token && memcmp(c->metrics_digest, c->master_digest, 32) == 0,
         "METRICS_TOKEN is the master key: who may scrape may do everything"},
        {!c->require_api_key && !in_development(c),
         "REQUIRE_API_KEY is false outside development: anybody who reaches the port may call"},
        {!c->require_api_key && in_development(c) && !is_loopback(text_from(c->host)),
         "REQUIRE_API_KEY is false and HOST is not loopback: anybody who reaches the port may "
         "call"},
        {c->database_url[0] && strcmp(c->storage_backend, "dynamodb") == 0,
         "DATABASE_URL is not used: STORAGE_BACKEND is dynamodb"},
        {!c->rate_limit_enabled && config_is_production(c),
         "RATE_LIMIT_ENABLED is false in production"},
        {config_is_production(c) && url_cut(text_from(c->bedrock_endpoint_url), &upstream) &&
             upstream.plain_http,
         "BEDROCK_ENDPOINT_URL is http in production: prompts travel in clear"},
        {c->private->static_keys_in_ecs,
         "AWS_ACCESS_KEY_ID is set inside ECS: prefer the task role"},
    };
    for (size_t i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++) {
        if (warnings[i].applies) {
            fn(ctx, warnings[i].text);
        }
    }
    config_elder_warnings(fn, ctx);
}
