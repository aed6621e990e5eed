/*
 * keystore_dynamo_budget.c - what a key has spent, in its item of the keys table.
 *
 * UpdateItem's ADD would count twice when an answer is lost, and the month needs a decision; so the
 * item is read, the new state worked out, and written on the condition that nothing which was read
 * has changed: by another server of ours, by a subcommand, by an older tool. `usage_flushers` says
 * up to which sequence each flusher's rows are in the sums: a row that comes again is seen to be
 * there, whatever became of the answer.
 */
#include "shm/dynamo/keystore_dynamo_private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "server/base/clock.h"
#include "server/dynamo/dynamo_value.h"

#define TRIES         10
#define PAUSE_MS      100u /* the longest, before another try */
#define LEDGER_SIZE   KEYSTORE_DYNAMO_LEDGER
#define LEDGER_MOST   64u /* flushers: servers that have counted to this key lately */
#define LEDGER_KEEP_S (7 * 86400)

/* What the condition is about; the order of the marks. */
#define WATCHED(X)                \
    X(USED, "budget_used")        \
    X(MTD, "budget_used_mtd")     \
    X(MONTH, "budget_mtd_month")  \
    X(ACTIVE, "is_active")        \
    X(FLUSHERS, "usage_flushers") \
    X(RESET, "budget_reset_at")

enum {
#define WATCHED_ENUM(name, attribute) name,
    WATCHED(WATCHED_ENUM)
#undef WATCHED_ENUM
        WATCHED_COUNT
};

static const char *const watched[WATCHED_COUNT] = {
#define WATCHED_NAME(name, attribute) [name] = attribute,
    WATCHED(WATCHED_NAME)
#undef WATCHED_NAME
};

/* --- the ledger: "<flusher hex>:<sequence>:<seconds>" of each, with blanks, latest last --- */

struct entry {
    struct str flusher;
    uint64_t sequence, time_s;
};

static bool next_entry(struct str *rest, struct str *whole_out, struct entry *out)
{
    while (text_split(rest, ' ', whole_out)) {
        struct str s = *whole_out, sequence;
        if (text_split(&s, ':', &out->flusher) && text_split(&s, ':', &sequence) &&
            text_u64(sequence, &out->sequence) && text_u64(s, &out->time_s)) {
            return true;
        }
    }
    return false;
}

static void name_flusher(uint64_t flusher, char out[17])
{
    snprintf(out, 17, "%016llx", (unsigned long long)flusher);
}

static uint64_t last_sequence(const char *ledger, uint64_t flusher)
{
    struct str rest = text_from(ledger), whole;
    struct entry e;
    char name[17];
    name_flusher(flusher, name);
    while (next_entry(&rest, &whole, &e)) {
        if (text_eq(e.flusher, text_from(name))) {
            return e.sequence;
        }
    }
    return 0;
}

/* Others stay for a week: a flusher that was cut off from the store that long, with an answer lost
 * just before, might count its last rows twice; a list that only grows would be worse. */
static bool is_kept(const struct entry *e, const char *own, uint64_t now_s)
{
    return !text_eq(e->flusher, text_from(own)) && e->time_s + LEDGER_KEEP_S > now_s;
}

static unsigned count_kept(const char *ledger, const char *own, uint64_t now_s)
{
    struct str rest = text_from(ledger), whole;
    struct entry e;
    unsigned n = 0;
    while (next_entry(&rest, &whole, &e)) {
        n += is_kept(&e, own, now_s);
    }
    return n;
}

static void write_ledger(const char *old, uint64_t flusher, uint64_t sequence,
                         char out[LEDGER_SIZE])
{
    struct str rest = text_from(old), whole;
    struct entry e;
    char own[17];
    uint64_t now_s = (uint64_t)(clock_real_now_ms() / 1000);
    name_flusher(flusher, own);
    unsigned kept = count_kept(old, own, now_s);
    unsigned skip = kept >= LEDGER_MOST ? kept - LEDGER_MOST + 1 : 0;
    size_t n = 0;
    while (next_entry(&rest, &whole, &e)) {
        if (is_kept(&e, own, now_s) && (skip == 0 || skip-- == 0)) {
            n += (size_t)snprintf(out + n, LEDGER_SIZE - n, "%.*s ", STR_ARG(whole));
        }
    }
    snprintf(out + n, LEDGER_SIZE - n, "%s:%llu:%llu", own, (unsigned long long)sequence,
             (unsigned long long)now_s);
}

/* --- the history: {"2026-01":12.34}, dollars rounded to cents (compat 3.2) ----------------- */

static void put_month(struct buf *b, struct str month, int64_t micro)
{
    char usd[32];
    keystore_history_text(micro, usd);
    buf_printf(b, "%s\"%.*s\":%s", buf_len(b) ? "," : "", STR_ARG(month), usd);
}

/* Replaces the history by one in which the month has more. What is no number is left out. */
static void add_to_history(struct buf *history, struct str month, int64_t micro)
{
    struct err err;
    struct cJSON *doc = json_parse(buf_str(history), &err);
    struct buf b;
    buf_init(&b, 65536);
    for (struct cJSON *m = json_child(doc); m; m = json_next(m)) {
        double usd;
        int64_t there = json_number(m, &usd) && fabs(usd) < 1e12 ? llround(usd * 1e6) : -1;
        if (there >= 0 && text_eq(json_name(m), month)) {
            micro += there;
        } else if (there >= 0 && json_name(m).n == 7) {
            put_month(&b, json_name(m), there);
        }
    }
    put_month(&b, month, micro > 0 ? micro : 0);
    json_free(doc);
    buf_clear(history);
    buf_printf(history, "{%.*s}", STR_ARG(buf_str(&b)));
    buf_free(&b);
}

void keystore_dynamo_budget_history(struct keystore_dynamo_sums *s)
{
    const struct keystore_budget *b = &s->budget;
    if (b->history_month[0]) {
        s->late = true;
        add_to_history(&s->history, text_from(b->history_month), b->history_micro);
    }
}

/* --- reading ------------------------------------------------------------------------------- */

static int64_t read_money(const struct cJSON *item, const char *name)
{
    struct str s;
    int64_t micro = 0;
    bool ok = dynamo_value(item, name, &s) == DYNAMO_TYPE_N &&
              dynamo_value_number(s, 6, &micro, NULL) && micro > 0;
    return ok ? micro : 0;
}

static void read_text(const struct cJSON *item, const char *name, char *out, size_t size)
{
    struct str s;
    bool ok = dynamo_value(item, name, &s) == DYNAMO_TYPE_S && s.n < size;
    text_copy(ok ? s : STR(""), out, size);
}

static void read_sums(const struct cJSON *item, struct keystore_dynamo_sums *s)
{
    struct keystore_budget *b = &s->budget;
    struct str text;
    *b = (struct keystore_budget){.limit_micro = read_money(item, "monthly_budget"),
                                  .used_micro = read_money(item, watched[USED]),
                                  .mtd_micro = read_money(item, watched[MTD])};
    read_text(item, watched[MONTH], b->month, sizeof b->month);
    read_text(item, "deactivated_reason", b->reason, sizeof b->reason);
    read_text(item, watched[FLUSHERS], s->ledger, sizeof s->ledger);
    b->active = dynamo_value(item, watched[ACTIVE], &text) == DYNAMO_TYPE_BOOL &&
                text_eq(text, STR("true"));
    s->was_active = b->active;
    s->late = s->resets = false;
    if (dynamo_value(item, watched[RESET], &text) != DYNAMO_TYPE_N ||
        !dynamo_value_number(text, 0, &b->reset_ms, NULL)) {
        b->reset_ms = 0;
    }
    text_copy(text_from(s->ledger), s->new_ledger, sizeof s->new_ledger);
    buf_clear(&s->history);
    if (dynamo_value(item, "budget_history", &text) == DYNAMO_TYPE_S) {
        buf_put_str(&s->history, text);
    }
}

enum status keystore_dynamo_budget_read(struct store *k, const char *id, struct cJSON **answer_out,
                                        struct keystore_dynamo_sums *s, struct err *err)
{
    struct json_out w;
    keystore_dynamo_begin(k, &w, k->keys);
    JSON_KEY(&w, "Key");
    json_object(&w);
    dynamo_value_put_text(&w, STR("api_key"), text_from(id));
    json_object_end(&w);
    json_raw(&w, STR("\"ConsistentRead\":true"));
    keystore_dynamo_member(&w, "ProjectionExpression",
                           "api_key,monthly_budget,budget_used,budget_used_mtd,budget_mtd_month,"
                           "is_active,deactivated_reason,budget_history,usage_flushers,"
                           "budget_reset_at");
    enum status status =
        keystore_dynamo_status(keystore_dynamo_send(k, &w, "GetItem", k->keys, answer_out, err));
    const struct cJSON *item = json_get(*answer_out, "Item");
    if (status == STATUS_OK && item) { /* the key may be gone by now: then there is no budget */
        read_sums(item, s);
    }
    return status;
}

/* --- adding -------------------------------------------------------------------------------- */

/* The rows of one key and one flusher that are not in the sums yet. The last sequence, 0: none. */
static uint64_t add_rows(struct keystore_dynamo_sums *s, const struct keystore_usage *rows,
                         size_t n)
{
    uint64_t done = last_sequence(s->ledger, rows[0].flusher), last = 0;
    for (size_t i = 0; i < n; i++) {
        const struct keystore_usage *u = &rows[i];
        if (!keystore_dynamo_same_budget(u, &rows[0]) || u->sequence <= done) {
            continue;
        }
        keystore_budget_add(&s->budget, u->started_ms, u->started_ms + u->duration_ms,
                            u->cost_micro);
        s->budget.history_micro = (s->budget.history_micro + 5000) / 10000 * 10000; /* cents */
        keystore_dynamo_budget_history(s);
        last = u->sequence;
    }
    return last;
}

bool keystore_dynamo_same_budget(const struct keystore_usage *a, const struct keystore_usage *b)
{
    return a->is_key && a->cost_micro > 0 && a->flusher == b->flusher && strcmp(a->id, b->id) == 0;
}

/* --- writing ------------------------------------------------------------------------------- */

static void put_updates(struct json_out *w, const struct keystore_dynamo_sums *s)
{
    bool turned = s->budget.active != s->was_active;
    char text[300];
    snprintf(text, sizeof text, "SET #0 = :used, #1 = :mtd%s%s%s%s%s%s",
             s->budget.month[0] ? ", #2 = :month" : "", s->new_ledger[0] ? ", #4 = :flushers" : "",
             s->resets ? ", #5 = :reset" : "", s->late ? ", budget_history = :history" : "",
             turned ? ", #3 = :active" : "",
             !turned            ? ""
             : s->budget.active ? " REMOVE deactivated_reason"
                                : ", deactivated_reason = :reason");
    keystore_dynamo_member(w, "UpdateExpression", text);
}

/* {"NULL":true} is how the older tools take a value away: it is there and compares. */
static bool is_null(const struct cJSON *item, const char *name)
{
    bool null = false;
    return json_get_bool(json_get(item, name), "NULL", &null) && null;
}

static void put_condition(struct json_out *w, const struct cJSON *item)
{
    char text[300];
    size_t n = (size_t)snprintf(text, sizeof text, "attribute_exists(api_key)");
    for (int i = 0; i < WATCHED_COUNT; i++) {
        struct str value;
        enum dynamo_type type = dynamo_value(item, watched[i], &value);
        bool there = type != DYNAMO_TYPE_ABSENT || is_null(item, watched[i]);
        if (type != DYNAMO_TYPE_OTHER) { /* another type is nobody's: it is written over */
            n += (size_t)snprintf(text + n, sizeof text - n,
                                  there ? " AND #%d = :o%d" : " AND attribute_not_exists(#%d)", i,
                                  i);
        }
    }
    keystore_dynamo_member(w, "ConditionExpression", text);
}

static void put_names(struct json_out *w)
{
    JSON_KEY(w, "ExpressionAttributeNames");
    json_object(w);
    for (int i = 0; i < WATCHED_COUNT; i++) {
        char mark[16];
        snprintf(mark, sizeof mark, "#%d", i);
        keystore_dynamo_member(w, mark, watched[i]);
    }
    json_object_end(w);
}

/* As it was read. */
static void put_old_value(struct json_out *w, const struct cJSON *item, int i)
{
    char mark[16];
    struct str value;
    snprintf(mark, sizeof mark, ":o%d", i);
    enum dynamo_type type = dynamo_value(item, watched[i], &value);
    if (type == DYNAMO_TYPE_S) {
        dynamo_value_put_text(w, text_from(mark), value);
    } else if (type == DYNAMO_TYPE_BOOL) {
        dynamo_value_put_bool(w, text_from(mark), text_eq(value, STR("true")));
    } else if (type == DYNAMO_TYPE_N || is_null(item, watched[i])) {
        json_key(w, text_from(mark));
        json_object(w);
        if (type == DYNAMO_TYPE_N) {
            JSON_KEY(w, "N");
            json_str(w, value);
        } else {
            JSON_KEY(w, "NULL");
            json_bool(w, true);
        }
        json_object_end(w);
    }
}

static void put_values(struct json_out *w, const struct keystore_dynamo_sums *s,
                       const struct cJSON *item)
{
    const struct keystore_budget *b = &s->budget;
    JSON_KEY(w, "ExpressionAttributeValues");
    json_object(w);
    dynamo_value_put_micro(w, STR(":used"), b->used_micro);
    dynamo_value_put_micro(w, STR(":mtd"), b->mtd_micro);
    if (b->month[0]) {
        dynamo_value_put_text(w, STR(":month"), text_from(b->month));
    }
    if (s->new_ledger[0]) {
        dynamo_value_put_text(w, STR(":flushers"), text_from(s->new_ledger));
    }
    if (s->resets) {
        dynamo_value_put_i64(w, STR(":reset"), b->reset_ms);
    }
    if (s->late) {
        dynamo_value_put_text(w, STR(":history"), buf_str(&s->history));
    }
    if (b->active != s->was_active) {
        dynamo_value_put_bool(w, STR(":active"), b->active);
        if (!b->active) {
            dynamo_value_put_text(w, STR(":reason"), text_from(b->reason));
        }
    }
    for (int i = 0; i < WATCHED_COUNT; i++) {
        put_old_value(w, item, i);
    }
    json_object_end(w);
}

/* The members of an UpdateItem behind its table. item: as it was read. */
void keystore_dynamo_budget_put(struct json_out *w, const char *id,
                                const struct keystore_dynamo_sums *s, const struct cJSON *item)
{
    JSON_KEY(w, "Key");
    json_object(w);
    dynamo_value_put_text(w, STR("api_key"), text_from(id));
    json_object_end(w);
    put_updates(w, s);
    put_condition(w, item);
    put_names(w);
    put_values(w, s, item);
}

static enum dynamo_result write_sums(struct store *k, const char *id,
                                     const struct keystore_dynamo_sums *s, const struct cJSON *item,
                                     struct err *err)
{
    struct json_out w;
    struct cJSON *answer;
    keystore_dynamo_begin(k, &w, k->keys);
    keystore_dynamo_budget_put(&w, id, s, item);
    enum dynamo_result result = keystore_dynamo_send(k, &w, "UpdateItem", k->keys, &answer, err);
    json_free(answer);
    return result;
}

/* One try. *again_out: somebody else wrote between the reading and the writing. */
static enum status try_once(struct store *k, const struct keystore_usage *rows, size_t n,
                            struct keystore_dynamo_sums *s, bool *again_out, struct err *err)
{
    struct cJSON *answer;
    *again_out = false;
    enum status status = keystore_dynamo_budget_read(k, rows[0].id, &answer, s, err);
    const struct cJSON *item = json_get(answer, "Item");
    uint64_t last = 0;
    if (status == STATUS_OK && item) {
        last = add_rows(s, rows, n);
    }
    if (last) {
        write_ledger(s->ledger, rows[0].flusher, last, s->new_ledger);
        enum dynamo_result result = write_sums(k, rows[0].id, s, item, err);
        *again_out = result == DYNAMO_CONDITION;
        status = keystore_dynamo_put_status(result, err);
        if (result == DYNAMO_OK && s->budget.active != s->was_active) {
            keystore_dynamo_raise_version(k); /* the other servers refuse it within the second */
        }
    }
    json_free(answer);
    return status;
}

enum status keystore_dynamo_add_cost(struct store *k, const struct keystore_usage *rows, size_t n,
                                     struct err *err)
{
    struct keystore_dynamo_sums s = {.late = false};
    bool again = true;
    enum status status = STATUS_OK;
    buf_init(&s.history, 65536);
    for (unsigned i = 0; i < TRIES && again; i++) {
        uint32_t dice;
        text_random(&dice, sizeof dice);
        if (i > 0 && !dynamo_pause(k->dynamo, 1 + dice % PAUSE_MS)) {
            break;
        }
        status = try_once(k, rows, n, &s, &again, err);
    }
    buf_free(&s.history);
    return again ? err_set(err, STATUS_UNAVAILABLE,
                           "a key's budget is being written by others all the time")
                 : status;
}
