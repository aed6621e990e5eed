/* What Bedrock's own Responses and Chat Completions answer, and what a client gets of it: whole (.json) and streamed
 * (.events, to the byte, however it is cut). Behind a stream's events, and a whole answer, a line with what was
 * read. An id that was made here becomes "call_a###...", another one "call_b###...". */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <glob.h>

#include "tests/unit/golden_file.h"
#include "worker/reply/native_output.h"
#include "worker/reply/native_reply.h"
#include "worker/reply/sse.h"

#define CLIENT "client's \"name\""

struct way {
    const char *folder;
    const struct relay *relay;
    struct reply *(*fresh)(struct arena *arena, struct str name);
};

static struct reply *fresh_output(struct arena *arena, struct str name)
{
    const struct responses_echo echo = {.metadata = STR("{\"team\":\"a\"}"),
                                        .user = STR("\"u-1\"")};
    (void)name;
    return native_output_new(arena, STR(CLIENT), &echo);
}

static struct reply *fresh_chat(struct arena *arena, struct str name)
{
    size_t at;
    return native_chat_new(arena, STR(CLIENT), true, text_find(name, STR("_oss"), &at));
}

static const struct way responses = {"native_output", &native_output_relay, fresh_output},
                        chat = {"native_reply", &native_chat_relay, fresh_chat};

/* Ids that were made here are random. */
static void mark_ids(struct buf *out)
{
    struct str id = STR("\"call_");
    char seen[8][24];
    size_t known = 0, at, from = 0;
    while (text_find(text_sub(buf_str(out), from, buf_len(out)), id, &at)) {
        from += at + id.n;
        struct str word = text_sub(buf_str(out), from, 24);
        size_t k = 0;
        if (word.n < 24 || !text_only_of(word, "") ||
            text_sub(buf_str(out), from + 24, 1).p[0] != '"')
            continue;
        while (k < known && memcmp(seen[k], word.p, 24) != 0)
            k++;
        assert_true(k < 8);
        if (k == known)
            memcpy(seen[known++], word.p, 24);
        memset(buf_data(out) + from, '#', 24);
        buf_data(out)[from] = (char)('a' + k);
    }
}

static void tell(const struct reply *r, struct buf *out)
{
    const struct tokens *t = &r->usage.tokens;
    mark_ids(out);
    buf_printf(out, "\n: %s %llu output %llu read %llu write %llu thinking %llu stop '%s'%s\n",
               r->usage.seen ? "input" : "untold input", (unsigned long long)t->input,
               (unsigned long long)t->output, (unsigned long long)t->cache_read,
               (unsigned long long)tokens_written(t), (unsigned long long)r->thinking,
               r->stop_reason, r->stopped ? " stopped" : "");
}

/* In pieces of so many bytes. */
static void stream(const struct way *w, struct str name, struct str in, size_t piece,
                   struct buf *out)
{
    struct arena *arena = arena_new((size_t)8 << 20);
    struct reply *r = w->fresh(arena, name);
    struct sse s;
    struct eventstream_frame f;
    struct err err = {.code = STATUS_OK};
    sse_init(&s, 1 << 20);
    for (size_t at = 0; at < in.n; at += piece) {
        struct str bytes = text_sub(in, at, piece);
        while (sse_next(&s, &bytes, &f, &err) == EVENTSTREAM_FRAME)
            if (w->relay->event(r, f.type, f.payload, out, &err) != STATUS_OK)
                fail_msg("%.*s: %s", STR_ARG(name), err.text);
    }
    assert_int_equal(w->relay->end(r, out, &err), STATUS_OK);
    tell(r, out);
    sse_free(&s);
    arena_drop(arena);
}

static void whole(const struct way *w, struct str name, struct str in, struct buf *out)
{
    struct arena *arena = arena_new((size_t)8 << 20);
    struct reply *r = w->fresh(arena, name);
    struct err err = {.code = STATUS_OK};
    if (w->relay->whole(r, arena, in, out, &err) != STATUS_OK)
        fail_msg("%.*s: %s", STR_ARG(name), err.text);
    tell(r, out);
    arena_drop(arena);
}

static void compare(const char *stem, const char *ending, const struct buf *out)
{
    char path[40];
    snprintf(path, sizeof path, ".out.%s", ending);
    struct str want = golden_read(stem, path), got = buf_str(out);
    while (got.n > 0 && got.p[got.n - 1] == '\n')
        got.n--;
    if (!text_eq(got, want))
        fail_msg("%s.%s: got\n%.*s", stem, ending, STR_ARG(got));
    golden_drop(want);
}

static void check(const struct way *w, const char *path, const char *ending)
{
    static const size_t pieces[] = {1, 7, (size_t)1 << 20};
    char stem[260], in_ending[40];
    snprintf(in_ending, sizeof in_ending, ".in.%s", ending);
    text_copy(text_sub(text_from(path), 0, strlen(path) - strlen(in_ending)), stem, sizeof stem);
    bool events = strcmp(ending, "events") == 0;
    struct str in = golden_read(stem, in_ending);
    char *text = heap_new(in.n + 2); /* a stream ends with its blank line */
    memcpy(text, in.p, in.n);
    memcpy(text + in.n, "\n\n", 2);
    for (size_t i = 0; i < (events ? COUNT_OF(pieces) : 1); i++) {
        struct buf out;
        buf_init(&out, GOLDEN_FILE_MAX);
        if (events)
            stream(w, text_from(stem), (struct str){text, in.n + 2}, pieces[i], &out);
        else
            whole(w, text_from(stem), in, &out);
        compare(stem, ending, &out);
        buf_free(&out);
    }
    heap_drop(text);
    golden_drop(in);
}

static void check_all(const struct way *w, const char *ending, size_t least)
{
    char pattern[200];
    glob_t found;
    snprintf(pattern, sizeof pattern, "tests/golden/%s/*.in.%s", w->folder, ending);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= least);
    for (size_t i = 0; i < found.gl_pathc; i++)
        check(w, found.gl_pathv[i], ending);
    globfree(&found);
}

static void test_golden_streams_match(void **state)
{
    (void)state;
    check_all(&responses, "events", 5);
    check_all(&chat, "events", 5);
}

static void test_golden_answers_match(void **state)
{
    (void)state;
    check_all(&responses, "json", 3);
    check_all(&chat, "json", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_streams_match),
        cmocka_unit_test(test_golden_answers_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
