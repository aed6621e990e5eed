/*
 * fuzz_connection.c - libFuzzer: a whole worker in a world that follows the input, which is a
 * script (connection/script.h). What must be true of every run: connection/world.h.
 *
 * CONNECTION_TRACE=1 with one input prints what happens, line by line.
 */
#include "tests/fuzz/connection/chance.h"
#include "tests/fuzz/connection/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t max, unsigned seed);

const char *__asan_default_options(void);

/* What is freed stays forbidden for 16 MB, which is dozens of runs: more costs a page fault each.
 */
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=16:malloc_context_size=12";
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    world_init();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world_run((struct str){(const char *)data, size});
    return 0;
}

static size_t print(const struct script *s, uint8_t *out, size_t max)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    script_print(s, &text);
    size_t n = buf_len(&text) < max ? buf_len(&text) : max;
    if (n > 0)
        memcpy(out, buf_data(&text), n);
    buf_free(&text);
    return n;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    static struct script s;
    struct chance chance = {.state = seed, .bytes = LLVMFuzzerMutate};
    script_read(&s, (struct str){(const char *)data, size});
    if (s.n == 0 || chance_roll(&chance, 50) == 0)
        chance_invent(&chance, &s);
    else
        chance_change(&chance, &s);
    return print(&s, data, max);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t max, unsigned seed)
{
    static struct script s, other;
    struct chance chance = {.state = seed};
    script_read(&s, (struct str){(const char *)a, a_size});
    script_read(&other, (struct str){(const char *)b, b_size});
    chance_cross(&chance, &s, &other);
    return print(&s, out, max);
}
