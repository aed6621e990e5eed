#include "worker/turn/attempt.h"

#include <assert.h>

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
    *t = (struct transfer){.fetch = NULL};
}

void attempt_drop(struct attempt *a)
{
    drop_transfer(&a->transfer);
    buf_free(&a->body);
    buf_free(&a->changes);
    *a = (struct attempt){.number = a->number,
                          .left_out = a->left_out,
                          .clock_learnt = a->clock_learnt,
                          .keys_until_ms = a->keys_until_ms};
}

bool attempt_is_made(const struct attempt *a)
{
    return a->reply != NULL;
}

void attempt_begin_transfer(struct attempt *a)
{
    drop_transfer(&a->transfer);
}

void attempt_leave_out(struct attempt *a, enum attempt_omission what)
{
    a->left_out |= 1u << what;
}

bool attempt_leaves_out(const struct attempt *a, enum attempt_omission what)
{
    return a->left_out & 1u << what;
}

unsigned attempt_granted(const struct attempt *a)
{
    unsigned n = a->clock_learnt ? 1 : 0;
    for (unsigned i = 0; i < ATTEMPT_OMISSION_COUNT; i++) {
        n += attempt_leaves_out(a, i);
    }
    return n;
}

const char *attempt_note(enum attempt_omission what)
{
    static const char *const notes[] = {
#define ATTEMPT_NOTE(name, note) note,
        ATTEMPT_OMISSIONS(ATTEMPT_NOTE)
#undef ATTEMPT_NOTE
    };
    return notes[what];
}
