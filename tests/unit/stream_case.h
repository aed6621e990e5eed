/*
 * stream_case.h - what the test_stream*.c programs share: a client that asks for a stream, and an
 * upstream that breaks it.
 */
#ifndef TESTS_UNIT_STREAM_CASE_H
#define TESTS_UNIT_STREAM_CASE_H

#include "tests/unit/gateway_bed.h"

static inline void ask_stream(struct gateway *g)
{
    client_close(&g->client);
    client_ask(g, &g->client, MESSAGES, KEY, STREAM_BODY);
}

/* Until the exchange is over and its last bytes are read. */
static inline void finish(struct gateway *g)
{
    GATEWAY_UNTIL(g, g->worker.exchanges == NULL);
    gateway_run(g, 2);
    client_read(&g->client);
}

static inline void bad_frame(struct loopback_conn *c)
{
    struct buf frame;
    buf_init(&frame, 4096);
    eventstream_encode(&frame, EVENTSTREAM_EVENT, STR("chunk"), STR("{\"bytes\":\"SEVSRQ==\"}"));
    buf_data(&frame)[buf_len(&frame) - 1] ^= 1;
    up_bytes(c, buf_str(&frame));
    buf_free(&frame);
}

#endif
