/* libFuzzer harness of openai_to_converse.c; see fuzz_converse.h. */
#include "tests/fuzz/fuzz_converse.h"

static enum status convert(struct fuzz_case *c)
{
    struct chat_request r;
    bool retold;
    enum status st = chat_read(&c->scan, &r, &c->err);
    if (st != STATUS_OK)
        return st;
    return openai_to_converse(&r, &c->options, c->names, &c->body, &c->changes, &retold, &c->err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_one(data, n, convert);
}
