/*
 * build_bed.h - for tests: a Converse body under construction, for one model.
 */
#ifndef TESTS_UNIT_BUILD_BED_H
#define TESTS_UNIT_BUILD_BED_H

#include "tests/unit/convert_case.h"
#include "worker/converse/converse_build.h"

struct build_bed {
    struct convert_case c; /* arena, body, changes, err */
    struct models_choice model;
    struct plan_options o;
    struct plan plan; /* nothing is asked */
    struct converse_build b;
};

/* What the fields are called in the dialect of these tests. */
static const struct wish_names build_names = {
    .thinking = "thinking", .effort = "effort", .one_call = "one_call", .stops = "stop"};

static void build_open(struct build_bed *bed, const char *model)
{
    struct str id = text_from(model);
    memset(bed, 0, sizeof *bed);
    bed->c.arena = arena_new((size_t)16 << 20);
    assert_non_null(bed->c.arena);
    buf_init(&bed->c.body, CASE_MAX);
    buf_init(&bed->c.changes, CASE_MAX);
    bed->model = (struct models_choice){
        .id = id, .caps = models_keep(bed->c.arena, id), .transport = MODELS_CONVERSE};
    bed->o = (struct plan_options){.model = &bed->model};
    bed->plan = (struct plan){.o = &bed->o,
                              .caps = bed->model.caps,
                              .arena = bed->c.arena,
                              .notes.changes = &bed->c.changes};
    wish_begin(&bed->plan.left, &bed->c.scan, &build_names);
    bed->plan.left.max_tokens.exact = true; /* the Messages dialect's wordings */
    converse_build_begin(&bed->b, &bed->plan, converse_names_new(bed->c.arena), &bed->c.body,
                         &bed->c.err);
}

/* A whole message, for what comes behind the messages. */
__attribute__((unused)) static void build_message(struct build_bed *bed)
{
    converse_build_role(&bed->b, CONVERSE_USER);
    converse_build_text(&bed->b, STR("u"));
    converse_build_messages_end(&bed->b);
}

/* Ends the body and compares it. */
__attribute__((unused)) static void build_want(struct build_bed *bed, const char *body,
                                               const char *changes)
{
    char why[400];
    enum status st = converse_build_end(&bed->b);
    struct str got = buf_str(&bed->c.body), notes = buf_str(&bed->c.changes);
    if (st != STATUS_OK || !text_eq(got, text_from(body)))
        fail_msg("status %d '%s', got\n%.*s\nwant\n%s", st, bed->c.err.text, STR_ARG(got), body);
    if (!text_eq(notes, text_from(changes)))
        fail_msg("changes '%.*s', want '%s'", STR_ARG(notes), changes);
    if (!convert_case_is_legal(&bed->c, why, sizeof why))
        fail_msg("%s in\n%.*s", why, STR_ARG(got));
    convert_case_free(&bed->c);
}

/* Ends the body, which must have failed. */
__attribute__((unused)) static void build_want_failure(struct build_bed *bed, enum status code,
                                                       const char *text)
{
    assert_int_equal(converse_build_end(&bed->b), code);
    assert_string_equal(bed->c.err.text, text);
    convert_case_free(&bed->c);
}

/* A body with that message and `more`. */
#define BUILD_BODY(more) \
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]}]" more "}"
#define BUILD_EXTRA(x) ",\"additionalModelRequestFields\":{" x "}"

#endif
