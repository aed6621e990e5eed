#include "shm/catalogue/nickname.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <time.h>
#include <cmocka.h>

static const struct {
    const char *name, *id; /* NULL: of no row */
} finds[] = {
    {"nova-pro", "amazon.nova-pro-v1:0"},
    {"Nova Pro", "amazon.nova-pro-v1:0"},
    {"amazon/nova-pro", "amazon.nova-pro-v1:0"},
    {"nova-2-lite", "amazon.nova-2-lite-v1:0"},
    {"nova-lite", "amazon.nova-lite-v1:0"},
    {"gpt-oss-120b", "openai.gpt-oss-120b-1:0"},
    {"openai/gpt-oss-120b", "openai.gpt-oss-120b-1:0"},
    {"gpt-oss", NULL},
    {"gpt-5.6-sol", "openai.gpt-5.6-sol"},
    {"gpt-6-sol", "openai.gpt-6-sol"},
    {"gpt-5", NULL},
    {"claude-sonnet-4.5", "anthropic.claude-sonnet-4-5-20250929-v1:0"},
    {"claude-4.5-sonnet", "anthropic.claude-sonnet-4-5-20250929-v1:0"},
    {"Claude Sonnet 4.5", "anthropic.claude-sonnet-4-5-20250929-v1:0"},
    {"anthropic/claude-sonnet-4.5", "anthropic.claude-sonnet-4-5-20250929-v1:0"},
    {"openrouter/anthropic/claude-opus-4.8", "anthropic.claude-opus-4-8"},
    {"anthropic/claude-opus-4-8", "anthropic.claude-opus-4-8"},
    {"google/claude-opus-4-8", NULL},
    {"openai/gpt-4o", NULL}, /* our alias is a Claude */
    {"claude-opus-4", "anthropic.claude-opus-4-20250514-v1:0"},
    {"claude-3.5-sonnet", "anthropic.claude-3-5-sonnet-20241022-v2:0"}, /* retired: a 404 */
    {"claude-3-7-sonnet", "anthropic.claude-3-7-sonnet-20250219-v1:0"},
    {"claude-haiku-4", NULL},
    {"sonnet", "anthropic.claude-sonnet-5-5"},
    {"sonnet-4.5", "anthropic.claude-sonnet-4-5-20250929-v1:0"},
    {"opus-4.1", "anthropic.claude-opus-4-1-20250805-v1:0"},
    {"claude", NULL},
    {"claude-opus-41", NULL},
    {"grok-4", NULL},
    {"x-ai/grok-4.7", "xai.grok-4.7"},
    {"z-ai/glm-5", "zai.glm-5"},
    {"glm-4.7", "zai.glm-4.7"},
    {"glm-4.7-flash", "zai.glm-4.7-flash"},
    {"meta-llama/llama-3.3-70b-instruct", "meta.llama3-3-70b-instruct-v1:0"},
    {"llama-3.3", "meta.llama3-3-70b-instruct-v1:0"},
    {"llama-3.1", NULL},
    {"llama4-scout", "meta.llama4-scout-17b-instruct-v1:0"},
    {"mistral-large-3", "mistral.mistral-large-3-675b-instruct"},
    {"mistral-large", NULL},
    {"mistral-large-2407", "mistral.mistral-large-2407-v1:0"},
    {"mistralai/pixtral-large", "mistral.pixtral-large-2502-v1:0"},
    {"deepseek-r1", "deepseek.r1-v1:0"},
    {"deepseek-v3.2", "deepseek.v3.2"},
    {"DeepSeek V3.1", "deepseek.v3-v1:0"},
    {"moonshotai/kimi-k2.5", "moonshotai.kimi-k2.5"},
    {"minimax-m2", "minimax.minimax-m2"},
    {"qwen3-next", "qwen.qwen3-next-80b-a3b"},
    {"qwen3", NULL},
    {"palmyra-x5", "writer.palmyra-x5-v1:0"},
    {"palmyra", NULL}, /* not palmyra-vision because its name has no number */
    {"jamba", NULL},
    {"mixtral", "mistral.mixtral-8x7b-instruct-v0:1"},
    {"pixtral", "mistral.pixtral-large-2502-v1:0"},
    {"", NULL},
    {"/", NULL},
    {"-", NULL},
    {"instruct", NULL},
    {"4.5", NULL},
    {"nova-pr\xc3\xb6", NULL},
};

static void test_find_by_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(finds); i++) {
        const struct catalogue_row *row = nickname_find(text_from(finds[i].name));
        const char *got = row ? catalogue_text(row, CATALOGUE_ID).p : NULL;
        if (got ? !finds[i].id || strcmp(got, finds[i].id) != 0 : finds[i].id != NULL)
            fail_msg("%s: %s, want %s", finds[i].name, got ? got : "none",
                     finds[i].id ? finds[i].id : "none");
    }
}

/* By its name for people each row is found, or one that people call the same. */
static void test_find_never_leads_astray(void **state)
{
    const struct catalogue *t = catalogue_now();
    uint32_t found = 0, of = 0;
    (void)state;
    for (uint32_t i = 0; i < t->rows; i++) {
        struct str id = catalogue_text(&t->row[i], CATALOGUE_ID);
        struct str name = catalogue_text(&t->row[i], CATALOGUE_NAME);
        const struct catalogue_row *row = name.n ? nickname_find(name) : NULL;
        if (row && row != &t->row[i] && !text_eq(catalogue_text(row, CATALOGUE_NAME), name))
            fail_msg("%s: %s", id.p, catalogue_text(row, CATALOGUE_ID).p);
        found += row == &t->row[i];
        of += name.n > 0;
    }
    assert_true(found * 10 > of * 9);
    printf("nicknames: %u of %u names find their row\n", found, of);
}

static void test_nearest_is_what_was_meant(void **state)
{
    static const struct {
        const char *name, *nearest; /* "": none */
    } rows[] = {
        {"claude-opus-4-9", "claude-opus-4-8"},
        {"clause-sonnet-4-5", "claude-sonnet-4-5"},
        {"claude-sonet-5.5", "claude-sonnet-5-5"},
        {"nova-prp", "nova-pro"},
        {"gpt-oss-120", "gpt-oss-120b"},
        {"mistral-large", "mistral-large-3-675b-instruct"},
        {"anthropic/claude-opus-5-6", "claude-opus-5-5"},
        {"claude-4", ""}, /* no claude-v2 */
        {"kimi-k2-thinking", "moonshotai.kimi-k2-thinking"},
        {"gemini-2.5-pro", ""},
        {"", ""},
        {"x", ""},
        {"something-else-entirely", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str got = nickname_nearest(text_from(rows[i].name));
        if (!text_eq(got, text_from(rows[i].nearest)))
            fail_msg("%s: '%.*s', want '%s'", rows[i].name, STR_ARG(got), rows[i].nearest);
    }
}

/* Any bytes of any length: nothing is read or written beside them. */
static void test_any_bytes_are_safe(void **state)
{
    char text[300];
    (void)state;
    for (size_t n = 0; n <= sizeof text; n++) {
        for (size_t i = 0; i < n; i++)
            text[i] = (char)("4-a.B/\xff\0"[(i * 7 + n * 3) % 8]);
        (void)nickname_find((struct str){text, n});
        (void)nickname_nearest((struct str){text, n});
    }
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void test_both_are_fast_enough(void **state)
{
    (void)state;
    double a = now_us();
    for (int i = 0; i < 100; i++)
        (void)nickname_find(STR("claude-4.9-sonnet")); /* nothing: what is found is remembered */
    double b = now_us();
    for (int i = 0; i < 100; i++)
        (void)nickname_nearest(STR("some-name-of-usual-length"));
    double c = now_us();
    printf("nickname_find: %.0f us, nickname_nearest: %.0f us\n", (b - a) / 100, (c - b) / 100);
    assert_true((c - a) / 200 < 20000); /* a turn of the loop, under any sanitizer */
}

/* What was found is remembered, but not beyond the table that it was found in. */
static void test_find_follows_the_table(void **state)
{
    char path[] = "/tmp/test_nickname_XXXXXX";
    static const char text[] = "id\tname\nacme.zork-9\tZork 9\n";
    struct err err;
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0 && write(fd, text, sizeof text - 1) == (ssize_t)sizeof text - 1);
    close(fd);
    for (int i = 0; i < 2; i++) {
        assert_null(nickname_find(STR("zork-9")));
        assert_int_equal(catalogue_load(path, &err), STATUS_OK);
        for (int k = 0; k < 2; k++) {
            const struct catalogue_row *row = nickname_find(STR("zork-9"));
            assert_non_null(row);
            assert_true(text_eq(catalogue_text(row, CATALOGUE_ID), STR("acme.zork-9")));
        }
        assert_int_equal(catalogue_load(NULL, &err), STATUS_OK);
        assert_int_equal(catalogue_load(NULL, &err), STATUS_OK); /* in the same room again */
    }
    unlink(path);
}

/* Whoever sends what was told gets that very model, or is told of the model that it was. */
static void test_nearest_is_of_use(void **state)
{
    const struct catalogue *t = catalogue_now();
    size_t told = 0;
    (void)state;
    for (uint32_t i = 0; i < t->rows; i++) {
        struct str id = catalogue_text(&t->row[i], CATALOGUE_ID);
        for (size_t n = 3; n < id.n; n++) {
            for (size_t from = 0; from + n <= id.n; from += 1 + id.n / 4) {
                struct str near = nickname_nearest(text_sub(id, from, n));
                told += near.n > 0;
                if (near.n && !nickname_find(near) &&
                    !catalogue_is_exact(catalogue_find(near), near)) {
                    fail_msg("%.*s: told of '%.*s', which is nothing", (int)n, id.p + from,
                             STR_ARG(near));
                }
            }
        }
    }
    assert_true(told > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_by_rule),
        cmocka_unit_test(test_find_never_leads_astray),
        cmocka_unit_test(test_nearest_is_what_was_meant),
        cmocka_unit_test(test_nearest_is_of_use),
        cmocka_unit_test(test_find_follows_the_table),
        cmocka_unit_test(test_any_bytes_are_safe),
        cmocka_unit_test(test_both_are_fast_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
