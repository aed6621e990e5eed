#include "worker/reply/converse_queue.h"

#include <string.h>

#define HELD_MAX ((size_t)4 << 20) /* of all blocks that wait: real calls have some kilobytes */

struct converse_block *converse_queue_find(struct converse_reply *r, int64_t theirs)
{
    for (uint32_t i = 0; i < r->open_n; i++) {
        if (r->open[i].theirs == theirs && !r->open[i].over) {
            return &r->open[i];
        }
    }
    return NULL;
}

bool converse_queue_full(const struct converse_reply *r)
{
    return r->open_n == CONVERSE_REPLY_OPEN_MAX;
}

static bool is_live(const struct converse_reply *r, const struct converse_block *b)
{
    return b == &r->open[0] || !r->dialect->one_at_a_time;
}

static struct buf *place(const struct converse_reply *r, struct converse_block *b, struct buf *out)
{
    return is_live(r, b) ? out : &b->held;
}

static void drop_held(void *ctx)
{
    struct converse_reply *r = ctx;
    for (uint32_t i = 0; i < r->open_n; i++) {
        buf_free(&r->open[i].held);
    }
}

/* A stream may end in the middle: what is held then goes with the arena. */
static bool may_hold(struct converse_reply *r)
{
    if (!r->drop_is_set && r->dialect->one_at_a_time && r->open_n > 0) {
        r->drop_is_set = arena_on_drop(r->arena, drop_held, r);
    }
    return r->drop_is_set || !r->dialect->one_at_a_time || r->open_n == 0;
}

/* An answer that comes whole, and goes on so, opens none. */
static bool has_places(struct converse_reply *r)
{
    if (!r->open) {
        r->open = arena_alloc(r->arena, CONVERSE_REPLY_OPEN_MAX * sizeof *r->open);
    }
    return r->open != NULL;
}

/* Of a dialect of one block at a time: what is no call is over. */
static void end_others(struct converse_reply *r, struct buf *out)
{
    uint32_t i = 0;
    bool ends = r->dialect->one_at_a_time || r->dialect->gathers;
    while (ends && i < r->open_n) {
        struct converse_block *b = &r->open[i];
        if (b->over || b->kind == CONVERSE_PART_TOOL) {
            i++;
        } else {
            converse_queue_close(r, b, out);
            i = 0; /* a live block has left, and perhaps others with it */
        }
    }
}

struct converse_block *converse_queue_open(struct converse_reply *r, const struct converse_event *e,
                                           struct buf *out)
{
    end_others(r, out);
    if (!has_places(r) || !may_hold(r)) {
        return NULL;
    }
    struct converse_block *b = &r->open[r->open_n++];
    bool tool = e->part.kind == CONVERSE_PART_TOOL;
    *b = (struct converse_block){.theirs = e->index,
                                 .ours = r->blocks++,
                                 .tool = tool ? r->tools++ : 0,
                                 .kind = e->part.kind == CONVERSE_PART_CITATION ? CONVERSE_PART_TEXT
                                                                                : e->part.kind};
    buf_init(&b->held, HELD_MAX);
    r->dialect->open(r, b, &e->part, place(r, b, out));
    return b;
}

void converse_queue_piece(struct converse_reply *r, struct converse_block *b,
                          const struct converse_part *p, struct buf *out)
{
    r->dialect->piece(r, b, p, place(r, b, out));
}

static void leave(struct converse_reply *r, struct converse_block *b)
{
    size_t after = (size_t)(&r->open[r->open_n] - (b + 1));
    buf_free(&b->held);
    memmove(b, b + 1, after * sizeof *b);
    r->open_n--;
}

/* The live block has left: the turn of the next, and of those behind it as far as they are over. */
static void next_turn(struct converse_reply *r, struct buf *out)
{
    while (r->dialect->one_at_a_time && r->open_n > 0) {
        struct converse_block *b = &r->open[0];
        buf_put_str(out, buf_str(&b->held));
        out->failed |= !buf_ok(&b->held); /* a part of it would be a lie */
        buf_free(&b->held);
        buf_init(&b->held, HELD_MAX);
        if (!b->over) {
            return;
        }
        leave(r, b);
    }
}

void converse_queue_close(struct converse_reply *r, struct converse_block *b, struct buf *out)
{
    /* Not every client takes no input at all for {}. */
    const struct converse_part nothing = {.kind = CONVERSE_PART_TOOL, .text = STR("{}")};
    struct buf *to = place(r, b, out);
    if (b->kind == CONVERSE_PART_TOOL && !b->filled) {
        r->dialect->piece(r, b, &nothing, to);
    }
    r->dialect->close(r, b, to);
    b->over = true;
    if (is_live(r, b)) {
        leave(r, b);
        next_turn(r, out);
    }
}

bool converse_queue_ok(const struct converse_reply *r)
{
    size_t n = 0;
    bool ok = true;
    for (uint32_t i = 1; r->dialect->one_at_a_time && i < r->open_n; i++) {
        n += buf_len(&r->open[i].held);
        ok &= buf_ok(&r->open[i].held);
    }
    return ok && n <= HELD_MAX;
}
