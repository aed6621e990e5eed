/*
 * converse_fuzz.h - what both harnesses of the answers out of Converse do. The input is what a
 * golden
 * ".in.events" file holds, one "<type> <json>" a line, so those files are the corpus to start from;
 * the same bytes are also read as a whole answer. Checked besides memory safety: a stream is legal
 * at every point where it may stop, and complete when its end says so; an answer that is taken is
 * JSON.
 */
#ifndef TESTS_FUZZ_CONVERSE_FUZZ_H
#define TESTS_FUZZ_CONVERSE_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/responses_grammar.h"
#include "tests/unit/sse_grammar.h"
#include "worker/dialect/relay.h"
#include "worker/reply/converse_to_responses.h"

#define OUT_MAX    ((size_t)64 << 20)
#define EVENTS_MAX (SSE_BLOCKS - 4) /* each may open a block, and the checker holds no more */

static void fuzz_complain(const char *wrong, struct str out)
{
    fprintf(stderr, "%s in\n%.*s\n", wrong, STR_ARG(out));
    abort();
}

enum fuzz_dialect { FUZZ_OPENAI, FUZZ_ANTHROPIC, FUZZ_RESPONSES };

static void fuzz_stream(const struct relay *relay, struct reply *reply, enum fuzz_dialect dialect,
                        struct str lines)
{
    struct str line, type;
    struct buf out;
    struct err err;
    enum status st = STATUS_OK;
    buf_init(&out, OUT_MAX);
    for (int n = 0; n < EVENTS_MAX && st == STATUS_OK && text_split(&lines, '\n', &line); n++) {
        struct str payload = line;
        text_split(&payload, ' ', &type);
        st = relay->event(reply, type, payload, &out, &err);
    }
    if (st == STATUS_OK)
        st = relay->end(reply, &out, &err);
    if (dialect == FUZZ_RESPONSES && st != STATUS_OK) /* a whole stream all the same */
        converse_to_responses_fail(reply, STR("server_error"), STR("it broke"), &out);
    const char *wrong =
        dialect == FUZZ_RESPONSES
            ? responses_grammar(buf_str(&out), true)
            : sse_grammar(buf_str(&out), dialect == FUZZ_ANTHROPIC, st == STATUS_OK);
    if (wrong)
        fuzz_complain(wrong, buf_str(&out));
    if (reply->stopped != (st == STATUS_OK))
        fuzz_complain("stopped is wrong", buf_str(&out));
    buf_free(&out);
}

static void fuzz_answer(const struct relay *relay, struct reply *reply, struct arena *arena,
                        struct str body)
{
    struct scan s;
    struct buf out;
    struct err err;
    buf_init(&out, OUT_MAX);
    if (relay->whole(reply, arena, body, &out, &err) == STATUS_OK &&
        scan_parse(&s, arena, buf_str(&out), &sse_limits, &err) != STATUS_OK)
        fuzz_complain(err.text, buf_str(&out));
    buf_free(&out);
}

#endif
