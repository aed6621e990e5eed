#include "server/config/config.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/arena.h"
#include "server/config/config_passed.h"
#include "server/config/config_private.h"
#include "server/config/dotenv.h"
#include "server/base/sha256.h"
#include "server/base/url.h"

const struct config_row config_rows[CONFIG_ROW_COUNT] = {
#define AT(field)  offsetof(struct config, field)
#define WHEN(when) CONFIG_##when
#define ROW_TEXT(field, name, alias, class, when, dflt, secret, doc) \
    {CONFIG_KIND_TEXT, WHEN(when), AT(field), name, alias, dflt, NULL, 0, 0, secret},
#define ROW_URL(field, name, alias, class, when, dflt, doc) \
    {CONFIG_KIND_URL, WHEN(when), AT(field), name, alias, dflt, NULL, 0, 0, false},
#define ROW_CHOICE(field, name, alias, class, when, dflt, choices, doc) \
    {CONFIG_KIND_CHOICE, WHEN(when), AT(field), name, alias, dflt, choices, 0, 0, false},
#define ROW_BOOL(field, name, alias, class, when, dflt, doc)        \
    {CONFIG_KIND_BOOL,          WHEN(when), AT(field), name, alias, \
     (dflt) ? "true" : "false", NULL,       0,         0,    false},
#define ROW_INT(field, name, alias, class, when, dflt, min, max, doc) \
    {CONFIG_KIND_INT, WHEN(when), AT(field), name, alias, #dflt, NULL, min, max, false},
#define ROW_TABLE(field, name, ending) \
    {CONFIG_KIND_TABLE, WHEN(RELOAD), AT(field), name, "", ending, NULL, 0, 0, false},
#define ROW_OLD_TEXT(field, name, now) \
    {CONFIG_KIND_OLD_TEXT, WHEN(RELOAD), AT(field), name, "", now, NULL, 0, 0, false},
#define ROW_SWITCH(none, name, setting, value) \
    {CONFIG_KIND_SWITCH, WHEN(RELOAD), 0, name, "", setting, value, 0, 0, false},
    CONFIG_TABLE(ROW_TEXT, ROW_URL, ROW_CHOICE, ROW_BOOL, ROW_INT)
        CONFIG_ELDER_READ(ROW_TABLE, ROW_OLD_TEXT, ROW_SWITCH)};

bool config_is_choice(const char *choices, struct str value)
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

bool config_parse_bool(struct str s, bool *out)
{
    *out = config_is_choice("true|1|yes|on", s);
    return *out || config_is_choice("false|0|no|off", s);
}

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

static void drop_value(struct config_setting *setting)
{
    if (setting->value) {
        text_wipe(setting->value, strlen(setting->value));
        heap_drop(setting->value);
    }
    *setting = (struct config_setting){0};
}

static bool weaker(const struct config_setting *a, const struct config_setting *b)
{
    return a->source != b->source ? a->source < b->source : a->by_alias && !b->by_alias;
}

static void offer(struct config_private *all, size_t row, struct config_setting offered,
                  struct str value)
{
    struct config_setting *held = &all->settings[row];
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

static size_t row_named(struct str name)
{
    size_t i = 0;
    while (!text_eq(name, text_from(config_rows[i].name))) {
        i++;
        assert(i < CONFIG_ROW_COUNT);
    }
    return i;
}

/* false: no setting has this name */
static bool offer_named(struct config_private *all, enum config_source source, struct str name,
                        struct str value)
{
    for (size_t i = 0; i < CONFIG_ROW_COUNT; i++) {
        bool main_name = text_eq(name, text_from(config_rows[i].name));
        if (main_name || (name.n > 0 && text_eq(name, text_from(config_rows[i].alias)))) {
            offer(all, i, (struct config_setting){.source = source, .by_alias = !main_name}, value);
            return true;
        }
    }
    return false;
}

static void offer_environment(struct config_private *all)
{
    for (size_t i = 0; i < CONFIG_ROW_COUNT; i++) {
        struct config_setting from = {.source = CONFIG_SOURCE_ENVIRONMENT};
        offer(all, i, from, text_from(getenv(config_rows[i].name)));
        from.by_alias = true;
        offer(all, i, from,
              config_rows[i].alias[0] ? text_from(getenv(config_rows[i].alias)) : STR(""));
    }
}

static void offer_file_line(void *ctx, struct str name, struct str value)
{
    struct config_private *all = ctx;
    if (!offer_named(all, CONFIG_SOURCE_FILE, name, value)) {
        all->out_of_memory |= !config_passed_on(name, value);
    }
}

/* An old switch that is off is stronger than what the newer setting says, from wherever it comes:
 * in the environment that it was written for it was, too. */
static void obey_switches(struct config_private *all)
{
    for (size_t i = 0; i < CONFIG_ROW_COUNT; i++) {
        const struct config_setting *given = &all->settings[i];
        bool on;
        if (config_rows[i].kind == CONFIG_KIND_SWITCH && given->value &&
            config_parse_bool(text_from(given->value), &on) && !on) {
            struct config_setting from = {.source = given->source};
            size_t k = row_named(text_from(config_rows[i].dflt));
            drop_value(&all->settings[k]);
            offer(all, k, from, text_from(config_rows[i].choices));
        }
    }
}

static enum status no_memory(struct err *err)
{
    return err_set(err, STATUS_INTERNAL, "out of memory while reading the settings");
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
        if (!offer_named(all, CONFIG_SOURCE_COMMAND_LINE, text_from(o->name),
                         text_from(o->value))) {
            return err_set(err, STATUS_INVALID, "%s is not the name of a setting", o->name);
        }
    }
    obey_switches(all);
    return all->out_of_memory ? no_memory(err) : STATUS_OK;
}

/* ---- checking: text to field -------------------------------------------------------------- */

/* "PORT: 'abc' is not a number (1 to 65535)"; the value is cut, and only its printable ASCII is
 * shown. */
static enum status refuse(const struct config_row *row, const struct config_setting *setting,
                          const char *why, struct err *err)
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

static void *field(struct config *c, const struct config_row *row)
{
    return (char *)c + row->offset;
}

static enum status set_int(struct config *c, const struct config_row *row,
                           const struct config_setting *setting, struct str value, struct err *err)
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

static enum status set_choice(struct config *c, const struct config_row *row,
                              const struct config_setting *setting, char *value, struct err *err)
{
    if (!config_is_choice(row->choices, text_from(value))) {
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

static enum status set_url(struct config *c, const struct config_row *row,
                           const struct config_setting *setting, char *value, struct err *err)
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

static enum status set_bool(const struct config_row *row, const struct config_setting *setting,
                            bool *out, struct err *err)
{
    return config_parse_bool(text_from(setting->value), out)
               ? STATUS_OK
               : refuse(row, setting,
                        "is neither true nor false (true, false, 1, 0, yes, no, on, off)", err);
}

static enum status set_given(struct config *c, const struct config_row *row,
                             struct config_setting *setting, struct err *err)
{
    struct str value = text_from(setting->value);
    const char *wrong = check_text(value);
    if (wrong) {
        return refuse(row, setting, wrong, err);
    }
    switch (row->kind) {
    case CONFIG_KIND_TEXT:
    case CONFIG_KIND_TABLE:
    case CONFIG_KIND_OLD_TEXT:
        *(const char **)field(c, row) = setting->value;
        return STATUS_OK;
    case CONFIG_KIND_URL:
        return set_url(c, row, setting, setting->value, err);
    case CONFIG_KIND_CHOICE:
        return set_choice(c, row, setting, setting->value, err);
    case CONFIG_KIND_BOOL:
        return set_bool(row, setting, field(c, row), err);
    case CONFIG_KIND_SWITCH:
        return set_bool(row, setting, &(bool){false}, err);
    case CONFIG_KIND_INT:
        return set_int(c, row, setting, value, err);
    }
    assert(false); /* a kind without a rule */
}

/* The prefix is above in the table, so it is there. */
static enum status name_table(struct config *c, const struct config_row *row,
                              struct config_setting *setting, struct err *err)
{
    size_t size = strlen(c->table_prefix) + strlen(row->dflt) + 1;
    setting->value = heap_new(size);
    if (!setting->value) {
        return no_memory(err);
    }
    snprintf(setting->value, size, "%s%s", c->table_prefix, row->dflt);
    *(const char **)field(c, row) = setting->value;
    return STATUS_OK;
}

static enum status set_default(struct config *c, const struct config_row *row,
                               struct config_setting *setting, struct err *err)
{
    struct str value = text_from(row->dflt);
    bool legal = true;
    switch (row->kind) {
    case CONFIG_KIND_BOOL:
        legal = config_parse_bool(value, field(c, row));
        break;
    case CONFIG_KIND_INT:
        legal = text_i64(value, field(c, row));
        break;
    case CONFIG_KIND_TABLE:
        return name_table(c, row, setting, err);
    case CONFIG_KIND_OLD_TEXT:
        *(const char **)field(c, row) = "";
        break;
    case CONFIG_KIND_SWITCH:
        break;
    case CONFIG_KIND_TEXT:
    case CONFIG_KIND_URL:
    case CONFIG_KIND_CHOICE:
        *(const char **)field(c, row) = row->dflt;
    }
    assert(legal);
    return STATUS_OK;
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
    c->metrics_auth = !text_ieq(token, STR("off"));
    if ((c->has_master = key.n > 0)) {
        sha256(key.p, key.n, c->master_digest);
    }
    if ((c->has_metrics_token = token.n > 0 && c->metrics_auth)) {
        sha256(token.p, token.n, c->metrics_digest);
    }
    c->private->metrics_short = c->has_metrics_token && token.n < 16;
    c->private->master_known = config_is_choice(known_words, key);
    c->private->master_short = !c->private->master_known && key.n > 0 && key.n < 16;
    c->private->static_keys_in_ecs = static_keys_in_ecs();
}

enum status config_load(struct config *c, const char *env_file,
                        const struct config_override *overrides, size_t override_count,
                        struct err *err)
{
    *c = (struct config){.private = heap_new(sizeof(struct config_private)),
                         .bounds = {
#define BOUND(type, field, value, doc) .field = (value),
                             CONFIG_BOUNDS(BOUND)
#undef BOUND
                         }};
    if (!c->private) {
        return no_memory(err);
    }
    enum status status = gather(c->private, env_file, overrides, override_count, err);
    for (size_t i = 0; i < CONFIG_ROW_COUNT && status == STATUS_OK; i++) {
        struct config_setting *setting = &c->private->settings[i];
        status = setting->value ? set_given(c, &config_rows[i], setting, err)
                                : set_default(c, &config_rows[i], setting, err);
    }
    if (status == STATUS_OK) {
        status = config_check(c, err);
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
    for (size_t i = 0; c->private && i < CONFIG_ROW_COUNT; i++) {
        drop_value(&c->private->settings[i]);
    }
    heap_drop(c->private);
    *c = (struct config){0};
}

/* ---- afterwards --------------------------------------------------------------------------- */

void config_forget_keys(struct config *c)
{
    for (size_t i = 0; i < CONFIG_ROW_COUNT; i++) {
        char *value = c->private->settings[i].value;
        if (value && (value == c->master_api_key || value == c->metrics_token)) {
            text_wipe(value, strlen(value));
        }
    }
}

bool config_is_production(const struct config *c)
{
    return config_is_choice("production|prod", text_from(c->environment));
}
