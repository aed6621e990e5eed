#include "tests/mock/mock.h"

#include <stdio.h>

#include "server/base/clock.h"

static const struct {
    int status;
    const char *reason;
} REASON[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {408, "Request Timeout"},
    {424, "Failed Dependency"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

static int64_t skew_s;
static uint32_t retry_after_s;

void answer_skew_s(int64_t seconds)
{
    skew_s = seconds;
}

void answer_retry_after_s(uint32_t seconds)
{
    retry_after_s = seconds;
}

static const char *reason(int status)
{
    for (size_t i = 0; i < sizeof REASON / sizeof REASON[0]; i++)
        if (REASON[i].status == status)
            return REASON[i].reason;
    return "Other";
}

/* Formatted once a second. */
static const char *date(void)
{
    static char text[30];
    static int64_t of = -1;
    int64_t now = clock_real_ms() / 1000 + skew_s;
    if (now != of) {
        clock_http(now * 1000, text);
        of = now;
    }
    return text;
}

static void put_head(struct buf *out, int status, struct str content_type, struct str extra)
{
    static uint64_t serial; /* a unique id is all a request id has to be */
    serial++;
    buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %.*s\r\n", status, reason(status),
               date(), STR_ARG(content_type));
    buf_printf(out, "x-amzn-RequestId: 6d6f636b-0000-4000-8000-%012llx\r\n",
               (unsigned long long)serial);
    if (retry_after_s)
        buf_printf(out, "Retry-After: %u\r\n", retry_after_s);
    buf_put_str(out, extra);
}

void answer_body(struct answer *a, int status, struct str content_type, struct str extra,
                 const struct buf *body)
{
    put_head(a->out, status, content_type, extra);
    if (a->close)
        BUF_LIT(a->out, "Connection: close\r\n");
    BUF_LIT(a->out, "Content-Length: ");
    buf_put_u64(a->out, buf_len(body));
    BUF_LIT(a->out, "\r\n\r\n");
    buf_put_str(a->out, buf_str(body));
}

void answer_error(struct mock *mock, struct answer *a, int status, const char *type,
                  const char *message)
{
    struct json_out w;
    char extra[200];
    buf_clear(&mock->body);
    json_begin(&w, &mock->body);
    json_object(&w);
    speaker_put(&w, STR("message"), text_from(message));
    if (status == 424) { /* ModelErrorException has two more members */
        speaker_count(&w, STR("originalStatusCode"), 500);
        speaker_put(&w, STR("resourceName"), STR("mock"));
    }
    json_object_end(&w);
    snprintf(extra, sizeof extra,
             "x-amzn-ErrorType: %s:http://internal.amazon.com/coral/com.amazon.%s/\r\n", type,
             status == 403 ? "coral.service" : "bedrock");
    mock->ledger.refused++;
    answer_body(a, status, STR("application/json"), text_from(extra), &mock->body);
}

void answer_stream_head(struct answer *a, struct str extra)
{
    put_head(a->out, 200, STR("application/vnd.amazon.eventstream"), extra);
    BUF_LIT(a->out, "Transfer-Encoding: chunked\r\n\r\n");
}
