/*
 * exchange_states.h - the table that test_exchange_states.c walks: how a connection gets into each
 * state, how it goes on from there, and what its client gets when each event comes in it.
 */
#ifndef TESTS_UNIT_EXCHANGE_STATES_H
#define TESTS_UNIT_EXCHANGE_STATES_H

#include "server/http/http_state.h" /* is its socket full? */
#include "shm/memory/keymiss.h"
#include "tests/unit/gateway_bed.h"

#define EVENTS(X)                                                                      \
    X(FIN, "the client has sent all")                                                  \
    X(RST, "the client resets")                                                        \
    X(RST_WAKE, "... and in the same turn the refresher says that its key is unknown") \
    X(TIMEOUT, "nothing more comes")                                                   \
    X(DRAIN, "the worker is asked to leave, the client goes on")                       \
    X(WAKE, "the refresher has answered somebody else, the client goes on")            \
    X(REFUSE, "the client, the refresher, Bedrock or memory gives a reason to say no")

enum event {
#define EVENT(name, meaning) name,
    EVENTS(EVENT)
#undef EVENT
        EVENT_COUNT
};

static const char *const event_names[] = {
#define EVENT(name, meaning) #name,
    EVENTS(EVENT)
#undef EVENT
};

/* What becomes of it. Where there is a status the rest of the answer is looked at as well. */
enum then {
    GOES_ON,  /* answered; another request on the same connection is, too */
    ENDS,     /* answered with "connection: close", then FIN */
    EVENT,    /* an error event ends the stream that has begun */
    FINISHES, /* the stream comes to its good end, then FIN */
    LEAVES,   /* not one byte more, then FIN or RST */
};

struct cell {
    enum then then;
    int status;
    bool by_path; /* in the dialect of /v1/chat/completions; else in Anthropic's */
};

enum { LINES = 4, PATIENCE_MS = 25 };

struct row {
    const char *name;
    struct gateway_line reach[LINES]; /* how the connection gets there */
    struct gateway_line rest[LINES];  /* how it goes on to a good end */
    struct gateway_line refuse[LINES];
    struct cell cells[EVENT_COUNT];
};

/* ---- what happens ------------------------------------------------------------------------ */

static struct keymiss_question question;

static void key_asked(struct gateway *g)
{
    GATEWAY_UNTIL(g, keymiss_next(&g->segment, &question));
}

static void answer_key(struct gateway *g, enum keymiss_result result)
{
    if (question.ticket)
        keymiss_answer(&g->segment, &question, result); /* rings */
    question.ticket = 0;
}

static void key_is_known(struct gateway *g)
{
    directory_begin(&g->segment);
    gateway_key(g, "sk-good", 300, 0);
    gateway_key(g, "sk-two", 301, 2);
    gateway_key(g, "sk-new", 310, 0);
    directory_publish(&g->segment, clock_real_ms());
    answer_key(g, KEYMISS_FOUND);
}

static void key_is_unknown(struct gateway *g)
{
    answer_key(g, KEYMISS_ABSENT);
}

static void head_is_read(struct gateway *g)
{
    GATEWAY_UNTIL(g, g->worker.exchanges != NULL);
    gateway_run(g, 2);
}

static void some_is_read(struct gateway *g)
{
    uint64_t before = g->worker.conns.bytes_in;
    for (int i = 0; i < 20 && g->worker.conns.bytes_in == before; i++)
        gateway_run(g, 1);
    gateway_run(g, 1);
}

static void bodies_are_full(struct gateway *g)
{
    g->worker.conn_limits.bodies_max = 1;
}

/* What worker.c does with a request whose body is not here when the time to drain is over. */
static void time_is_over(struct gateway *g)
{
    struct err err;
    err_set(&err, STATUS_OVERLOADED, "restarting");
    assert_int_equal(g->worker.exchanges->state, EXCHANGE_OPEN);
    http_conn_refuse(g->worker.exchanges->conn, &err);
}

static void bedrock_is_asked(struct gateway *g)
{
    unsigned before = g->bedrock.requests;
    if (!g->upstream)
        GATEWAY_UNTIL(g, g->bedrock.requests > before);
}

/* The socket takes no more, and there is so much behind it that nothing is asked of Bedrock. */
static bool is_stuck(const struct exchange *x)
{
    return x && x->conn->socket.full && 2 * buf_len(&x->conn->out) >= x->conn->limits->output_high;
}

static void stuck(struct gateway *g)
{
    GATEWAY_UNTIL(g, is_stuck(g->worker.exchanges));
}

static void up(struct gateway *g)
{
    assert_non_null(g->upstream);
    loopback_flush(g->upstream);
}

#define UP_CONVERSE                                                                       \
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"Hello\"}]" \
    "}},\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":9,\"outputTokens\":4,"     \
    "\"totalTokens\":13}}"

static void bedrock_answers(struct gateway *g)
{
    up_json(g->upstream, "200 OK", "", STR(UP_CONVERSE));
    up(g);
}

static void bedrock_refuses(struct gateway *g)
{
    up_json(g->upstream, "400 Bad", "x-amzn-ErrorType: ValidationException\r\n",
            STR("{\"message\":\"no\"}"));
    up(g);
}

/* Bedrock has said nothing for so long that the client is told 200. */
static void silence_commits(struct gateway *g)
{
    struct exchange *x = g->worker.exchanges;
    GATEWAY_UNTIL(g, x->timer_ping.index != 0);
    x->asked.here_ms -= 60000;
    loop_timer_in(g->worker.loop, &x->timer_ping, 0, x->timer_ping.fn, x);
}

static void bedrock_streams(struct gateway *g)
{
    up_good_stream(g, g->upstream, STR(""));
    up(g);
}

static void bedrock_ends(struct gateway *g)
{
    up_stop(g->upstream);
    up_end(g->upstream);
    up(g);
}

static void bedrock_breaks(struct gateway *g)
{
    up_frame(g->upstream, EVENTSTREAM_EXCEPTION, "throttlingException", "{\"message\":\"slow\"}");
    up_end(g->upstream);
    up(g);
}

static void reply(struct gateway *g, struct loopback_conn *c, struct str request)
{
    size_t at;
    if (g->text)
        up_json(c, "200 OK", "", STR(UP_CONVERSE));
    if (g->step < 0 || !text_find(request, STR("invoke-with-response-stream"), &at))
        return;
    up_begin(c);
    for (int i = 0; i < g->step; i++) {
        char delta[1200];
        snprintf(delta, sizeof delta,
                 "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
                 "\"text_delta\",\"text\":\"%01000d\"}}",
                 i);
        up_chunk(c, delta);
    }
}

static void much_is_coming(struct gateway *g)
{
    g->step = 1500;
}

static void bedrock_is_silent(struct gateway *g)
{
    g->step = -1;
}

static void bedrock_answers_at_once(struct gateway *g)
{
    g->text = "yes";
}

/* ---- the table --------------------------------------------------------------------------- */

#define LINE1   "POST /v1/chat/completions HTTP/1.1\r\n"
#define LENGTH  "Content-Length: 77\r\n"
#define CHUNKS  "Transfer-Encoding: chunked\r\n"
#define TYPE    "Host: g\r\nContent-Type: application/json\r\n"
#define NEW_KEY "x-api-key: sk-new\r\n"
#define E       "\r\n"
#define BODY1   "{\"model\":\"amazon.nova-lite-v1:0\""
#define BODY2   ",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"
#define ASKED                           \
    {                                   \
        .does = bedrock_answers_at_once \
    }

_Static_assert(sizeof BODY1 BODY2 - 1 == 77, "LENGTH");
_Static_assert(sizeof BODY1 - 1 == 0x20, "chunks");
_Static_assert(sizeof STREAM_BODY - 1 == 111, "STREAM");

#define STREAM "POST /v1/messages HTTP/1.1\r\n" TYPE KEY "Content-Length: 111\r\n\r\n" STREAM_BODY

#define NO_ANSWER        \
    {                    \
        LEAVES, 0, false \
    }

/* What all rows inside a head that has its first line have in common. */
#define IN_HEAD                                                                                    \
    {                                                                                              \
        [FIN] = {ENDS, 400, true}, [RST] = NO_ANSWER, [RST_WAKE] = NO_ANSWER,                      \
        [TIMEOUT] = {ENDS, 408, true}, [DRAIN] = {ENDS, 200, true}, [WAKE] = {GOES_ON, 200, true}, \
        [REFUSE] = {ENDS, 400, true},                                                              \
    }
#define IN_BODY(refused)                                                                           \
    {                                                                                              \
        [FIN] = {ENDS, 400, true}, [RST] = NO_ANSWER, [RST_WAKE] = NO_ANSWER,                      \
        [TIMEOUT] = {ENDS, 408, true}, [DRAIN] = {ENDS, 200, true}, [WAKE] = {GOES_ON, 200, true}, \
        [REFUSE] = {ENDS, refused, true},                                                          \
    }

static const struct row rows[] = {
    {"nothing read",
     {{NULL, NULL, NULL}},
     {{LINE1 TYPE KEY LENGTH E BODY1 BODY2, NULL, NULL}, ASKED},
     {{"nonsense\r\n", NULL, NULL}},
     {[FIN] = NO_ANSWER,
      [RST] = NO_ANSWER,
      [RST_WAKE] = NO_ANSWER,
      [TIMEOUT] = NO_ANSWER,
      [DRAIN] = {ENDS, 200, true},
      [WAKE] = {GOES_ON, 200, true},
      [REFUSE] = {ENDS, 400, false}}},
    {"in the request line",
     {{"POST /v1/chat/com", some_is_read, NULL}},
     {{"pletions HTTP/1.1\r\n" TYPE KEY LENGTH E BODY1 BODY2, NULL, NULL}, ASKED},
     {{"pletions\r\n", NULL, NULL}},
     {[FIN] = {ENDS, 400, false},
      [RST] = NO_ANSWER,
      [RST_WAKE] = NO_ANSWER,
      [TIMEOUT] = {ENDS, 408, false},
      [DRAIN] = {ENDS, 200, true},
      [WAKE] = {GOES_ON, 200, true},
      [REFUSE] = {ENDS, 400, true}}},
    {"behind the request line",
     {{LINE1, some_is_read, NULL}},
     {{TYPE KEY LENGTH E BODY1 BODY2, NULL, NULL}, ASKED},
     {{"no colon\r\n", NULL, NULL}},
     IN_HEAD},
    {"behind some header lines",
     {{LINE1 TYPE KEY, some_is_read, NULL}},
     {{LENGTH E BODY1 BODY2, NULL, NULL}, ASKED},
     {{"Host: h\r\n\r\n", NULL, NULL}},
     IN_HEAD},
    {"in a header line",
     {{LINE1 TYPE KEY "Conten", some_is_read, NULL}},
     {{"t-Length: 77\r\n\r\n" BODY1 BODY2, NULL, NULL}, ASKED},
     {{"t Length: 77\r\n\r\n", NULL, NULL}},
     IN_HEAD},
    {"before the last line feed of the head",
     {{LINE1 TYPE KEY LENGTH "\r", some_is_read, NULL}},
     {{"\n" BODY1 BODY2, NULL, NULL}, ASKED},
     {{"\r\n", NULL, NULL}},
     IN_HEAD},
    {"between head and body",
     {{LINE1 TYPE KEY LENGTH E, head_is_read, NULL}},
     {{BODY1 BODY2, NULL, NULL}, ASKED},
     {{NULL, bodies_are_full, NULL}, {BODY1 BODY2, NULL, NULL}},
     IN_BODY(503)},
    {"in a body",
     {{LINE1 TYPE KEY LENGTH E BODY1, head_is_read, NULL}},
     {{BODY2, NULL, NULL}, ASKED},
     {{NULL, time_is_over, NULL}},
     IN_BODY(503)},
    {"in a chunk size",
     {{LINE1 TYPE KEY CHUNKS E "2", head_is_read, NULL}},
     {{"0\r\n" BODY1 "\r\n2d\r\n" BODY2 "\r\n0\r\n\r\n", NULL, NULL}, ASKED},
     {{"z\r\n", NULL, NULL}},
     IN_BODY(400)},
    {"in a chunk",
     {{LINE1 TYPE KEY CHUNKS E "20\r\n{\"mo", head_is_read, NULL}},
     {{"del\":\"amazon.nova-lite-v1:0\"\r\n2d\r\n" BODY2 "\r\n0\r\n\r\n", NULL, NULL}, ASKED},
     {{"del\":\"amazon.nova-lite-v1:0\"XX", NULL, NULL}},
     IN_BODY(400)},
    {"key looked up, body not here",
     {{LINE1 TYPE NEW_KEY LENGTH E, key_asked, NULL}},
     {{NULL, key_is_known, NULL}, {BODY1 BODY2, NULL, NULL}, ASKED},
     {{NULL, key_is_unknown, NULL}},
     IN_BODY(401)},
    {"key looked up, body is here",
     {{LINE1 TYPE NEW_KEY LENGTH E BODY1 BODY2, key_asked, NULL}},
     {ASKED, {NULL, key_is_known, NULL}},
     {{NULL, key_is_unknown, NULL}},
     {[FIN] = NO_ANSWER,
      [RST] = NO_ANSWER,
      [RST_WAKE] = NO_ANSWER,
      [TIMEOUT] = {GOES_ON, 504, true},
      [DRAIN] = {ENDS, 200, true},
      [WAKE] = {GOES_ON, 200, true},
      [REFUSE] = {GOES_ON, 401, true}}},
    {"Bedrock awaited",
     {{LINE1 TYPE KEY LENGTH E BODY1 BODY2, bedrock_is_asked, NULL}},
     {{NULL, bedrock_answers, NULL}},
     {{NULL, bedrock_refuses, NULL}},
     {[FIN] = NO_ANSWER,
      [RST] = NO_ANSWER,
      [RST_WAKE] = NO_ANSWER,
      [TIMEOUT] = {GOES_ON, 504, true},
      [DRAIN] = {ENDS, 200, true},
      [WAKE] = {GOES_ON, 200, true},
      [REFUSE] = {GOES_ON, 400, true}}},
    {"stream committed by silence",
     {{NULL, bedrock_is_silent, NULL},
      {STREAM, bedrock_is_asked, NULL},
      {NULL, silence_commits, ": keepalive"}},
     {{NULL, bedrock_streams, NULL}},
     {{NULL, bedrock_refuses, NULL}},
     {[FIN] = NO_ANSWER,
      [RST] = NO_ANSWER,
      [RST_WAKE] = NO_ANSWER,
      [TIMEOUT] = {EVENT, 0, false},
      [DRAIN] = {FINISHES, 0, false},
      [WAKE] = {GOES_ON, 0, false},
      [REFUSE] = {EVENT, 0, false}}},
    {"answer is written",
     {{STREAM, NULL, "\"Hello\""}},
     {{NULL, bedrock_ends, NULL}},
     {{NULL, bedrock_breaks, NULL}},
     {[FIN] = NO_ANSWER,
      [RST] = NO_ANSWER,
      [RST_WAKE] = NO_ANSWER,
      [TIMEOUT] = {EVENT, 0, false},
      [DRAIN] = {FINISHES, 0, false},
      [WAKE] = {GOES_ON, 0, false},
      [REFUSE] = {EVENT, 0, false}}},
    {"answer is written, socket full",
     {{NULL, much_is_coming, NULL}, {STREAM, stuck, NULL}},
     {{NULL, bedrock_ends, NULL}},
     {{NULL, bedrock_breaks, NULL}},
     {[FIN] = NO_ANSWER,
      [RST] = NO_ANSWER,
      [RST_WAKE] = NO_ANSWER,
      [TIMEOUT] = NO_ANSWER,
      [DRAIN] = {FINISHES, 0, false},
      [WAKE] = {GOES_ON, 0, false},
      [REFUSE] = {EVENT, 0, false}}},
    {"lingering",
     {{"nonsense\r\n", NULL, "connection: close"}},
     {{"more\r\n", NULL, NULL}},
     {{"\r\n\r\n", NULL, NULL}},
     {[FIN] = NO_ANSWER,
      [RST] = NO_ANSWER,
      [RST_WAKE] = NO_ANSWER,
      [TIMEOUT] = NO_ANSWER,
      [DRAIN] = NO_ANSWER,
      [WAKE] = NO_ANSWER,
      [REFUSE] = NO_ANSWER}},
};

#endif
