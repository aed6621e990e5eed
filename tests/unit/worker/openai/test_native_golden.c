/* What real clients sent, and what Bedrock's own Responses and Chat Completions get of it:
 *
 *   <case>.in.json    the client's request
 *   <case>.options    the Bedrock model
 *   <case>.out.json   the body, to the byte; or <case>.converse: it goes by Converse
 *   <case>.changes    x-converter-changes; missing: nothing is said
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <glob.h>

#include "tests/unit/golden_file.h"
#include "worker/openai/native_chat.h"
#include "worker/openai/native_responses.h"

static const struct scan_limits limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

struct sent {
    struct buf body, changes;
    bool fits;
};

static void run_responses(const struct scan *s, const struct models_choice *m, struct sent *out)
{
    struct responses_request r;
    struct err err;
    if (responses_read(s, &r, &err) != STATUS_OK)
        fail_msg("%.*s: %s", STR_ARG(s->text), err.text);
    out->fits = native_responses_fits(&r, m);
    if (out->fits)
        assert_int_equal(native_responses_write(&r, m, &out->body, &out->changes, &err), STATUS_OK);
}

static void run_chat(const struct scan *s, const struct models_choice *m, struct sent *out)
{
    struct chat_request r;
    struct err err;
    if (chat_read(s, &r, &err) != STATUS_OK)
        fail_msg("%.*s: %s", STR_ARG(s->text), err.text);
    out->fits = native_chat_fits(&r, m);
    if (out->fits)
        assert_int_equal(native_chat_write(&r, m, &out->body, &out->changes, &err), STATUS_OK);
}

static void compare(const char *stem, const struct sent *sent)
{
    struct str out = golden_read(stem, ".out.json"), changes = golden_read(stem, ".changes");
    struct str converse = golden_read(stem, ".converse");
    if (sent->fits != !converse.p)
        fail_msg("%s: goes %s", stem, sent->fits ? "there" : "by Converse");
    if (sent->fits && !text_eq(buf_str(&sent->body), out))
        fail_msg("%s: got\n%.*s", stem, STR_ARG(buf_str(&sent->body)));
    if (!text_eq(buf_str(&sent->changes), changes))
        fail_msg("%s: changes '%.*s'", stem, STR_ARG(buf_str(&sent->changes)));
    golden_drop(out);
    golden_drop(changes);
    golden_drop(converse);
}

static void check(const char *in_path, void (*run)(const struct scan *s,
                                                   const struct models_choice *m, struct sent *out))
{
    char stem[260];
    struct models_caps room;
    struct scan s;
    struct sent sent = {.fits = false};
    struct arena *arena = arena_new((size_t)64 << 20);
    text_copy(text_sub(text_from(in_path), 0, strlen(in_path) - strlen(".in.json")), stem,
              sizeof stem);
    struct str in = golden_read(stem, ".in.json"), model = golden_read(stem, ".options");
    assert_true(in.p && model.p);
    buf_init(&sent.body, GOLDEN_FILE_MAX);
    buf_init(&sent.changes, 10000);
    assert_int_equal(scan_parse(&s, arena, in, &limits, NULL), STATUS_OK);
    struct models_choice choice = {.id = model, .caps = models_caps(model, &room)};
    run(&s, &choice, &sent);
    compare(stem, &sent);
    buf_free(&sent.body);
    buf_free(&sent.changes);
    golden_drop(in);
    golden_drop(model);
    arena_drop(arena);
}

static void check_all(const char *pattern, size_t least,
                      void (*run)(const struct scan *s, const struct models_choice *m,
                                  struct sent *out))
{
    glob_t found;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= least);
    for (size_t i = 0; i < found.gl_pathc; i++)
        check(found.gl_pathv[i], run);
    globfree(&found);
}

static void test_golden_responses_match(void **state)
{
    (void)state;
    check_all("tests/golden/native_responses/*.in.json", 13, run_responses);
}

static void test_golden_chats_match(void **state)
{
    (void)state;
    check_all("tests/golden/native_chat/*.in.json", 12, run_chat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_responses_match),
        cmocka_unit_test(test_golden_chats_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
