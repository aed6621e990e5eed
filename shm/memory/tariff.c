#include "shm/memory/tariff.h"

#include "shm/memory/directory.h"

enum prices_source tariff_find(const struct segment *s, struct str id, struct price *out)
{
    if (directory_price(s, id, out) || directory_price(s, prices_base(id), out)) {
        return PRICES_STORE;
    }
    return prices_find(id, out);
}
