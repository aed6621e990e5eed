/*
 * dynamo_stage.h - a scripted DynamoDB for the tests of code that blocks: a forked process answers
 * the requests in turn from a list in shared memory and keeps what it was sent there. An answer
 * without x-amz-crc32 of its own gets the right one.
 */
#ifndef TESTS_UNIT_DYNAMO_STAGE_H
#define TESTS_UNIT_DYNAMO_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "server/base/clock.h"
#include "server/config/config.h"
#include "server/base/crc32.h"
#include "tests/unit/loopback.h"

enum { STAGE_MAX = 40, STAGE_BODY = 32768 };
enum stage_end { STAGE_WHOLE, STAGE_CUT, STAGE_HANG, STAGE_RESET };

struct stage_reply {
    const char *status;  /* NULL: "200 OK" */
    const char *headers; /* further lines with CRLF, or NULL */
    enum stage_end end;
    char body[STAGE_BODY];
};

struct stage {
    unsigned port;
    unsigned reply_count, next;                    /* beyond the last: 500 */
    unsigned long long last_ms, gap_ms[STAGE_MAX]; /* time before each request */
    struct stage_reply replies[STAGE_MAX];
    char requests[STAGE_MAX][STAGE_BODY];
};

static struct stage *stage;
static pid_t stage_pid;
static struct config stage_config;
static char stage_url[64];

static void stage_answer(struct loopback_conn *c, struct str request)
{
    static const struct stage_reply none = {.status = "500 None", .body = "{}"};
    unsigned i = stage->next++;
    unsigned long long now_ms = clock_now_ns() / 1000000;
    const struct stage_reply *r = i < stage->reply_count ? &stage->replies[i] : &none;
    if (i < STAGE_MAX) {
        text_copy(request, stage->requests[i], STAGE_BODY);
        stage->gap_ms[i] = now_ms - stage->last_ms;
    }
    stage->last_ms = now_ms;
    c->reset_after = r->end == STAGE_RESET;
    c->close_after = r->end == STAGE_CUT;
    if (r->end == STAGE_RESET || r->end == STAGE_HANG)
        return;
    struct str body = text_from(r->body);
    buf_printf(&c->out, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n", r->status ? r->status : "200 OK",
               body.n);
    if (!r->headers || !strstr(r->headers, "x-amz-crc32"))
        buf_printf(&c->out, "x-amz-crc32: %u\r\n", crc32_add(0, body.p, body.n));
    buf_printf(&c->out, "%s\r\n", r->headers ? r->headers : "");
    buf_put_str(&c->out, text_sub(body, 0, r->end == STAGE_CUT ? body.n / 2 : body.n));
}

static void stage_serve(int ready)
{
    struct loop *loop = loop_new(NULL);
    struct loopback server;
    loopback_open(&server, loop, stage_answer, NULL);
    stage->port = server.port;
    if (write(ready, "x", 1) == 1)
        loop_run(loop); /* until it is killed */
    loopback_shut(&server);
    _exit(1);
}

static int stage_up(void **state)
{
    static const char *const names[] = {
        "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"};
    int ready[2];
    char byte;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
    setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    stage = mmap(NULL, sizeof *stage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(stage != MAP_FAILED && pipe(ready) == 0);
    stage_pid = fork();
    if (stage_pid == 0)
        stage_serve(ready[1]);
    assert_true(stage_pid > 0 && read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    snprintf(stage_url, sizeof stage_url, "http://127.0.0.1:%u", stage->port);
    stage_config = (struct config){.aws_region = "us-east-1",
                                   .dynamodb_endpoint_url = stage_url,
                                   .dynamodb_timeout = 1,
                                   .ca_file = "",
                                   .table_api_keys = "keys",
                                   .table_usage = "usage",
                                   .table_usage_stats = "stats",
                                   .table_model_mapping = "mapping",
                                   .table_model_pricing = "pricing",
                                   .table_beta_headers = "beta"};
    return 0;
}

static int stage_down(void **state)
{
    (void)state;
    kill(stage_pid, SIGKILL);
    waitpid(stage_pid, NULL, 0);
    munmap(stage, sizeof *stage);
    clock_freeze_real_ms(0);
    return 0;
}

/* Between two uses in one test. */
static inline void stage_clear(void)
{
    stage->reply_count = stage->next = 0;
}

static inline struct stage_reply *stage_reply(const char *status, const char *body)
{
    assert_true(stage->reply_count < STAGE_MAX && strlen(body) < STAGE_BODY);
    struct stage_reply *r = &stage->replies[stage->reply_count++];
    *r = (struct stage_reply){.status = status};
    snprintf(r->body, sizeof r->body, "%s", body);
    return r;
}

static inline const char *stage_body(unsigned i)
{
    const char *end = strstr(stage->requests[i], "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

#define STAGE_TEST(name) cmocka_unit_test_setup_teardown(name, stage_up, stage_down)

#endif
