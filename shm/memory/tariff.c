#include "shm/memory/tariff.h"

#include "shm/catalogue/region.h"
#include "shm/memory/directory.h"

enum prices_source tariff_find(const struct segment *s, struct str id, struct str region,
                               struct prices_tariff *out)
{
    struct price own;
    if (directory_price(s, id, &own) || directory_price(s, region_base(id), &own)) {
        prices_own(id, &own, out);
        return PRICES_STORE;
    }
    return prices_find(id, region, out);
}
