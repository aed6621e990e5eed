#include "shm/store/pricelist.h"

#include "server/base/arena.h"
#include "shm/catalogue/region.h"

static bool on_price(void *ctx, const struct keystore_price *price)
{
    struct pricelist *p = ctx;
    if (!price->active || !price->readable) {
        return true;
    }
    if (p->n == p->room) {
        size_t room = p->room ? 2 * p->room : 64;
        struct keystore_price *more = heap_grow(p->rows, room * sizeof *more);
        p->out_of_memory = !more;
        if (!more) {
            return false;
        }
        p->rows = more;
        p->room = room;
    }
    p->rows[p->n++] = *price;
    return true;
}

enum status pricelist_load(struct pricelist *p, struct keystore *store, struct err *err)
{
    *p = (struct pricelist){.rows = NULL};
    enum status status = keystore_prices(store, on_price, p, err);
    return status == STATUS_OK && p->out_of_memory
               ? err_set(err, STATUS_UNAVAILABLE, "out of memory")
               : status;
}

void pricelist_free(struct pricelist *p)
{
    heap_drop(p->rows);
    *p = (struct pricelist){.rows = NULL};
}

static const struct price *own(const struct pricelist *p, struct str id)
{
    for (size_t i = 0; i < p->n; i++) {
        if (text_eq(id, text_from(p->rows[i].model))) {
            return &p->rows[i].price;
        }
    }
    return NULL;
}

enum prices_source pricelist_find(const struct pricelist *p, struct str id, struct str region,
                                  struct prices_tariff *out)
{
    const struct price *price = own(p, id);
    price = price ? price : own(p, region_base(id));
    if (!price) {
        return prices_find(id, region, out);
    }
    prices_own(id, price, out);
    return PRICES_STORE;
}
