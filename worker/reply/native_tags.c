#include "worker/reply/native_tags.h"

#include <assert.h>
#include <string.h>

static const struct str open_tag = STR("<reasoning>"), close_tag = STR("</reasoning>");

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void hold(struct native_tags *t, char c)
{
    assert(t->held_n < NATIVE_TAGS_HELD);
    t->held[t->held_n++] = c;
}

/* What waited was no tag. */
static void release(struct native_tags *t, struct buf *out)
{
    buf_put(out, t->held, t->held_n);
    t->held_n = 0;
}

/* Before a text: a tag, or the text begins. */
static void take_before(struct native_tags *t, char c, struct buf *said)
{
    if (t->phase == NATIVE_TAGS_BETWEEN && t->held_n == 0 && is_blank(c)) {
        return;
    }
    hold(t, c);
    if (!text_starts(open_tag, (struct str){t->held, t->held_n})) {
        t->phase = NATIVE_TAGS_SAID;
        release(t, said);
    } else if (t->held_n == open_tag.n) {
        t->phase = NATIVE_TAGS_THOUGHT;
        t->held_n = 0;
    }
}

/* "<" stands in a tag once, so what was no tag may begin one with its last byte alone. */
static void take_thought(struct native_tags *t, char c, struct buf *thought)
{
    if (c == '<') {
        release(t, thought);
    }
    hold(t, c);
    if (!text_starts(close_tag, (struct str){t->held, t->held_n})) {
        release(t, thought);
    } else if (t->held_n == close_tag.n) {
        t->phase = NATIVE_TAGS_BETWEEN;
        t->held_n = 0;
    }
}

void native_tags_feed(struct native_tags *t, struct str text, struct buf *thought, struct buf *said)
{
    for (size_t i = 0; i < text.n; i++) {
        switch (t->phase) {
        case NATIVE_TAGS_START:
        case NATIVE_TAGS_BETWEEN:
            take_before(t, text.p[i], said);
            break;
        case NATIVE_TAGS_THOUGHT:
            take_thought(t, text.p[i], thought);
            break;
        case NATIVE_TAGS_SAID:
            buf_put_str(said, text_sub(text, i, text.n));
            return;
        }
    }
}

void native_tags_end(struct native_tags *t, struct buf *thought, struct buf *said)
{
    release(t, t->phase == NATIVE_TAGS_THOUGHT ? thought : said);
}
