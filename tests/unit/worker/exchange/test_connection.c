/*
 * test_connection.c - a short run of the connection fuzzer without libFuzzer: its seeds (each a
 * fault of the past, or a good life), every state of a connection with everything that may happen
 * to it there, and scripts by chance. What must be true of each: tests/fuzz/connection/world.h. A
 * failure prints the script.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/fuzz/connection/chance.h"
#include "tests/fuzz/connection/world.h"

#define SEEDS "tests/fuzz/seeds/connection"

enum { BY_CHANCE = 1500 };

static void run(const struct script *s)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    script_print(s, &text);
    world_run(buf_str(&text));
    buf_free(&text);
}

static int is_seed(const struct dirent *entry)
{
    return text_ends(text_from(entry->d_name), STR(".txt"));
}

static void test_seeds_hold(void **state)
{
    (void)state;
    struct dirent **seeds;
    int n = scandir(SEEDS, &seeds, is_seed, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        static char text[1 << 16];
        char path[512];
        snprintf(path, sizeof path, SEEDS "/%s", seeds[i]->d_name);
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        size_t size = fread(text, 1, sizeof text, f);
        fclose(f);
        world_run((struct str){text, size});
        free(seeds[i]);
    }
    free(seeds);
}

/* Under each of the settings in turn, and each way to end. */
static void test_every_state_and_event_hold(void **state)
{
    (void)state;
    static struct script s;
    uint32_t turn = 0;
    for (uint32_t i = 0; i < chance_states(); i++)
        for (uint32_t j = 0; j < 2 * chance_events(); j++) {
            chance_scene(&s, i, j / 2, j % 2);
            s.line[s.n++] = (struct script_line){.op = SCRIPT_END, .arg = {turn++ % 6}};
            run(&s);
        }
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    uint64_t value;
    return text_u64(text_from(getenv(name)), &value) ? value : otherwise;
}

static void test_scripts_by_chance_hold(void **state)
{
    (void)state;
    static struct script s;
    uint64_t first = number_from("CONNECTION_FIRST", 0);
    uint64_t end = first + number_from("CONNECTION_SCRIPTS", BY_CHANCE);
    for (uint64_t i = first; i < end; i++) {
        struct chance chance = {.state = i};
        chance_invent(&chance, &s);
        run(&s);
    }
}

static int set_up(void **state)
{
    (void)state;
    world_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds_hold),
        cmocka_unit_test(test_every_state_and_event_hold),
        cmocka_unit_test(test_scripts_by_chance_hold),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
