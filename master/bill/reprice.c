#include "master/bill/reprice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/cli/commands.h"
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/json/json.h"
#include "shm/catalogue/catalogue.h"
#include "shm/catalogue/catalogue_cell.h"
#include "shm/store/pricelist.h"
#include "worker/model/behind.h"
#include "worker/model/model_chain.h"
#include "worker/model/model_id.h"

#define NAME_WIDTH 34
#define LINE_BYTES 4096

struct line {
    char name[KEYSTORE_ID_MAX + 1];
    uint64_t requests, changed, unpriced, before, after;
};

/* What the operator says is behind an ARN: map-model --as. */
struct declared {
    char arn[161]; /* as a usage row has it */
    char as[161];
};

struct reprice {
    const struct config *config;
    const struct reprice_ask *ask;
    struct keystore *store;
    struct pricelist prices;
    struct declared *declared;
    size_t declared_count, declared_room;
    struct line *lines; /* sorted by name */
    size_t line_count, room;
    struct keystore_bill_row due[KEYSTORE_BILL_ROWS];
    size_t due_count;
    size_t wanted, corrected;
    enum status status;
    struct err *err;
};

/* --- what a row should cost ---------------------------------------------------------------- */

static bool declare(struct reprice *r, struct str arn, struct str as)
{
    if (r->declared_count == r->declared_room) {
        size_t room = r->declared_room ? 2 * r->declared_room : 16;
        struct declared *more = heap_grow(r->declared, room * sizeof *more);
        if (!more) {
            r->status = err_set(r->err, STATUS_UNAVAILABLE, "out of memory");
            return false;
        }
        r->declared = more;
        r->declared_room = room;
    }
    struct declared *d = &r->declared[r->declared_count++];
    text_copy(arn, d->arn, sizeof d->arn);
    text_copy(as, d->as, sizeof d->as);
    return true;
}

/* A link behind the first of a chain is another model than the name says: declared to be nothing. */
static bool on_mapping(void *ctx, const struct keystore_mapping *m)
{
    struct reprice *r = ctx;
    struct str rest = m->to, first = model_chain_take(&rest);
    bool ok = m->as.n == 0 || declare(r, first, m->as);
    while (ok && rest.n > 0) {
        struct str link = model_chain_take(&rest);
        ok = !model_id_is_opaque(link) || declare(r, link, STR(""));
    }
    return ok;
}

/* The model behind an ARN that names none, as a request finds it (worker/model/behind.h) but for what
 * AWS told the server. */
static struct str behind(const struct reprice *r, const struct keystore_bill_row *row,
                         char room[RULE_ROOM])
{
    struct str id = {NULL, 0};
    bool other = false;
    for (size_t i = 0; i < r->declared_count && id.n == 0; i++) {
        if (strcmp(r->declared[i].arn, row->bedrock_model) == 0) {
            struct str as = text_from(r->declared[i].as);
            id = as.n ? behind_told_by(r->config, as, room) : as;
            other |= as.n == 0;
        }
    }
    return id.n || other ? id : behind_told_by(r->config, text_from(row->model), room);
}

/* The order in which a request finds its price (worker/turn/money.h). An ARN that tells nothing here
 * may have told the server something: what has a cost is not assumed to have another. */
static bool price_of(const struct reprice *r, const struct keystore_bill_row *row,
                     struct prices_tariff *out)
{
    uint32_t v;
    char room[RULE_ROOM];
    struct str id = text_from(row->bedrock_model), region = text_from(r->config->aws_region);
    bool opaque = model_id_is_opaque(id);
    enum prices_source source = pricelist_find(&r->prices, id, region, out);
    if (source != PRICES_STORE && opaque) {
        struct str of = behind(r, row, room);
        source = of.n ? pricelist_find(&r->prices, of, region, out) : source;
    }
    if (source != PRICES_UNKNOWN) {
        return true;
    }
    if ((opaque && row->cost_micro > 0) ||
        !catalogue_cell_money(text_from(r->config->unpriced), &v)) {
        return false;
    }
    out->rates =
        (struct rates){.input = v, .output = v, .cache_read = v, .write_5m = v, .write_1h = v};
    return true;
}

/* A cut answer and a wrong word for a tier cost what the default tier does, as they did. false: the
 * model has no price; the row keeps its cost. */
static bool right_cost(const struct reprice *r, struct keystore_bill_row *row)
{
    struct prices_tariff tariff;
    enum tier tier = TIER_DEFAULT;
    row->right_micro = row->cost_micro;
    if (!row->bedrock_model[0] || !price_of(r, row, &tariff)) {
        return false;
    }
    tier_find(text_from(row->service_tier), &tier);
    struct rates rates = prices_rates(&tariff, tier);
    uint64_t cost = prices_cost(&rates, &row->tokens);
    row->right_micro = cost < INT64_MAX ? cost : INT64_MAX;
    return true;
}

/* --- writing ------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct keystore_bill_row *)a)->id,
                  ((const struct keystore_bill_row *)b)->id);
}

/* Key by key. */
static bool flush(struct reprice *r)
{
    qsort(r->due, r->due_count, sizeof *r->due, by_key);
    for (size_t from = 0, to; from < r->due_count && r->status == STATUS_OK; from = to) {
        for (to = from + 1; to < r->due_count && by_key(&r->due[from], &r->due[to]) == 0; to++) {
        }
        r->status =
            r->store->ops->bill->correct(r->store, &r->due[from], to - from, &r->corrected, r->err);
    }
    r->due_count = 0;
    return r->status == STATUS_OK;
}

/* --- the lines ----------------------------------------------------------------------------- */

static struct line *find_line(struct reprice *r, const char *name)
{
    size_t from = 0, to = r->line_count;
    while (from < to) {
        size_t middle = (from + to) / 2;
        int order = strcmp(name, r->lines[middle].name);
        if (order == 0) {
            return &r->lines[middle];
        }
        if (order < 0) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    if (r->line_count == r->room) {
        size_t room = r->room ? 2 * r->room : 64;
        struct line *more = heap_grow(r->lines, room * sizeof *more);
        if (!more) {
            return NULL;
        }
        r->lines = more;
        r->room = room;
    }
    struct line *line = &r->lines[from];
    memmove(line + 1, line, (r->line_count++ - from) * sizeof *line);
    *line = (struct line){.requests = 0};
    text_copy(text_from(name), line->name, sizeof line->name);
    return line;
}

static bool on_row(void *ctx, const struct keystore_bill_row *stored)
{
    struct reprice *r = ctx;
    struct keystore_bill_row row = *stored;
    char name[KEYSTORE_ID_MAX + 1];
    r->ask->name(r->ask->name_ctx, &row, name, sizeof name);
    struct line *line = find_line(r, name);
    if (!line) {
        r->status = err_set(r->err, STATUS_UNAVAILABLE, "out of memory");
        return false;
    }
    line->unpriced += !right_cost(r, &row);
    line->requests++;
    line->before += row.cost_micro;
    line->after += row.right_micro;
    if (row.right_micro == row.cost_micro) {
        return true;
    }
    line->changed++;
    r->wanted++;
    if (!r->ask->apply) {
        return true;
    }
    r->due[r->due_count++] = row;
    return r->due_count < KEYSTORE_BILL_ROWS || flush(r);
}

/* --- printing ------------------------------------------------------------------------------ */

static void put_json_line(struct json_out *w, const char *word, const struct line *l)
{
    const struct {
        const char *name;
        int64_t value;
    } members[] = {{"requests", (int64_t)l->requests},
                   {"changed", (int64_t)l->changed},
                   {"unpriced", (int64_t)l->unpriced},
                   {"before_micro", (int64_t)l->before},
                   {"after_micro", (int64_t)l->after}};
    json_object(w);
    if (word) {
        json_key(w, text_from(word));
        json_str(w, text_from(l->name));
    }
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        json_key(w, text_from(members[i].name));
        json_i64(w, members[i].value);
    }
    json_object_end(w);
}

static void print_json_line(const char *word, const struct line *l)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, LINE_BYTES);
    json_begin(&w, &b);
    put_json_line(&w, word, l);
    printf("%.*s", STR_ARG(buf_str(&b)));
    buf_free(&b);
}

static void print_json(const struct reprice *r, const struct line *total)
{
    char from[25];
    clock_rfc3339(r->ask->from_ms, from);
    printf("{\"from\":\"%s\",\"applied\":%s,\"corrected\":%zu,\"lines\":[", from,
           r->ask->apply ? "true" : "false", r->corrected);
    for (size_t i = 0; i < r->line_count; i++) {
        printf(i ? ",\n" : "\n");
        print_json_line(r->ask->word, &r->lines[i]);
    }
    printf("],\n\"total\":");
    print_json_line(NULL, total);
    printf("}\n");
}

static void money(uint64_t micro, char out[32])
{
    keystore_money_text(micro < INT64_MAX ? (int64_t)micro : INT64_MAX, out);
}

static void difference(const struct line *l, char out[33])
{
    bool less = l->after < l->before;
    out[0] = less ? '-' : l->after > l->before ? '+' : ' ';
    money(less ? l->before - l->after : l->after - l->before, out + 1);
}

static void print_csv(const struct reprice *r)
{
    printf("%s,requests,changed,unpriced,before_usd,after_usd\n", r->ask->word);
    for (size_t i = 0; i < r->line_count; i++) {
        const struct line *l = &r->lines[i];
        char before[32], after[32];
        money(l->before, before);
        money(l->after, after);
        commands_print_csv(text_from(l->name));
        printf(",%llu,%llu,%llu,%s,%s\n", (unsigned long long)l->requests,
               (unsigned long long)l->changed, (unsigned long long)l->unpriced, before, after);
    }
}

static void print_text_line(const struct line *l)
{
    char before[32], after[32], by[33];
    money(l->before, before);
    money(l->after, after);
    difference(l, by);
    commands_print_safe(text_sub(text_from(l->name), 0, NAME_WIDTH), NAME_WIDTH);
    printf("%9llu %9llu %9llu %15s %15s %16s\n", (unsigned long long)l->requests,
           (unsigned long long)l->changed, (unsigned long long)l->unpriced, before, after, by);
}

static void print_text(const struct reprice *r, const struct line *total)
{
    if (r->line_count == 0) {
        printf("no requests in that time\n");
        return;
    }
    printf("%-*s %9s %9s %9s %15s %15s %16s\n", NAME_WIDTH, r->ask->word, "requests", "changed",
           "unpriced", "before", "after", "difference");
    for (size_t i = 0; i < r->line_count; i++) {
        print_text_line(&r->lines[i]);
    }
    print_text_line(total);
    if (!r->ask->apply) {
        printf(r->wanted ? "Nothing is written yet: --apply does it.\n"
                         : "Nothing is to be done.\n");
    } else {
        printf("%zu of %zu rows corrected", r->corrected, r->wanted);
        printf(r->corrected < r->wanted ? "; others wrote to the rest: run it again.\n" : ".\n");
    }
}

static void print(const struct reprice *r)
{
    struct line total = {.name = "total"};
    for (size_t i = 0; i < r->line_count; i++) {
        total.requests += r->lines[i].requests;
        total.changed += r->lines[i].changed;
        total.unpriced += r->lines[i].unpriced;
        total.before += r->lines[i].before;
        total.after += r->lines[i].after;
    }
    if (r->ask->form == REPRICE_JSON) {
        print_json(r, &total);
    } else if (r->ask->form == REPRICE_CSV) {
        print_csv(r);
    } else {
        print_text(r, &total);
    }
}

/* --- all of it ----------------------------------------------------------------------------- */

static enum status walk(struct reprice *r)
{
    const struct keystore_bill_ops *bill = r->store->ops->bill;
    if (!bill) {
        return err_set(r->err, STATUS_NOT_SUPPORTED, "the %s store keeps no usage rows",
                       r->store->ops->name);
    }
    enum status status = catalogue_load(r->config->catalogue_file, r->err);
    status = status == STATUS_OK ? pricelist_load(&r->prices, r->store, r->err) : status;
    if (status == STATUS_OK) {
        status = r->store->ops->mappings(r->store, on_mapping, r, r->err);
    }
    if (status == STATUS_OK && r->status == STATUS_OK) {
        status = bill->rows(r->store, r->ask->from_ms, r->ask->to_ms, on_row, r, r->err);
    }
    if (status == STATUS_OK && r->status == STATUS_OK) {
        flush(r);
    }
    if (r->corrected) {
        bill->corrected(r->store);
    }
    return status == STATUS_OK ? r->status : status;
}

enum status reprice_run(const struct config *c, struct keystore *store,
                        const struct reprice_ask *ask, struct err *err)
{
    struct reprice *r = heap_new(sizeof *r);
    if (!r) {
        return err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    r->config = c;
    r->ask = ask;
    r->store = store;
    r->err = err;
    enum status status = walk(r);
    if (status == STATUS_OK) {
        print(r);
    }
    pricelist_free(&r->prices);
    heap_drop(r->declared);
    heap_drop(r->lines);
    text_wipe(r->due, sizeof r->due); /* ids of clear keys */
    heap_drop(r);
    return status;
}
