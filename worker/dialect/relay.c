#include "worker/dialect/relay.h"

#include <string.h>

const struct scan_limits relay_limits = {
    .depth = 512, .values = 4000000, .keys = 100000, .number_len = 512};

void relay_join_lines(char *p, size_t n)
{
    if (n == 0 || (!memchr(p, '\n', n) && !memchr(p, '\r', n))) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\n' || p[i] == '\r') {
            p[i] = ' ';
        }
    }
}

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
