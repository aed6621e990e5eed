#include "worker/dialect/json_wish.h"

#include "server/base/buf.h"
#include "server/json/json.h"

static struct str keep(struct arena *a, struct buf *b)
{
    struct str out = buf_ok(b) ? arena_dup(a, buf_str(b)) : (struct str){NULL, 0};
    buf_free(b);
    return out;
}

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
    return keep(a, &b);
}

struct str json_wish_call(struct arena *a, struct str name)
{
    struct buf b;
    buf_init(&b, name.n * 6 + 128);
    BUF_LIT(&b, "Answer with a call of ");
    if (name.n > 0) {
        BUF_LIT(&b, "the tool \\\"");
        json_escape(&b, name);
        BUF_LIT(&b, "\\\"");
    } else {
        BUF_LIT(&b, "one of the tools");
    }
    BUF_LIT(&b, ", not with text.");
    return keep(a, &b);
}
