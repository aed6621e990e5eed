#include "server/http/http_state.h"

#include <assert.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/log.h"

static const char *const state_names[] = {
#define STATE_NAME(name, meaning) #name,
    CONN_STATES(STATE_NAME)
#undef STATE_NAME
};

#define TO(name) (1U << CONN_##name)
static const unsigned legal_moves[] = {
    [CONN_IDLE] = TO(HEAD) | TO(CLOSED),
    [CONN_HEAD] = TO(BODY) | TO(FLUSH) | TO(CLOSED),
    [CONN_BODY] = TO(OWNER) | TO(FLUSH) | TO(CLOSED),
    [CONN_OWNER] = TO(FLUSH) | TO(CLOSED),
    [CONN_FLUSH] = TO(IDLE) | TO(LINGER) | TO(CLOSED),
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
        c->list.set->idle--;
    } else if (state == CONN_IDLE) {
        c->list.set->idle++;
    }
    c->state = state;
    c->clock.since_ms = clock_mono_ms();
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

void http_state_link(struct http_conn *c)
{
    c->list.next = c->list.set->first;
    if (c->list.next) {
        c->list.next->list.prev = c;
    }
    c->list.set->first = c;
}

/* c->next stays: http_conn_each may stand on this one. */
static void unlink_conn(struct http_conn *c)
{
    if (c->list.prev) {
        c->list.prev->list.next = c->list.next;
    } else {
        c->list.set->first = c->list.next;
    }
    if (c->list.next) {
        c->list.next->list.prev = c->list.prev;
    }
}

/* ---- the end ----------------------------------------------------------------------------- */

void http_state_close(struct http_conn *c)
{
    http_state_enter(c, CONN_CLOSED);
    loop_remove(c->loop, c->socket.handle);
    loop_timer_cancel(c->loop, &c->clock.timer);
    close(c->socket.fd);
    unlink_conn(c);
    c->list.set->open--;
    loop_defer(c->loop, c->free, c);
}

void http_state_lose(struct http_conn *c)
{
    bool known = c->state == CONN_BODY || (c->state == CONN_OWNER && !c->answer.done);
    http_state_close(c);
    if (known) {
        c->owner.ops->gone(c->owner.ctx, c);
    }
}
