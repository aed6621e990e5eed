#include "worker/model/model_chain.h"

struct str model_chain_take(struct str *rest)
{
    struct str link = {NULL, 0};
    return text_split(rest, ',', &link) ? text_trim(link) : link;
}

/* Is the n-th link one of those before it? */
static bool is_again(struct str chain, struct str link, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (text_eq(model_chain_take(&chain), link)) {
            return true;
        }
    }
    return false;
}

bool model_chain_check(struct str ids, bool (*fn)(const void *ctx, struct str id), const void *ctx)
{
    struct str rest = ids;
    bool ok = ids.n > 0;
    for (uint32_t n = 0; ok && rest.p; n++) {
        struct str id = model_chain_take(&rest);
        ok = n < MODEL_CHAIN_MAX && !is_again(ids, id, n) && fn(ctx, id);
    }
    return ok;
}
