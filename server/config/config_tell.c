/* What is said of the settings in force: all of them, the odd ones, and those that changed in vain. */
#include "server/config/config_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "server/base/url.h"

static const char *const source_names[] = {"default", ".env", "environment", "command line"};

/* ---- printing ----------------------------------------------------------------------------- */

/* Bools and secrets are shown by meaning, all else as it was given. */
static const char *shown_value(const struct config *c, size_t i)
{
    const struct config_setting *setting = &c->private->settings[i];
    const void *at = (const char *)c + config_rows[i].offset;
    if (config_rows[i].secret) {
        return setting->value ? "(set)" : "(unset)";
    }
    if (config_rows[i].kind == CONFIG_KIND_BOOL) {
        return *(const bool *)at ? "true" : "false";
    }
    return setting->value ? setting->value : config_rows[i].dflt;
}

/* Old names stand there only when they are given. */
static bool is_shown(const struct config *c, size_t i)
{
    return config_rows[i].kind < CONFIG_KIND_TABLE ||
           c->private->settings[i].source != CONFIG_SOURCE_DEFAULT;
}

static void print_text(const struct config *c, FILE *out)
{
    for (size_t i = 0; i < CONFIG_ROW_COUNT; i++) {
        if (!is_shown(c, i)) {
            continue;
        }
        fprintf(out, "%-32s %-40s %s\n", config_rows[i].name, shown_value(c, i),
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
    for (size_t i = 0; i < CONFIG_ROW_COUNT; i++) {
        if (!is_shown(c, i)) {
            continue;
        }
        fprintf(out, "%s{\"name\":\"%s\",\"value\":", i > 0 ? ",\n " : "[", config_rows[i].name);
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

/* ---- what a reload cannot change ---------------------------------------------------------- */

static bool same_value(const struct config_row *row, const struct config *a, const struct config *b)
{
    const char *x = (const char *)a + row->offset, *y = (const char *)b + row->offset;
    switch (row->kind) {
    case CONFIG_KIND_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case CONFIG_KIND_INT:
        return *(const int64_t *)(const void *)x == *(const int64_t *)(const void *)y;
    case CONFIG_KIND_SWITCH:
        return true;
    default:
        return strcmp(*(const char *const *)(const void *)x,
                      *(const char *const *)(const void *)y) == 0;
    }
}

void config_fixed(const struct config *old, const struct config *fresh, char *names_out,
                  size_t size)
{
    size_t n = 0;
    names_out[0] = '\0';
    for (size_t i = 0; i < CONFIG_ROW_COUNT; i++) {
        if (config_rows[i].when == CONFIG_RESTART && !same_value(&config_rows[i], old, fresh) &&
            n < size) {
            n += (size_t)snprintf(names_out + n, size - n, "%s%s", n ? ", " : "",
                                  config_rows[i].name);
        }
    }
}

/* ---- secrets and warnings ----------------------------------------------------------------- */

/* An unusual way to write it costs a warning too many. */
bool config_is_loopback(struct str host)
{
    return text_starts(host, STR("127.")) || text_eq(host, STR("::1")) ||
           text_eq(host, STR("[::1]")) || text_ieq(host, STR("localhost"));
}

/* A table of another name is nothing to be told of, nor is a switch that is on. */
static void tell_old_names(const struct config *c, void (*fn)(void *ctx, const char *text),
                           void *ctx)
{
    for (size_t i = 0; i < CONFIG_ROW_COUNT; i++) {
        const struct config_row *r = &config_rows[i];
        const char *value = c->private->settings[i].value;
        char line[160];
        bool on;
        if (r->kind == CONFIG_KIND_OLD_TEXT && value) {
            snprintf(line, sizeof line, "%s is read on; its new name is %s", r->name, r->dflt);
            fn(ctx, line);
        } else if (r->kind == CONFIG_KIND_SWITCH && value &&
                   config_parse_bool(text_from(value), &on) && !on) {
            snprintf(line, sizeof line, "%s is read on; its new name is %s=%s", r->name, r->dflt,
                     r->choices);
            fn(ctx, line);
        }
    }
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
        {!c->require_api_key && !config_is_loopback(text_from(c->host)),
         "REQUIRE_API_KEY is false and HOST is not loopback: anybody who reaches the port may "
         "call"},
        {c->database_url[0] && strcmp(c->storage_backend, "dynamodb") == 0,
         "DATABASE_URL is not used: STORAGE_BACKEND is dynamodb"},
        {c->rate_limit_requests == 0 && !config_is_loopback(text_from(c->host)),
         "RATE_LIMIT_REQUESTS_PER_WINDOW is 0: no key has a request limit"},
        {url_cut(text_from(c->bedrock_endpoint_url), &upstream) && upstream.plain_http &&
             !config_is_loopback(upstream.host),
         "BEDROCK_ENDPOINT_URL is http and not loopback: prompts travel in clear"},
        {c->private->static_keys_in_ecs,
         "AWS_ACCESS_KEY_ID is set inside ECS: prefer the task role"},
    };
    for (size_t i = 0; i < COUNT_OF(warnings); i++) {
        if (warnings[i].applies) {
            fn(ctx, warnings[i].text);
        }
    }
    tell_old_names(c, fn, ctx);
    config_elder_warnings(fn, ctx);
}
