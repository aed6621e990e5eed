#include "worker/dialect/json_wish.h"

#include "server/base/buf.h"
#include "server/json/json.h"

struct str json_wish(struct arena *a, struct str schema)
{
    struct buf b;
    buf_init(&b, schema.n * 6 + 256); /* an escape is six bytes at most */
    buf_printf(&b, "Answer with one JSON %s and nothing else: no code fence, no text around it.",
               schema.n > 0 ? "value" : "object");
    if (schema.n > 0) {
        BUF_LIT(&b, " It must match this JSON Schema:\\n");
        json_escape(&b, schema);
    }
    struct str out = buf_ok(&b) ? arena_dup(a, buf_str(&b)) : (struct str){NULL, 0};
    buf_free(&b);
    return out;
}
