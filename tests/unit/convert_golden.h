/*
 * convert_golden.h - for tests: golden pairs of the request converters to Converse.
 *
 *   <case>.in.json    the client's request
 *   <case>.options    first line: the Bedrock model; further lines: "strict", "betas <list>",
 *                     "tier <name>", "guardrail <words>", "project <id>", "metadata <object>"
 *   <case>.out.json   the Converse body, to the byte; or <case>.error: the text of the refusal
 *   <case>.changes    x-converter-changes; missing: nothing was changed
 */
#ifndef TESTS_UNIT_CONVERT_GOLDEN_H
#define TESTS_UNIT_CONVERT_GOLDEN_H

#include <glob.h>

#include "tests/unit/convert_case.h"
#include "tests/unit/golden_file.h"

static struct convert_options golden_options(struct str file)
{
    struct convert_options o = {0};
    struct str line;
    text_split(&file, '\n', &o.model);
    while (file.n > 0 && text_split(&file, '\n', &line)) {
        o.strict = o.strict || text_eq(line, STR("strict"));
        if (text_starts(line, STR("betas ")))
            o.betas = text_sub(line, 6, line.n);
        if (text_starts(line, STR("tier ")))
            (void)tier_find(text_sub(line, 5, line.n), &o.tier);
        if (text_starts(line, STR("guardrail ")))
            (void)bedrock_terms_guardrail(text_sub(line, 10, line.n), &o.terms.guardrail);
        if (text_starts(line, STR("project ")))
            o.terms.project = text_sub(line, 8, line.n);
        if (text_starts(line, STR("metadata ")))
            o.terms.metadata = text_sub(line, 9, line.n);
    }
    return o;
}

static void golden_compare(const char *stem, struct convert_case *c)
{
    struct str out = golden_read(stem, ".out.json"), error = golden_read(stem, ".error");
    struct str changes = golden_read(stem, ".changes"), body = buf_str(&c->body);
    char why[400];
    if (error.p && (c->status == STATUS_OK || !text_eq(text_from(c->err.text), error)))
        fail_msg("%s: status %d, text '%s'", stem, c->status, c->err.text);
    if (error.p && !err_param_fits(&c->err))
        fail_msg("%s: parameter '%s' of '%s'", stem, c->err.param, c->err.text);
    if (!error.p && (c->status != STATUS_OK || !text_eq(body, out)))
        fail_msg("%s: status %d, text '%s', got\n%.*s", stem, c->status, c->err.text,
                 STR_ARG(body));
    if (!error.p && !convert_case_is_legal(c, why, sizeof why))
        fail_msg("%s: %s in\n%.*s", stem, why, STR_ARG(body));
    if (!error.p && !text_eq(buf_str(&c->changes), changes))
        fail_msg("%s: changes '%.*s'", stem, STR_ARG(buf_str(&c->changes)));
    size_t at;
    if (!error.p && c->whole_upstream != text_find(changes, STR("map:stream"), &at))
        fail_msg("%s: a stream is retold, or not, but its note says otherwise", stem);
    golden_drop(out);
    golden_drop(error);
    golden_drop(changes);
}

static void golden_check(enum dialect dialect, const char *in_path)
{
    char stem[260];
    struct convert_case c;
    text_copy(text_sub(text_from(in_path), 0, strlen(in_path) - strlen(".in.json")), stem,
              sizeof stem);
    struct str in = golden_read(stem, ".in.json"), options = golden_read(stem, ".options");
    assert_true(in.p && options.p);
    convert_case_run(&c, dialect, golden_options(options), in);
    golden_compare(stem, &c);
    convert_case_free(&c);
    golden_drop(in);
    golden_drop(options);
}

static void golden_check_all(enum dialect dialect, const char *folder, size_t least)
{
    char pattern[200];
    glob_t found;
    snprintf(pattern, sizeof pattern, "tests/golden/%s/*.in.json", folder);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= least);
    for (size_t i = 0; i < found.gl_pathc; i++)
        golden_check(dialect, found.gl_pathv[i]);
    globfree(&found);
}

/* Each allocation of a golden request fails in turn: an error, never a body that lacks what did not fit. It is over when
 * so many in a row did no harm. */
#define GOLDEN_HARMLESS 30
static void golden_fail_one(enum dialect dialect, const char *in_path)
{
    char stem[260];
    struct convert_case good, c;
    text_copy(text_sub(text_from(in_path), 0, strlen(in_path) - strlen(".in.json")), stem,
              sizeof stem);
    struct str in = golden_read(stem, ".in.json"), options = golden_read(stem, ".options");
    assert_true(in.p && options.p);
    convert_case_run(&good, dialect, golden_options(options), in);
    unsigned harmless = good.status == STATUS_OK ? 0 : GOLDEN_HARMLESS;
    for (unsigned long k = 2; harmless < GOLDEN_HARMLESS; k++) { /* 1: the arena itself */
        heap_fail_after(k);
        convert_case_run(&c, dialect, golden_options(options), in);
        heap_fail_after(0);
        harmless = c.status == STATUS_OK ? harmless + 1 : 0;
        if (c.status == STATUS_OK && !text_eq(buf_str(&c.body), buf_str(&good.body)))
            fail_msg("%s, allocation %lu: %.*s", stem, k, STR_ARG(buf_str(&c.body)));
        convert_case_free(&c);
    }
    convert_case_free(&good);
    golden_drop(in);
    golden_drop(options);
}

__attribute__((unused)) static void golden_fail_allocations(enum dialect dialect,
                                                            const char *folder)
{
    char pattern[200];
    glob_t found;
    snprintf(pattern, sizeof pattern, "tests/golden/%s/*.in.json", folder);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        golden_fail_one(dialect, found.gl_pathv[i]);
    globfree(&found);
}

#endif
