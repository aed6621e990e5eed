/* libFuzzer harness of responses_to_converse.c; see fuzz_converse.h. The second byte also says whether there is a key to
 * open sealed thoughts with. */
#include "tests/fuzz/fuzz_converse.h"
#include "worker/converse/responses_to_converse.h"

static enum status convert(struct fuzz_case *c)
{
    struct responses_request r;
    struct plan plan;
    struct sealer sealer = {.bound = c->model.id};
    enum status st = responses_read(&c->scan, &r, &c->err);
    if (st == STATUS_OK)
        st = plan_make(&plan, &r.wish, &c->options, c->scan.arena, &c->changes, &c->err);
    return st == STATUS_OK
               ? responses_to_converse(&r, &plan, c->names,
                                       c->options.strict_fields ? NULL : &sealer, &c->body, &c->err)
               : st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_one(data, n, convert);
}
