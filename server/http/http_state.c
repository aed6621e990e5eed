#include "server/http/http_state.h"

#include <assert.h>
#include <unistd.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"

enum {
    INPUT_MAX = 64 * 1024,      /* pipelined bytes kept at most */
    OUT_MAX = 64 * 1024 * 1024, /* above the largest answer that is not streamed */
};

static const char *const state_names[] = {
#define STATE_NAME(name, meaning) #name,
    CONN_STATES(STATE_NAME)
#undef STATE_NAME
};

#define TO(name) (1U << CONN_##name)
static const unsigned legal_moves[] = {
    [CONN_IDLE] = TO(HEAD) | TO(CLOSED),
    [CONN_HEAD] = TO(BODY) | TO(FLUSH) | TO(SESSION) | TO(CLOSED),
    [CONN_BODY] = TO(OWNER) | TO(FLUSH) | TO(CLOSED),
    [CONN_OWNER] = TO(FLUSH) | TO(CLOSED),
    [CONN_FLUSH] = TO(IDLE) | TO(LINGER) | TO(CLOSED),
    [CONN_SESSION] = TO(LINGER) | TO(CLOSED),
    [CONN_LINGER] = TO(CLOSED),
    [CONN_CLOSED] = 0,
};
#undef TO

void http_state_enter(struct http_conn *c, enum conn_state state)
{
    assert(legal_moves[c->state] & 1U << state);
    if (log_on(LOG_DEBUG)) {
        log_line(LOG_DEBUG, "conn", "connection %llu %s -> %s", (unsigned long long)c->id,
                 state_names[c->state], state_names[state]);
    }
    if (c->state == CONN_IDLE) {
        c->set->idle--;
    } else if (state == CONN_IDLE) {
        c->set->idle++;
    }
    c->state = state;
    c->since_ms = clock_mono_ms();
}

bool http_state_is_reading(const struct http_conn *c)
{
    return c->state == CONN_IDLE || c->state == CONN_HEAD || c->state == CONN_BODY;
}

void http_state_schedule(struct http_conn *c)
{
    if (c->scheduled || c->state == CONN_CLOSED) {
        return;
    }
    c->scheduled = true;
    loop_defer(c->loop, c->end_of_turn, c);
}

/* ---- the list ---------------------------------------------------------------------------- */

/* c->next stays: http_conn_each may stand on this one. */
static void unlink_conn(struct http_conn *c)
{
    if (c->prev) {
        c->prev->next = c->next;
    } else {
        c->set->first = c->next;
    }
    if (c->next) {
        c->next->prev = c->prev;
    }
}

/* ---- life -------------------------------------------------------------------------------- */

struct http_conn *http_state_new(const struct http_conn *like)
{
    static uint64_t last_id;
    struct http_conn *c = heap_new(sizeof *c);
    struct http_parse *parse = http_parse_new(&like->limits->parse);
    if (!c || !parse) {
        http_parse_drop(parse);
        heap_drop(c);
        return NULL;
    }
    *c = (struct http_conn){.loop = like->loop,
                            .fd = -1,
                            .limits = like->limits,
                            .ops = like->ops,
                            .ctx = like->ctx,
                            .set = like->set,
                            .wire = like->wire,
                            .parse = parse,
                            .end_of_turn = like->end_of_turn,
                            .free = like->free,
                            .id = ++last_id,
                            .since_ms = clock_mono_ms()};
    buf_init(&c->input, INPUT_MAX);
    buf_init(&c->out, OUT_MAX);
    buf_init(&c->body, 0);
    return c;
}

void http_state_link(struct http_conn *c)
{
    c->next = c->set->first;
    if (c->next) {
        c->next->prev = c;
    }
    c->set->first = c;
    c->set->open++;
    c->set->idle++;
}

void http_state_free(struct http_conn *c)
{
    buf_free(&c->input);
    buf_free(&c->out);
    http_parse_drop(c->parse);
    heap_drop(c);
}

void http_state_close(struct http_conn *c)
{
    http_state_enter(c, CONN_CLOSED);
    loop_timer_cancel(c->loop, &c->timer);
    if (c->session) {
        c->wire->close(c);
    }
    if (c->stream == 0) {
        loop_remove(c->loop, c->handle);
        close(c->fd);
    }
    unlink_conn(c);
    c->set->open--;
    loop_defer(c->loop, c->free, c);
}

void http_state_lose(struct http_conn *c)
{
    bool known = c->state == CONN_BODY || (c->state == CONN_OWNER && !c->answer.done);
    http_state_close(c);
    if (known) {
        c->ops->gone(c->ctx, c);
    }
}
