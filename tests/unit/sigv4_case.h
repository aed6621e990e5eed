/*
 * sigv4_case.h - what the test_sigv4*.c programs share: buffers made anew for each test, and a
 * request with an empty body.
 */
#ifndef TESTS_UNIT_SIGV4_CASE_H
#define TESTS_UNIT_SIGV4_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "server/aws/sigv4.h"

#define AKID         "AKIDEXAMPLE"
#define SECRET       "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define DATE         "20260115T120000Z"
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct buf canonical, names, authorization;

static int begin(void **state)
{
    (void)state;
    buf_init(&canonical, 65536);
    buf_init(&names, 65536);
    buf_init(&authorization, 65536);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_free(&canonical);
    buf_free(&names);
    buf_free(&authorization);
    return 0;
}

static inline void assert_text(const char *name, struct str got, struct str want)
{
    if (!text_eq(got, want))
        fail_msg("%s: got '%.*s', want '%.*s'", name, STR_ARG(got), STR_ARG(want));
}

static inline struct sigv4_request request(struct str path, struct str query,
                                           const struct sigv4_header *headers, size_t count)
{
    struct sigv4_request r = {.method = STR("POST"),
                              .path = path,
                              .query = query,
                              .headers = headers,
                              .header_count = count};
    memcpy(r.body_sha256, EMPTY_SHA256, sizeof r.body_sha256);
    return r;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

#endif
