#include "tests/fuzz/connection/saying.h"

#include "server/aws/eventstream.h"
#include "server/base/base64.h"

#define COUNT(a)       ((uint32_t)(sizeof(a) / sizeof *(a)))
#define CLAUDE         "claude-sonnet-4-5-20250929"
#define NOVA           "amazon.nova-lite-v1:0"
#define HI             "\"messages\":[{\"role\":\"user\",\"content\":\"Hi$\"}]"
#define ASK(more)      "{\"model\":\"" CLAUDE "\",\"max_tokens\":9," more HI "}"
#define NOVA_ASK(more) "{\"model\":\"" NOVA "\",\"max_tokens\":9," more HI "}"
/* Streamed with tools: Bedrock does not stream that, so the gateway tells the stream itself. */
#define LLAMA_ASK(more)                                                                           \
    "{\"model\":\"us.meta.llama3-3-70b-instruct-v1:0\",\"max_tokens\":9,\"stream\":true," more HI \
    "}"
#define RESPONSES_ASK(model, more) "{\"model\":\"" model "\"," more "\"input\":\"Hi$\"}"
#define STREAM                     "\"stream\":true,"
#define PASSED                     "anthropic.claude-sonnet-4-5-20250929-v1:0"
#define INVOKE_ASK                 "{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":9," HI "}"
#define CONVERSE_ASK               "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi$\"}]}]}"
#define LOOK                       "{\"type\":\"object\",\"properties\":{\"q\":{\"type\":\"string\"}}}"

static const char *const keys[] = {
#define KEY_TEXT(NAME, key, meaning) key,
    SAYING_KEYS(KEY_TEXT)
#undef KEY_TEXT
};

const char *saying_key(enum saying_key key)
{
    return keys[key];
}

static const char *const key_lines[] = {
    "x-api-key: sk-good\r\n",
    "Authorization: Bearer sk-good\r\n",
    "x-api-key: sk-two\r\n",
    "x-api-key: sk-one\r\n",
    "x-api-key: sk-new-1\r\n", /* not in the table: asked of the refresher */
    "x-api-key: sk-new-2\r\n",
    "",
    "Authorization: bearer " SAYING_MASTER "\r\n",
    "x-api-key: sk-poor\r\n",
    "x-api-key: sk-slow\r\n",
    "x-api-key: sk-old\r\n",
    "x-api-key: sk-off\r\n",
    "x-api-key: sk-haiku\r\n",
    "x-api-key: sk-spent\r\n",
    "x-api-key: \x7f\r\n",
    "x-api-key: \r\nAuthorization: Bearer sk-new-3\r\n",
};

/* ---- requests ----------------------------------------------------------------------------- */

enum framing { NONE, LENGTH, CHUNKS, BARE /* headers is all there is */ };

static const struct request {
    const char *line, *headers;
    enum framing framing;
    const char *body; /* '$': pad bytes */
    unsigned pad;
} requests[] = {
    {"POST /v1/messages HTTP/1.1", "", LENGTH, ASK(STREAM), 0},
    {"POST /v1/messages HTTP/1.1", "", LENGTH, ASK(""), 0},
    {"POST /v1/messages HTTP/1.1", "", LENGTH, NOVA_ASK(STREAM), 0},
    {"POST /v1/messages HTTP/1.1", "", LENGTH, NOVA_ASK(""), 0},
    {"POST /v1/chat/completions HTTP/1.1", "", LENGTH, NOVA_ASK(STREAM), 0},
    {"POST /v1/chat/completions HTTP/1.1", "", LENGTH, NOVA_ASK(""), 0},
    {"POST /v1/chat/completions HTTP/1.1", "", LENGTH,
     ASK(STREAM "\"stream_options\":{\"include_usage\":true},"), 0},
    {"POST /v1/messages/count_tokens HTTP/1.1", "", LENGTH, "{\"model\":\"" CLAUDE "\"," HI "}", 0},
    {"GET /health HTTP/1.1", "", NONE, "", 0},
    {"GET /v1/models HTTP/1.1", "anthropic-version: 2023-06-01\r\n", NONE, "", 0},
    {"HEAD /v1/models HTTP/1.1", "", NONE, "", 0},
    {"OPTIONS /v1/messages HTTP/1.1",
     "Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n", NONE, "", 0},
    {"GET /metrics HTTP/1.1", "", NONE, "", 0},
    {"POST /v1/messages HTTP/1.1", "", CHUNKS, ASK(STREAM), 0},
    {"POST /v1/messages HTTP/1.1", "Expect: 100-continue\r\n", LENGTH, ASK(""), 0},
    {"POST /v1/messages HTTP/1.1", "Expect: 100-continue\r\n", CHUNKS, ASK(STREAM), 0},
    {"GET /nowhere HTTP/1.1", "", NONE, "", 0},
    {"PUT /v1/messages HTTP/1.1", "", LENGTH, ASK(""), 0},
    {"POST /v1/messages HTTP/1.0", "Connection: keep-alive\r\n", LENGTH, ASK(STREAM), 0},
    {"POST /v1/messages HTTP/1.0", "", LENGTH, ASK(""), 0},
    {"POST /v1/messages HTTP/1.1", "Connection: close\r\n", LENGTH, ASK(STREAM), 0},
    {"POST /v1/messages HTTP/1.1", "", LENGTH, ASK(STREAM), 9000},
    {"POST /v1/messages HTTP/1.1", "", CHUNKS, NOVA_ASK(""), 17000},
    {"POST /v1/messages HTTP/1.1", "", LENGTH, ASK(""), 21000},
    {"POST /v1/messages HTTP/1.1", "", LENGTH, "{\"model\":\"" CLAUDE "\",", 0},
    {"POST /v1/chat/completions HTTP/1.1", "Content-Encoding: gzip\r\n", LENGTH, "{}", 0},
    {"POST /v1/messages HTTP/1.1", "Content-Length: 900000\r\n", BARE, "", 0},
    {"POST /api/event_logging/batch HTTP/1.1", "", LENGTH, "{\"events\":[]}", 0},
    {"POST /v1/messages HTTP/1.1", "anthropic-beta: context-1m-2025-08-07, x\r\n", LENGTH,
     ASK(STREAM "\"tools\":[{\"name\":\"f\",\"input_schema\":" LOOK "}],"
                "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000},"),
     0},
    {"POST /v1/chat/completions HTTP/1.1", "", LENGTH,
     NOVA_ASK(STREAM "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
                     "{\"name\":\"n\",\"schema\":" LOOK "}},"),
     0},
    {"POST /v1/chat/completions HTTP/1.1", "", LENGTH,
     ASK(STREAM "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
                "\"parameters\":" LOOK "}}],\"tool_choice\":\"required\","),
     0},
    {"POST /v1/messages HTTP/1.1", "", LENGTH,
     NOVA_ASK(STREAM "\"service_tier\":\"flex\",\"output_format\":{\"type\":\"json_schema\","
                     "\"schema\":" LOOK "},"),
     0},
    {"POST /v1/messages HTTP/1.1", "", LENGTH,
     "{\"model\":\"no-such-model\",\"max_tokens\":9," HI "}", 0},
    {"GET /v1/messages HTTP/1.1", "Host: twice\r\n", NONE, "", 0},
    {"POST /v1/messages HTTP/1.1", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", BARE, "",
     0},
    {"GET /health HTTP/1.1", "\r\nGET /version HTTP/1.1\r\nHost: gateway\r\n", NONE, "", 0},
    {"POST /v1/messages HTTP/1.1", "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\nxyz\r\n",
     BARE, "", 0},
    {"GET /ready HTTP/1.1", "Connection: close\r\n", NONE, "", 0},
    {"POST /v1/chat/completions HTTP/1.1", "", LENGTH,
     LLAMA_ASK("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
               "\"parameters\":" LOOK "}}],"),
     0},
    {"POST /v1/messages HTTP/1.1", "", LENGTH,
     LLAMA_ASK("\"tools\":[{\"name\":\"f\",\"input_schema\":" LOOK "}],"), 0},
    {"POST /v1/responses HTTP/1.1", "", LENGTH, RESPONSES_ASK(CLAUDE, STREAM), 0},
    {"POST /v1/responses HTTP/1.1", "", LENGTH, RESPONSES_ASK(NOVA, ""), 0},
    {"POST /v1/responses HTTP/1.1", "", CHUNKS,
     RESPONSES_ASK(CLAUDE, STREAM "\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"},"
                                  "\"include\":[\"reasoning.encrypted_content\"],"
                                  "\"tools\":[{\"type\":\"custom\",\"name\":\"f\"}],"),
     0},
    {"POST /v1/chat/completions HTTP/1.1", "", LENGTH, RESPONSES_ASK(NOVA, STREAM), 9000},
    {"GET /v1/responses HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", NONE, "", 0},
    {"DELETE /v1/responses/resp_1 HTTP/1.1", "", NONE, "", 0},
    /* Bedrock's own door */
    {"POST /model/us." PASSED "/invoke HTTP/1.1", "", LENGTH, INVOKE_ASK, 0},
    {"POST /model/us." PASSED "/invoke-with-response-stream HTTP/1.1", "", LENGTH, INVOKE_ASK, 0},
    {"POST /model/" NOVA "/converse HTTP/1.1", "", LENGTH, CONVERSE_ASK, 0},
    {"POST /model/" NOVA "/converse-stream HTTP/1.1", "", CHUNKS, CONVERSE_ASK, 9000},
    {"POST /model/" NOVA "/count-tokens HTTP/1.1", "", LENGTH,
     "{\"input\":{\"converse\":" CONVERSE_ASK "}}", 0},
    {"GET /inference-profiles HTTP/1.1", "", NONE, "", 0},
    {"POST /model/%zz/converse HTTP/1.1", "", LENGTH, CONVERSE_ASK, 0},
};

uint32_t saying_requests(void)
{
    return COUNT(requests);
}

static void put_body(const struct request *r, struct buf *out)
{
    size_t at;
    struct str body = text_from(r->body);
    if (text_find(body, STR("$"), &at)) {
        buf_put_str(out, text_sub(body, 0, at));
        memset(buf_reserve(out, r->pad), 'x', r->pad);
        buf_commit(out, r->pad);
        body = text_sub(body, at + 1, body.n);
    }
    buf_put_str(out, body);
}

static void put_chunks(struct str body, struct buf *out)
{
    for (size_t at = 0, size = 7; at < body.n; size = 5 * size + 3) {
        struct str piece = text_sub(body, at, size);
        buf_printf(out, "%zx\r\n%.*s\r\n", piece.n, STR_ARG(piece));
        at += piece.n;
    }
    BUF_LIT(out, "0\r\n\r\n");
}

void saying_parts(uint32_t request, uint32_t key, struct saying_parts *out, struct buf *body)
{
    const struct request *r = &requests[request % COUNT(requests)];
    *out = (struct saying_parts){.line = r->line,
                                 .key = key_lines[key % COUNT(key_lines)],
                                 .headers = r->headers,
                                 .has_length = r->framing == LENGTH,
                                 .open = r->framing == BARE};
    put_body(r, body);
}

void saying_request(uint32_t request, uint32_t key, struct buf *out)
{
    const struct request *r = &requests[request % COUNT(requests)];
    struct buf body;
    buf_init(&body, 1 << 20);
    buf_printf(out, "%s\r\nHost: gateway\r\n%s%s", r->line, key_lines[key % COUNT(key_lines)],
               r->headers);
    put_body(r, &body);
    if (r->framing == LENGTH)
        buf_printf(out, "Content-Length: %zu\r\n", buf_len(&body));
    if (r->framing == CHUNKS)
        BUF_LIT(out, "Transfer-Encoding: chunked\r\n");
    BUF_LIT(out, "\r\n");
    if (r->framing == CHUNKS)
        put_chunks(buf_str(&body), out);
    else
        buf_put_str(out, buf_str(&body));
    buf_free(&body);
}

/* ---- answers in lines --------------------------------------------------------------------- */

static void put_frame(char kind, struct str rest, struct buf *out)
{
    struct str type = STR("chunk");
    struct buf frame, payload;
    buf_init(&frame, 1 << 20);
    buf_init(&payload, 1 << 20);
    if (kind == 'i') {
        BUF_LIT(&payload, "{\"bytes\":\"");
        char *room = buf_reserve(&payload, base64_size(rest.n));
        buf_commit(&payload, base64_encode((const uint8_t *)rest.p, rest.n, room));
        BUF_LIT(&payload, "\",\"p\":\"abc\"}");
    } else if (text_split(&rest, ' ', &type)) {
        buf_put_str(&payload, rest);
    }
    eventstream_encode(&frame,
                       kind == 'x'   ? EVENTSTREAM_EXCEPTION
                       : kind == 'E' ? EVENTSTREAM_ERROR
                                     : EVENTSTREAM_EVENT,
                       text_sub(type, 0, 255), buf_str(&payload));
    buf_printf(out, "%zx\r\n", buf_len(&frame));
    buf_put_str(out, buf_str(&frame));
    BUF_LIT(out, "\r\n");
    buf_free(&frame);
    buf_free(&payload);
}

static void put_line(struct str line, struct str before, struct buf *out)
{
    uint64_t n = 0;
    struct str rest = text_sub(line, 2, line.n);
    text_u64(rest, &n);
    switch (line.n > 0 ? line.p[0] : 0) {
    case 'h':
        BUF_LIT(out, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n"
                     "x-amzn-RequestId: up-7\r\nTransfer-Encoding: chunked\r\n\r\n");
        break;
    case 'e':
    case 'i':
    case 'x':
    case 'E':
        put_frame(line.p[0], rest, out);
        break;
    case '*':
        for (n = n < 500 ? n : 500; n > 0 && before.n > 0 && before.p[0] != '*'; n--)
            put_line(before, (struct str){NULL, 0}, out);
        break;
    case '~':
        if (n < buf_len(out))
            buf_data(out)[buf_len(out) - 1 - n] ^= 4;
        break;
    case '-':
        buf_truncate(out, n < buf_len(out) ? buf_len(out) - n : 0);
        break;
    case '.':
        BUF_LIT(out, "0\r\n\r\n");
    }
}

void saying_events(struct str lines, struct buf *out)
{
    struct str line, before = {NULL, 0};
    for (; text_split(&lines, '\n', &line); before = line)
        put_line(line, before, out);
}

/* ---- answers ------------------------------------------------------------------------------ */

#define I_START                                                                                  \
    "i {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":" \
    "\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"  \
    "\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n"
#define I_OPEN                                                                     \
    "i {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":" \
    "\"text\",\"text\":\"\"}}\n"
#define I_DELTA                                                                           \
    "i {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\"," \
    "\"text\":\"Hello\"}}\n"
#define I_END                                                                                  \
    "i {\"type\":\"content_block_stop\",\"index\":0}\n"                                        \
    "i {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":" \
    "null},\"usage\":{\"output_tokens\":4}}\ni {\"type\":\"message_stop\"}\n"
#define C_START "e messageStart {\"role\":\"assistant\"}\n"
#define C_DELTA "e contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hello\"}}\n"
#define C_END                                                                                     \
    "e contentBlockStop {\"contentBlockIndex\":0}\ne messageStop {\"stopReason\":\"end_turn\"}\n" \
    "e metadata {\"usage\":{\"inputTokens\":9,\"outputTokens\":4,\"totalTokens\":13},"            \
    "\"metrics\":{\"latencyMs\":7}}\n"
#define C_TOOL                                                                                   \
    "e contentBlockStart {\"contentBlockIndex\":1,\"start\":{\"toolUse\":{\"toolUseId\":\"t1\"," \
    "\"name\":\"f\"}}}\ne contentBlockDelta {\"contentBlockIndex\":1,\"delta\":{\"toolUse\":"    \
    "{\"input\":\"{\\\"q\\\":1}\"}}}\ne contentBlockStop {\"contentBlockIndex\":1}\n"

#define INVOKE_WHOLE                                                                             \
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":" \
    "[{\"type\":\"text\",\"text\":\"Hello\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":"   \
    "null,\"usage\":{\"input_tokens\":9,\"output_tokens\":4}}"
#define CONVERSE_WHOLE                                                                             \
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"{\\\"q\\\":1}\"}]}" \
    "},"                                                                                           \
    "\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":9,\"outputTokens\":4,"                 \
    "\"totalTokens\":13},\"metrics\":{\"latencyMs\":7}}"

enum form { GOOD, BODY, EVENTS, RAW };

static const struct answer {
    enum form form;
    const char *head; /* status and headers, for BODY */
    const char *text;
} answers[] = {
    {GOOD, "", ""},
    {BODY, "429 Too Many Requests\r\nx-amzn-ErrorType: ThrottlingException",
     "{\"message\":\"slow\"}"},
    {BODY, "500 Oops\r\nx-amzn-ErrorType: InternalServerException:http://x",
     "{\"message\":\"no\"}"},
    {BODY, "503 Away\r\nRetry-After: 2", "<html>"},
    {BODY, "400 Bad\r\nx-amzn-ErrorType: ValidationException",
     "{\"message\":\"The service tier is not supported; this model does not support that\"}"},
    {BODY, "400 Bad\r\nx-amzn-ErrorType: ValidationException",
     "{\"message\":\"Input is too long\"}"},
    {BODY, "403 No\r\nx-amzn-ErrorType: AccessDeniedException", "{\"Message\":\"no access\"}"},
    {BODY, "403 No\r\nx-amzn-ErrorType: ExpiredTokenException", "{\"message\":\"expired\"}"},
    {BODY,
     "403 No\r\nDate: Fri, 16 Jan 2026 12:00:00 GMT\r\nx-amzn-ErrorType: "
     "InvalidSignatureException",
     "{\"message\":\"Signature expired: 20260115T120000Z is now earlier than x\"}"},
    {BODY, "404 No\r\nx-amzn-ErrorType: ResourceNotFoundException",
     "{\"message\":\"end of life\"}"},
    {BODY, "424 No\r\nx-amzn-ErrorType: ModelErrorException", "{\"message\":\"\"}"},
    {BODY, "200 OK\r\nContent-Type: application/json", "{"},
    {BODY, "200 OK\r\nContent-Type: application/json", INVOKE_WHOLE},
    {BODY, "200 OK\r\nContent-Type: application/json", CONVERSE_WHOLE},
    {BODY, "200 OK\r\nContent-Type: text/html\r\nConnection: close", "<p>"},
    {BODY, "301 Moved\r\nLocation: http://elsewhere/", ""},
    {EVENTS, "", "h\n" I_START I_OPEN I_DELTA "* 100\n" I_END ".\n"},
    {EVENTS, "", "h\n" C_START C_DELTA "* 150\n" C_END ".\n"},
    {EVENTS, "", "h\n" C_START C_DELTA C_TOOL C_END ".\n"},
    {EVENTS, "", "h\nx throttlingException {\"message\":\"slow\"}\n.\n"},
    {EVENTS, "", "h\n" C_START C_DELTA "x modelStreamErrorException {\"message\":\"oh\"}\n.\n"},
    {EVENTS, "", "h\n" I_START I_OPEN I_DELTA "E 500 {\"message\":\"oh\"}\n.\n"},
    {EVENTS, "", "h\n" I_START I_OPEN I_DELTA "~ 9\n" I_END ".\n"},
    {EVENTS, "", "h\n" C_START C_DELTA "~ 30\n"},
    {EVENTS, "", "h\n" I_START I_OPEN I_DELTA ".\n"},
    {EVENTS, "", "h\n" C_START C_DELTA ".\n"},
    {EVENTS, "", "h\n" I_DELTA I_START I_START I_END I_DELTA ".\n"},
    {EVENTS, "", "h\n" C_DELTA C_START C_END C_END ".\n"},
    {EVENTS, "", "h\n.\n"},
    {EVENTS, "",
     "h\n" I_START "i {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
     "\"message\":\"x\"}}\n.\n"},
    {EVENTS, "", "h\n" I_START I_OPEN I_DELTA "- 6\n"},
    {RAW, "", "HTTP/1.1 100 Continue\r\n\r\n"},
    {RAW, "", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{}"},
    {RAW, "", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" CONVERSE_WHOLE},
    {RAW, "", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
    {RAW, "", "SSH-2.0-OpenSSH_9.2\r\n"},
    {RAW, "", "HTTP/1.1 204 No Content\r\n\r\n"},
    /* what is done without, and sent once more */
    {BODY, "400 Bad\r\nx-amzn-ErrorType: ValidationException",
     "{\"message\":\"`temperature` is deprecated for this model.\"}"},
    {BODY, "400 Bad\r\nx-amzn-ErrorType: ValidationException",
     "{\"message\":\"max_tokens: 9 > 5, which is the maximum allowed number of output tokens\"}"},
    {BODY, "400 Bad\r\nx-amzn-ErrorType: ValidationException",
     "{\"message\":\"This model doesn't support the toolConfig.toolChoice.any field.\"}"},
    {BODY, "400 Bad", "{\"type\":\"error\",\"error\":{\"message\":\"invalid beta flag\"}}"},
    {BODY, "400 Bad",
     "{\"type\":\"error\",\"error\":{\"message\":\"bound to a different conversation\"}}"},
    {EVENTS, "", "h\nx validationException {\"message\":\"thinking is not supported\"}\n.\n"},
};

uint32_t saying_answers(void)
{
    return COUNT(answers);
}

static void put_whole(const char *head, struct str body, struct buf *out)
{
    buf_printf(out, "HTTP/1.1 %s\r\nx-amzn-RequestId: up-7\r\nContent-Length: %zu\r\n\r\n", head,
               body.n);
    buf_put_str(out, body);
}

static void put_good(struct str path, struct buf *out)
{
    const char *head = "200 OK\r\nContent-Type: application/json";
    if (text_ends(path, STR("/invoke-with-response-stream")))
        saying_events(STR("h\n" I_START I_OPEN I_DELTA I_END ".\n"), out);
    else if (text_ends(path, STR("/converse-stream")))
        saying_events(STR("h\n" C_START C_DELTA C_END ".\n"), out);
    else if (text_ends(path, STR("/converse")))
        put_whole(head, STR(CONVERSE_WHOLE), out);
    else if (text_ends(path, STR("/count-tokens")))
        put_whole(head, STR("{\"inputTokens\":12}"), out);
    else
        put_whole(head, STR(INVOKE_WHOLE), out);
}

void saying_answer(uint32_t answer, struct str path, struct buf *out)
{
    const struct answer *a = &answers[answer % COUNT(answers)];
    switch (a->form) {
    case GOOD:
        put_good(path, out);
        break;
    case BODY:
        put_whole(a->head, text_from(a->text), out);
        break;
    case EVENTS:
        saying_events(text_from(a->text), out);
        break;
    case RAW:
        buf_put_str(out, text_from(a->text));
    }
}
