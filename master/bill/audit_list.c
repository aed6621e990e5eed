#include "master/bill/audit_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/arena.h"
#include "server/base/clock.h"

struct list {
    struct keystore_audit *row;
    size_t n, room;
    bool out_of_memory;
};

/* One store has them in no order. */
static bool take(void *ctx, const struct keystore_audit *row)
{
    struct list *l = ctx;
    if (l->n == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        struct keystore_audit *more = heap_grow(l->row, room * sizeof *more);
        l->out_of_memory = !more;
        if (!more) {
            return false;
        }
        l->row = more;
        l->room = room;
    }
    l->row[l->n++] = *row;
    return true;
}

static int order(const void *a, const void *b)
{
    const struct keystore_audit *x = a, *y = b;
    return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

/* Letters that words of ours and months consist of: a table of somebody else's hand may hold others,
 * which could steer a terminal or end a quote. */
static const char *plain(char *text)
{
    for (char *p = text; *p; p++) {
        if (!text_word_char(*p, "-_")) {
            *p = '?';
        }
    }
    return text[0] ? text : "-";
}

static void print(struct keystore_audit *r, enum audit_list_form form, bool first)
{
    static const char *const as[] = {
        [AUDIT_LIST_TEXT] = "%-25s %-9s %-12s %-8s %14s %14s\n",
        [AUDIT_LIST_CSV] = "%s,%s,%s,%s,%s,%s\n",
        [AUDIT_LIST_JSON] = "{\"at\":\"%s\",\"key\":\"%s\",\"action\":\"%s\",\"month\":\"%s\","
                            "\"before_usd\":%s,\"after_usd\":%s}",
    };
    char at[25], before[32], after[32];
    clock_rfc3339(r->at_ms, at);
    keystore_money_text(r->before_micro, before);
    keystore_money_text(r->after_micro, after);
    if (form == AUDIT_LIST_JSON) {
        printf(first ? "[" : ",\n");
    } else if (first) {
        printf(as[form], "at", "key", "action", "month", "before_usd", "after_usd");
    }
    printf(as[form], at, plain(r->key_id), plain(r->action), plain(r->month), before, after);
}

enum status audit_list_run(struct keystore *store, int64_t from_ms, int64_t to_ms,
                           enum audit_list_form form, struct err *err)
{
    struct list l = {.n = 0};
    if (!store->ops->bill || !store->ops->bill->audit) {
        return err_set(err, STATUS_NOT_SUPPORTED, "the %s store keeps no audit", store->ops->name);
    }
    enum status st = store->ops->bill->audit(store, from_ms, to_ms, take, &l, err);
    if (l.out_of_memory) {
        st = err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    if (st == STATUS_OK && l.n > 0) {
        qsort(l.row, l.n, sizeof *l.row, order);
    }
    for (size_t i = 0; i < l.n && st == STATUS_OK; i++) {
        print(&l.row[i], form, i == 0);
    }
    if (st == STATUS_OK && form == AUDIT_LIST_JSON) {
        printf(l.n ? "]\n" : "[]\n");
    } else if (st == STATUS_OK && form == AUDIT_LIST_TEXT && l.n == 0) {
        printf("nothing was done by hand in that time\n");
    }
    heap_drop(l.row);
    return st;
}
