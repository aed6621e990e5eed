/* libFuzzer harness of openai_to_converse.c; see fuzz_converse.h. */
#include "tests/fuzz/fuzz_converse.h"

static enum status convert(struct fuzz_case *c)
{
    struct chat_request r;
    struct plan plan;
    enum status st = chat_read(&c->scan, &r, &c->err);
    if (st == STATUS_OK)
        st = plan_make(&plan, &r.wish, &c->options, c->scan.arena, &c->changes, &c->err);
    return st == STATUS_OK ? openai_to_converse(&r, &plan, c->names, &c->body, &c->err) : st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_one(data, n, convert);
}
