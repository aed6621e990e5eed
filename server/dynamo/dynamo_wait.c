#include "server/dynamo/dynamo_wait.h"

#include "server/base/clock.h"

bool dynamo_wait_goes_on(struct dynamo_wait *w)
{
    w->given_up = w->given_up || (w->fn && !w->fn(w->ctx));
    return !w->given_up;
}

static void on_alarm(struct loop *loop, void *owner)
{
    struct dynamo_wait *w = owner;
    uint64_t now_ms = clock_mono_ms();
    if (!dynamo_wait_goes_on(w) || now_ms >= w->alarm_end_ms) {
        loop_stop(loop);
        return;
    }
    uint64_t left_ms = w->alarm_end_ms - now_ms;
    loop_timer_in(loop, &w->alarm, left_ms < DYNAMO_WAIT_EVERY_MS ? left_ms : DYNAMO_WAIT_EVERY_MS,
                  on_alarm, w);
}

void dynamo_wait_arrive(struct dynamo_wait *w)
{
    loop_stop(w->loop);
}

void dynamo_wait_run(struct dynamo_wait *w, uint64_t end_ms)
{
    w->alarm_end_ms = end_ms;
    clock_tick();
    loop_timer_in(w->loop, &w->alarm, 0, on_alarm, w);
    loop_run(w->loop);
    loop_timer_cancel(w->loop, &w->alarm);
}
