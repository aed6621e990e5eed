#include "worker/reply/sse.h"

#include <string.h>

void sse_init(struct sse *s, size_t event_max)
{
    *s = (struct sse){.looked = 0};
    buf_init(&s->held, event_max);
}

void sse_free(struct sse *s)
{
    buf_free(&s->held);
    *s = (struct sse){.looked = 0};
}

static void cut_cr(struct str *line)
{
    line->n -= line->n > 0 && line->p[line->n - 1] == '\r';
}

/* Length of the first event with its empty line, or 0. */
static size_t find_end(struct sse *s)
{
    struct str all = buf_str(&s->held);
    for (size_t at = s->looked; at < all.n;) {
        const char *end = memchr(all.p + at, '\n', all.n - at);
        if (!end) {
            break;
        }
        size_t next = (size_t)(end - all.p) + 1;
        struct str line = text_sub(all, at, next - 1 - at);
        cut_cr(&line);
        if (line.n == 0) {
            s->looked = 0;
            return next;
        }
        s->looked = at = next;
    }
    return 0;
}

/* "name: value", "name:value"; false: it is another's. */
static bool take_field(struct str line, struct str name, struct str *value_out)
{
    if (!text_starts(line, name) || line.n == name.n || line.p[name.n] != ':') {
        return false;
    }
    size_t from = name.n + 1;
    from += from < line.n && line.p[from] == ' ';
    *value_out = (struct str){line.p + from, line.n - from};
    return true;
}

/* Data of several lines is joined where it lies. */
static bool read_event(char *p, size_t n, struct eventstream_frame *out)
{
    struct str rest = {p, n}, line, value;
    char *to = p;
    bool any = false;
    *out = (struct eventstream_frame){.kind = EVENTSTREAM_EVENT, .type = STR("")};
    while (text_split(&rest, '\n', &line)) {
        cut_cr(&line);
        if (take_field(line, STR("event"), &value)) {
            out->type = value;
        } else if (take_field(line, STR("data"), &value)) {
            if (!any) {
                out->payload = value;
                to = p + (value.p - p) + value.n;
            } else {
                *to++ = '\n';
                if (value.n > 0) {
                    memmove(to, value.p, value.n);
                    to += value.n;
                }
                out->payload.n = (size_t)(to - out->payload.p);
            }
            any = true;
        }
    }
    return any;
}

static bool take(struct sse *s, struct str *input, struct err *err)
{
    if (s->due) {
        buf_consume(&s->held, s->due);
        s->due = 0;
    }
    buf_put_str(&s->held, *input);
    *input = text_sub(*input, input->n, 0);
    if (!buf_ok(&s->held)) {
        err_set(err, STATUS_UPSTREAM, "an event of the model's stream is too large");
        return false;
    }
    return true;
}

enum eventstream_next sse_next(struct sse *s, struct str *input,
                               struct eventstream_frame *frame_out, struct err *err)
{
    if (!take(s, input, err)) {
        return EVENTSTREAM_BAD;
    }
    for (size_t n; (n = find_end(s)) > 0; buf_consume(&s->held, n)) {
        char *p = buf_data(&s->held);
        if (read_event(p, n, frame_out)) {
            frame_out->raw = (struct str){p, n};
            s->due = n;
            return EVENTSTREAM_FRAME;
        }
    }
    return EVENTSTREAM_MORE;
}

bool sse_partial(const struct sse *s)
{
    return buf_len(&s->held) > s->due;
}
