/* libFuzzer harness: see converse_fuzz.h. */
#include "tests/fuzz/converse_fuzz.h"
#include "worker/reply/converse_to_anthropic.h"

static struct reply *make(struct arena *arena)
{
    struct reply *r = converse_to_anthropic_new(arena, STR("claude-\"x\""), STR("msg_1"), NULL);
    if (!r)
        abort();
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *arena = arena_new((size_t)64 << 20);
    struct str text = {(const char *)data, n};
    fuzz_stream(&converse_to_anthropic_relay, make(arena), FUZZ_ANTHROPIC, text);
    fuzz_answer(&converse_to_anthropic_relay, make(arena), arena, text);
    arena_drop(arena);
    return 0;
}
