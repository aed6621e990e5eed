#include "server/http/forwarded.h"

#include "server/config/network.h"

/* From its end: takes the last piece off *list. */
static bool take_last(struct str *list, struct str *piece_out)
{
    size_t from = list->n;
    if (!list->p || !list->n) {
        return false;
    }
    while (from && list->p[from - 1] != ',') {
        from--;
    }
    *piece_out = text_sub(*list, from, list->n);
    list->n = from ? from - 1 : 0;
    return true;
}

struct str forwarded_client(struct str proxies, struct str peer, const struct http_request *r)
{
    struct str client = {NULL, 0}, piece;
    if (!proxies.n || !network_holds(proxies, network_address(peer))) {
        return client;
    }
    for (size_t i = r->header_count; i-- > 0;) {
        struct str list = r->headers[i].value;
        if (!text_ieq(r->headers[i].name, STR("x-forwarded-for"))) {
            continue;
        }
        while (take_last(&list, &piece)) {
            struct str address = network_address(piece);
            if (!address.n) {
                return client; /* what stands before is of nobody that is known */
            }
            client = address;
            if (!network_holds(proxies, address)) {
                return client;
            }
        }
    }
    return client;
}
