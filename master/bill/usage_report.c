#include "master/bill/usage_report.h"

#include <stdio.h>
#include <string.h>

#include "master/cli/commands.h"
#include "master/cli/keys.h"
#include "master/bill/audit_list.h"
#include "master/bill/reprice.h"
#include "master/bill/usage_users.h"
#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/clock.h"
#include "server/json/json.h"
#include "shm/store/keystore.h"

#define ROW_MAX     4096
#define DAYS_MAX    36500
#define DAY_MS      86400000ll
#define GROUP_WIDTH 34

enum { BY, DAYS, FROM, REPRICE, APPLY, AUDIT, OUTPUT, ENV_FILE, ROW_COUNT };
static const struct option_row rows[ROW_COUNT] = {
    [BY] = {'b', "by", "key|user|model|day", "what the sums are of; default: key"},
    [DAYS] = {'d', "days", "N", "how far back; default: 30"},
    [FROM] = {0, "from", "DAY", "from that day on (2026-11-01, UTC), instead of --days"},
    [REPRICE] = {0, "reprice", NULL,
                 "what these requests cost at today's prices, against what was stored"},
    [APPLY] = {0, "apply", NULL, "with --reprice: store it, and put the budgets right"},
    [AUDIT] = {0, "audit", NULL, "what was done by hand to sums (--reset-spend), instead of them"},
    [OUTPUT] = {0, "output", "text|csv|json", "form of the answer"},
    [ENV_FILE] = {0, "env-file", "FILE", "settings file instead of .env"},
};
const struct commands_about usage_report_about = {
    "usage", "", "Sums of requests, tokens and cost. Keys are shown by their KEY-ID.", rows,
    ROW_COUNT};

/* by user: the sums of keys, put together here */
static const struct {
    const char *word;
    enum keystore_group group;
    bool user;
} groups[] = {{"key", KEYSTORE_BY_KEY, false},
              {"user", KEYSTORE_BY_KEY, true},
              {"model", KEYSTORE_BY_MODEL, false},
              {"day", KEYSTORE_BY_DAY, false}};

enum form { TEXT, CSV, JSON };
static const char *const forms[] = {[TEXT] = "text", [CSV] = "csv", [JSON] = "json"};

struct report {
    size_t by; /* in groups */
    enum form form;
    int64_t from_ms, to_ms;
    bool reprice, apply, audit;
    size_t count;
    struct keystore_usage_sum total;
    struct usage_users users;
    struct keystore_usage_sum *of_users; /* sorted by group */
    size_t user_count, user_room;
    bool out_of_memory;
};

/* --- one line ------------------------------------------------------------------------------ */

/* A key is shown as in list-keys: its partition key may be the key itself. */
static void name_of(const struct report *r, const struct keystore_usage_sum *sum, char *out,
                    size_t size)
{
    struct keystore_row row = {0};
    bool nobody = strcmp(sum->group, "master") == 0 || strcmp(sum->group, "anonymous") == 0;
    if (groups[r->by].group != KEYSTORE_BY_KEY || groups[r->by].user || nobody) {
        text_copy(text_from(sum->group), out, size);
        return;
    }
    text_copy(text_from(sum->group), row.id, sizeof row.id);
    keys_id(&row, out);
    text_wipe(&row, sizeof row);
}

static void put_json(struct buf *b, const struct report *r, const struct keystore_usage_sum *sum,
                     const char *name)
{
    const struct {
        const char *name;
        uint64_t value;
    } members[] = {{"requests", sum->requests},
                   {"failed", sum->failed},
                   {"input_tokens", sum->tokens.input},
                   {"output_tokens", sum->tokens.output},
                   {"cached_tokens", sum->tokens.cache_read},
                   {"cache_write_tokens", tokens_written(&sum->tokens)},
                   {"cost_micro", sum->cost_micro}};
    struct json_out w;
    json_begin(&w, b);
    json_object(&w);
    json_key(&w, text_from(groups[r->by].word));
    json_str(&w, text_from(name));
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        json_key(&w, text_from(members[i].name));
        json_i64(&w, (int64_t)members[i].value);
    }
    json_object_end(&w);
}

static void print_json(const struct report *r, const struct keystore_usage_sum *sum,
                       const char *name)
{
    struct buf b;
    buf_init(&b, ROW_MAX);
    put_json(&b, r, sum, name);
    printf("%s%.*s", r->count ? ",\n" : "[", STR_ARG(buf_str(&b)));
    buf_free(&b);
}

static void print_csv(const struct report *r, const struct keystore_usage_sum *s, const char *name)
{
    if (r->count == 0) {
        printf("%s,requests,failed,input_tokens,output_tokens,cached_tokens,cache_write_tokens,"
               "cost_usd\n",
               groups[r->by].word);
    }
    if (groups[r->by].group == KEYSTORE_BY_MODEL || groups[r->by].user) {
        commands_print_csv(text_from(name));
    } else {
        printf("%s", name);
    }
    printf(",%llu,%llu,%llu,%llu,%llu,%llu,%llu.%06llu\n", (unsigned long long)s->requests,
           (unsigned long long)s->failed, (unsigned long long)s->tokens.input,
           (unsigned long long)s->tokens.output, (unsigned long long)s->tokens.cache_read,
           (unsigned long long)tokens_written(&s->tokens),
           (unsigned long long)(s->cost_micro / 1000000),
           (unsigned long long)(s->cost_micro % 1000000));
}

static void print_line(const struct keystore_usage_sum *s, const char *name)
{
    struct str shown = text_from(name);
    commands_print_safe(text_sub(shown, 0, GROUP_WIDTH), GROUP_WIDTH);
    printf("%9llu %7llu %12llu %12llu %12llu %12llu %6llu.%06llu\n",
           (unsigned long long)s->requests, (unsigned long long)s->failed,
           (unsigned long long)s->tokens.input, (unsigned long long)s->tokens.output,
           (unsigned long long)s->tokens.cache_read, (unsigned long long)tokens_written(&s->tokens),
           (unsigned long long)(s->cost_micro / 1000000),
           (unsigned long long)(s->cost_micro % 1000000));
}

static void print_text(const struct report *r, const struct keystore_usage_sum *sum,
                       const char *name)
{
    if (r->count == 0) {
        printf("%-*s %9s %7s %12s %12s %12s %12s %13s\n", GROUP_WIDTH, groups[r->by].word,
               "requests", "failed", "input", "output", "cache read", "cache write", "dollars");
    }
    print_line(sum, name);
}

/* --- the report ---------------------------------------------------------------------------- */

static void add(struct keystore_usage_sum *total, const struct keystore_usage_sum *s)
{
    total->requests += s->requests;
    total->failed += s->failed;
    total->tokens.input += s->tokens.input;
    total->tokens.output += s->tokens.output;
    total->tokens.cache_read += s->tokens.cache_read;
    total->tokens.write_5m += s->tokens.write_5m;
    total->tokens.write_1h += s->tokens.write_1h;
    total->cost_micro += s->cost_micro;
}

static bool take(void *ctx, const struct keystore_usage_sum *sum)
{
    static void (*const print[])(const struct report *, const struct keystore_usage_sum *,
                                 const char *) = {
        [TEXT] = print_text, [CSV] = print_csv, [JSON] = print_json};
    struct report *r = ctx;
    char name[KEYSTORE_ID_MAX + 1];
    name_of(r, sum, name, sizeof name);
    print[r->form](r, sum, name);
    add(&r->total, sum);
    r->count++;
    return true;
}

/* --- by user ------------------------------------------------------------------------------- */

static bool make_room(struct report *r)
{
    if (r->user_count < r->user_room) {
        return true;
    }
    size_t room = r->user_room ? 2 * r->user_room : 64;
    struct keystore_usage_sum *more = heap_grow(r->of_users, room * sizeof *more);
    r->out_of_memory = !more;
    if (more) {
        r->of_users = more;
        r->user_room = room;
    }
    return more != NULL;
}

static bool take_of_user(void *ctx, const struct keystore_usage_sum *sum)
{
    struct report *r = ctx;
    const char *user = usage_users_find(&r->users, sum->group);
    size_t at = 0;
    while (at < r->user_count && strcmp(r->of_users[at].group, user) < 0) {
        at++;
    }
    if (at == r->user_count || strcmp(r->of_users[at].group, user) != 0) {
        if (!make_room(r)) {
            return false;
        }
        struct keystore_usage_sum *new = &r->of_users[at];
        memmove(new + 1, new, (r->user_count++ - at) * sizeof *new);
        *new = (struct keystore_usage_sum){.requests = 0};
        text_copy(text_from(user), new->group, sizeof new->group);
    }
    add(&r->of_users[at], sum);
    return true;
}

static enum status sums_of_users(struct keystore *store, struct report *r, struct err *err)
{
    enum status status =
        keystore_usage(store, KEYSTORE_BY_KEY, r->from_ms, r->to_ms, take_of_user, r, err);
    if (status == STATUS_OK && r->out_of_memory) {
        return err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    for (size_t i = 0; i < r->user_count && status == STATUS_OK; i++) {
        take(r, &r->of_users[i]);
    }
    return status;
}

/* --- at today's prices --------------------------------------------------------------------- */

static void name_row(void *ctx, const struct keystore_bill_row *row, char *out, size_t size)
{
    const struct report *r = ctx;
    struct keystore_usage_sum sum = {.requests = 0};
    char time[25];
    if (groups[r->by].user) {
        text_copy(text_from(usage_users_find(&r->users, row->id)), out, size);
    } else if (groups[r->by].group == KEYSTORE_BY_KEY) {
        text_copy(text_from(row->id), sum.group, sizeof sum.group);
        name_of(r, &sum, out, size);
        text_wipe(&sum, sizeof sum);
    } else if (groups[r->by].group == KEYSTORE_BY_MODEL) {
        text_copy(text_from(row->model), out, size);
    } else {
        clock_rfc3339(row->started_ms, time);
        text_copy((struct str){time, 10}, out, size);
    }
}

static enum status reprice(const struct config *c, struct keystore *store, struct report *r,
                           struct err *err)
{
    static const enum reprice_form as[] = {
        [TEXT] = REPRICE_TEXT, [CSV] = REPRICE_CSV, [JSON] = REPRICE_JSON};
    const struct reprice_ask ask = {.word = groups[r->by].word,
                                    .name = name_row,
                                    .name_ctx = r,
                                    .form = as[r->form],
                                    .from_ms = r->from_ms,
                                    .to_ms = r->to_ms,
                                    .apply = r->apply};
    return reprice_run(c, store, &ask, err);
}

/* --- all of it ----------------------------------------------------------------------------- */

static void print_end(const struct report *r)
{
    if (r->form == JSON) {
        printf(r->count ? "]\n" : "[]\n");
    } else if (r->form == TEXT && r->count) {
        print_line(&r->total, "total");
    } else if (r->form == TEXT) {
        printf("no requests in that time\n");
    }
}

static enum status run(const struct config *c, struct keystore *store, struct report *r,
                       struct err *err)
{
    static const enum audit_list_form as[] = {
        [TEXT] = AUDIT_LIST_TEXT, [CSV] = AUDIT_LIST_CSV, [JSON] = AUDIT_LIST_JSON};
    enum status status = STATUS_OK;
    if (r->audit) {
        return audit_list_run(store, r->from_ms, r->to_ms, as[r->form], err);
    }
    if (groups[r->by].user) {
        status = usage_users_load(&r->users, store, err);
    }
    if (status == STATUS_OK && r->reprice) {
        return reprice(c, store, r, err);
    }
    if (status == STATUS_OK && groups[r->by].user) {
        status = sums_of_users(store, r, err);
    } else if (status == STATUS_OK) {
        status = keystore_usage(store, groups[r->by].group, r->from_ms, r->to_ms, take, r, err);
    }
    if (status == STATUS_OK) {
        print_end(r);
    }
    return status;
}

static int report(const struct config *c, struct report *r)
{
    struct keystore *store;
    struct err err = {.code = STATUS_OK};
    if (keys_open(c, &store, &err) != STATUS_OK) {
        return keys_failed(usage_report_about.name, &err);
    }
    enum status status = run(c, store, r, &err);
    keystore_close(store);
    usage_users_free(&r->users);
    heap_drop(r->of_users);
    return status == STATUS_OK ? COMMANDS_OK : keys_failed(usage_report_about.name, &err);
}

static enum status read_from(const struct options *o, struct report *r, struct err *err)
{
    char time[32];
    if (o->value[DAYS]) {
        return err_set(err, STATUS_INVALID, "--from and --days exclude each other");
    }
    snprintf(time, sizeof time, "%.10sT00:00:00Z", o->value[FROM]);
    if (strlen(o->value[FROM]) != 10 || !clock_parse_rfc3339(text_from(time), &r->from_ms)) {
        return err_set(err, STATUS_INVALID, "--from %s: a day like 2026-11-01 is needed",
                       o->value[FROM]);
    }
    return STATUS_OK;
}

static enum status read_options(const struct options *o, struct report *r, struct err *err)
{
    const char *by = o->value[BY] ? o->value[BY] : "key";
    const char *form = o->value[OUTPUT] ? o->value[OUTPUT] : "text";
    const char *days_text = o->value[DAYS] ? o->value[DAYS] : "30";
    uint64_t days;
    size_t n = COUNT_OF(groups);
    for (r->by = 0; r->by < n && strcmp(by, groups[r->by].word) != 0; r->by++) {
    }
    if (r->by == n) {
        return err_set(err, STATUS_INVALID, "--by %s: key, user, model or day is needed", by);
    }
    for (r->form = TEXT; r->form <= JSON && strcmp(form, forms[r->form]) != 0; r->form++) {
    }
    if (r->form > JSON) {
        return err_set(err, STATUS_INVALID, "--output %s: text, csv or json is needed", form);
    }
    if (!text_u64(text_from(days_text), &days) || days < 1 || days > DAYS_MAX) {
        return err_set(err, STATUS_INVALID, "--days %s: a number of days is needed", days_text);
    }
    /* In DynamoDB a row whose millisecond is taken stands ahead of its time, by hours at most. */
    int64_t now_ms = clock_real_now_ms();
    r->to_ms = now_ms + DAY_MS;
    r->from_ms = now_ms - (int64_t)days * DAY_MS;
    r->reprice = o->value[REPRICE] != NULL;
    r->apply = o->value[APPLY] != NULL;
    r->audit = o->value[AUDIT] != NULL;
    if (r->audit && (r->reprice || o->value[BY])) {
        return err_set(err, STATUS_INVALID, "--audit goes with neither --by nor --reprice");
    }
    if (r->apply && !r->reprice) {
        return err_set(err, STATUS_INVALID, "--apply goes with --reprice");
    }
    return o->value[FROM] ? read_from(o, r, err) : STATUS_OK;
}

int usage_report_run(int argc, char **argv)
{
    struct options o;
    struct config c;
    struct err err;
    struct report r = {.count = 0};
    int exit_code;
    if (!commands_begin(&usage_report_about, argc, argv, &o, &exit_code)) {
        return exit_code;
    }
    if (read_options(&o, &r, &err) != STATUS_OK ||
        commands_config(&c, o.value[ENV_FILE], NULL, 0, &err) != STATUS_OK) {
        return commands_complain(usage_report_about.name, &err);
    }
    exit_code = report(&c, &r);
    config_free(&c);
    return exit_code;
}
