#include "worker/turn/attempt.h"

#include <assert.h>
#include <string.h>

#include "worker/dialect/changes.h"

void attempt_begin(struct attempt *a)
{
    assert(!attempt_is_made(a));
    buf_init(&a->changes, CHANGES_MAX);
}

static void drop_transfer(struct transfer *t)
{
    if (t->fetch) {
        fetch_cancel(t->fetch);
    }
    buf_free(&t->held_back);
    eventstream_free(&t->frames);
    sse_free(&t->events);
    *t = (struct transfer){.fetch = NULL};
}

void attempt_drop(struct attempt *a)
{
    drop_transfer(&a->transfer);
    buf_free(&a->body);
    buf_free(&a->changes);
    uint8_t refused[SHA256_SIZE];
    memcpy(refused, a->refused_sha256, sizeof refused);
    *a = (struct attempt){.number = a->number,
                          .elsewhere = a->elsewhere,
                          .left_out = a->left_out,
                          .clock_learnt = a->clock_learnt,
                          .keys_until_ms = a->keys_until_ms,
                          .cure = a->cure,
                          .proved = a->proved,
                          .pause_ms = a->pause_ms,
                          .native.refused = a->native.refused,
                          .lane = a->lane,
                          .refused = a->refused};
    memcpy(a->refused_sha256, refused, sizeof refused);
}

void attempt_move(struct attempt *a)
{
    attempt_drop(a);
    *a = (struct attempt){.number = a->number,
                          .elsewhere = a->number - (a->clock_learnt ? 1u : 0),
                          .clock_learnt = a->clock_learnt,
                          .keys_until_ms = a->keys_until_ms,
                          .lane = a->lane};
}

bool attempt_is_made(const struct attempt *a)
{
    return a->reply != NULL;
}

void attempt_begin_transfer(struct attempt *a)
{
    drop_transfer(&a->transfer);
}

void attempt_leave_out(struct attempt *a, enum plan_field what)
{
    a->left_out |= PLAN_BIT(what);
}

bool attempt_leaves_out(const struct attempt *a, enum plan_field what)
{
    return (a->left_out & PLAN_BIT(what)) != 0;
}

bool attempt_is_cured(const struct attempt *a)
{
    return a->cure.what != LEARNED_NOTHING;
}

unsigned attempt_granted(const struct attempt *a)
{
    return a->lane.moves + (a->clock_learnt ? 1u : 0) + (attempt_is_cured(a) ? 1u : 0) +
           (unsigned)__builtin_popcountll(a->left_out) + a->elsewhere +
           (a->native.refused ? 1u : 0);
}
