/*
 * creds_case.h - the stage of the test_creds_*.c programs: an empty environment, a directory for
 * files, a loopback server whose answers are rows {method and path, status, body}, and what
 * creds_fn was told.
 */
#ifndef TESTS_UNIT_CREDS_CASE_H
#define TESTS_UNIT_CREDS_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "server/base/clock.h"
#include "server/aws/creds.h"
#include "tests/unit/loopback.h"

enum { SECOND_MS = 20 }; /* a second of waiting, unless the test sets second_ms */

struct stage_answer {
    const char *start;         /* of the request: "GET /x " */
    const char *status, *body; /* body NULL: no answer at all */
};

struct stage {
    struct loop *loop;
    struct fetch_client *fetch;
    struct loopback server;
    const struct stage_answer *answers; /* ended by start NULL */
    char request[32768];                /* the last one */
    char dir[64], endpoint[64];
    struct creds *creds;

    unsigned found, failed; /* calls of creds_fn */
    struct creds_value value;
    char text[240];
    bool stop_on_call;
    uint32_t second_ms;
};

static const char *const stage_variables[] = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_ENDPOINT_URL_STS",
};

static const char *stage_path(const struct stage *s, const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    return path;
}

static inline void stage_write(const struct stage *s, const char *name, const char *text)
{
    FILE *f = fopen(stage_path(s, name), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void stage_answer(struct loopback_conn *c, struct str request)
{
    struct stage *s = c->server->ctx;
    text_copy(request, s->request, sizeof s->request);
    for (const struct stage_answer *a = s->answers; a && a->start; a++) {
        if (!text_starts(request, text_from(a->start)))
            continue;
        if (a->body)
            loopback_reply(c, a->status, text_from(a->body));
        return;
    }
    loopback_reply(c, "404 Not Found", STR("no row for it"));
}

static void stage_take(void *owner, const struct creds_value *now, const struct err *err)
{
    struct stage *s = owner;
    if (now) {
        s->found++;
        s->value = *now;
    } else {
        s->failed++;
        text_copy(text_from(err->text), s->text, sizeof s->text);
        assert_int_equal(err->code, STATUS_UNAVAILABLE);
    }
    if (s->stop_on_call)
        loop_stop(s->loop);
}

/* No variable, no file, no instance metadata. */
static void stage_clear(struct stage *s)
{
    for (size_t i = 0; i < sizeof stage_variables / sizeof *stage_variables; i++)
        unsetenv(stage_variables[i]);
    setenv("HOME", s->dir, 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", stage_path(s, "credentials"), 1);
    setenv("AWS_CONFIG_FILE", stage_path(s, "config"), 1);
    unlink(stage_path(s, "credentials"));
    unlink(stage_path(s, "config"));
    unlink(stage_path(s, "token"));
    s->answers = NULL;
}

static int stage_up(void **state)
{
    static struct stage stage;
    struct stage *s = &stage;
    memset(s, 0, sizeof *s);
    snprintf(s->dir, sizeof s->dir, "/tmp/test_creds.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    s->second_ms = SECOND_MS;
    stage_clear(s);
    s->loop = loop_new(NULL);
    struct fetch_options options = {.pool = 4};
    s->fetch = fetch_client_new(s->loop, &options, NULL);
    assert_non_null(s->fetch);
    loopback_open(&s->server, s->loop, stage_answer, s);
    snprintf(s->endpoint, sizeof s->endpoint, "http://127.0.0.1:%u", s->server.port);
    *state = s;
    return 0;
}

static void stage_end(struct stage *s)
{
    creds_drop(s->creds);
    s->creds = NULL;
}

static int stage_down(void **state)
{
    struct stage *s = *state;
    stage_end(s);
    fetch_client_drop(s->fetch);
    loopback_shut(&s->server);
    loop_drop(s->loop);
    stage_clear(s);
    rmdir(s->dir);
    clock_freeze_real_ms(0);
    return 0;
}

static void stage_begin(struct stage *s)
{
    struct creds_options options = {.region = "eu-west-1",
                                    .sts_endpoint = s->endpoint,
                                    .container_endpoint = s->endpoint,
                                    .imds_endpoint = s->endpoint,
                                    .second_ms = s->second_ms};
    stage_end(s);
    clock_tick();
    s->found = s->failed = 0;
    memset(&s->value, 0, sizeof s->value);
    s->text[0] = '\0';
    s->creds = creds_new(s->loop, s->fetch, &options, stage_take, s);
    assert_non_null(s->creds);
    creds_start(s->creds);
    assert_int_equal(s->found + s->failed, 0); /* told from the loop only */
}

/* Runs until creds_fn is called once. */
static inline void stage_look(struct stage *s)
{
    stage_begin(s);
    s->stop_on_call = true;
    loop_run(s->loop);
    s->stop_on_call = false;
}

static void stage_stop(struct loop *loop, void *owner)
{
    (void)owner;
    loop_stop(loop);
}

static inline void stage_run(struct stage *s, unsigned ms)
{
    struct loop_timer t = {0};
    clock_tick();
    loop_timer_in(s->loop, &t, ms, stage_stop, NULL);
    loop_run(s->loop);
    loop_timer_cancel(s->loop, &t);
}

#define STAGE_TEST(name) cmocka_unit_test_setup_teardown(name, stage_up, stage_down)

#endif
