#include "worker/model/tariffs.h"

#include "shm/catalogue/catalogue.h"
#include "shm/memory/directory.h"

static bool holds(const struct tariffs_row *row, uint64_t prices, uint32_t table, struct str id,
                  struct str region)
{
    return row->prices == prices && row->table == table && row->id_n > 0 &&
           text_eq((struct str){row->id, row->id_n}, id) && text_eq(row->region, region);
}

enum prices_source tariffs_find(struct tariffs *t, const struct segment *s, struct str id,
                                struct str region, struct prices_tariff *out)
{
    /* Before the look: what changes meanwhile is noticed by the next one. */
    uint64_t prices = directory_generation(s);
    uint32_t table = catalogue_edition();
    struct tariffs_row *row = &t->row[(text_hash(id) ^ text_hash(region)) % TARIFFS_ROWS];
    if (holds(row, prices, table, id, region)) {
        *out = row->tariff;
        return row->source;
    }
    enum prices_source source = tariff_find(s, id, region, out);
    if (id.n < TARIFFS_ID) {
        *row = (struct tariffs_row){.prices = prices,
                                    .table = table,
                                    .id_n = (uint32_t)id.n,
                                    .region = region,
                                    .tariff = *out,
                                    .source = source};
        text_copy(id, row->id, sizeof row->id);
    }
    return source;
}
