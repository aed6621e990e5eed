#include "worker/dialect/relay.h"

enum status relay_end(struct reply *r, struct buf *out, struct err *err)
{
    (void)out;
    return r->stopped || r->failed
               ? STATUS_OK
               : err_set(err, STATUS_UPSTREAM, "the model's stream ended before its last event");
}

void relay_fail(struct reply *r, struct str code, struct str text)
{
    text_copy(code, r->error.code, sizeof r->error.code);
    text_copy(text, r->error.text, sizeof r->error.text);
}
