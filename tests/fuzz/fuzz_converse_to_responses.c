/* libFuzzer harness: see converse_fuzz.h. The length picks the options. */
#include "tests/fuzz/converse_fuzz.h"
#include "worker/reply/converse_to_responses.h"

static const struct sealer sealer = {.key = "a key", .bound = {"m", 1}};

/* Calls of "f" are of every kind in turn. */
static struct reply *make(struct arena *arena, size_t n)
{
    struct converse_names *names = converse_names_new(arena);
    const struct responses_wants wants = {.created_s = 1,
                                          .shows_summary = n & 1,
                                          .wants_encrypted = n & 2,
                                          .sealer = n & 4 ? NULL : &sealer};
    if (!names || !converse_names_mark(names, STR("f"), (enum converse_call)(n / 8 % 4)))
        abort();
    struct reply *r =
        converse_to_responses_new(arena, STR("gpt-\"x\""), STR("resp_1"), &wants, names);
    if (!r)
        abort();
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *arena = arena_new((size_t)64 << 20);
    struct str text = {(const char *)data, n};
    fuzz_stream(&converse_to_responses_relay, make(arena, n), FUZZ_RESPONSES, text);
    fuzz_answer(&converse_to_responses_relay, make(arena, n), arena, text);
    arena_drop(arena);
    return 0;
}
