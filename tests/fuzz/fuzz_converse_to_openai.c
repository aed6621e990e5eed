/* libFuzzer harness: see converse_fuzz.h. The length picks the options. */
#include "tests/fuzz/converse_fuzz.h"
#include "worker/reply/converse_to_openai.h"

static struct reply *make(struct arena *arena, size_t n)
{
    struct converse_names *names = converse_names_new(arena);
    const struct openai_wants wants = {1, n % 2 != 0, n % 4 > 1};
    if (!names || (!wants.legacy && !converse_names_mark(names, STR("f"), CONVERSE_CALL_CUSTOM)))
        abort();
    struct reply *r =
        converse_to_openai_new(arena, STR("gpt-\"x\""), STR("chatcmpl-1"), wants, names);
    if (!r)
        abort();
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *arena = arena_new((size_t)64 << 20);
    struct str text = {(const char *)data, n};
    fuzz_stream(&converse_to_openai_relay, make(arena, n), FUZZ_OPENAI, text);
    fuzz_answer(&converse_to_openai_relay, make(arena, n), arena, text);
    arena_drop(arena);
    return 0;
}
