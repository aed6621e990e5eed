#include "tests/mock/speaker.h"

#include <stdarg.h>
#include <stdio.h>

bool speaker_refuse(char why[WHY_SIZE], const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, WHY_SIZE, fmt, args);
    va_end(args);
    return false;
}

static bool in_list(struct str name, const char *const *list)
{
    for (; *list; list++)
        if (text_eq(name, text_from(*list)))
            return true;
    return false;
}

bool speaker_only(const struct scan *s, scan_ref object, const char *const *list, const char *where,
                  char why[WHY_SIZE])
{
    for (scan_ref v = scan_first(s, object); v != SCAN_ABSENT; v = scan_next(s, object, v)) {
        struct str name = scan_text(s, scan_key(s, v));
        if (!in_list(name, list))
            return speaker_refuse(why, "%s%.*s: Extra inputs are not permitted", where,
                                  STR_ARG(name));
    }
    return true;
}

void speaker_put(struct json_out *w, struct str key, struct str value)
{
    json_key(w, key);
    json_str(w, value);
}

void speaker_count(struct json_out *w, struct str key, uint32_t value)
{
    json_key(w, key);
    json_i64(w, value);
}

void speaker_text(struct json_out *w, const struct block *b)
{
    if (b->repeat == 0) {
        json_str(w, b->text);
        return;
    }
    struct buf all;
    buf_init(&all, b->text.n * b->repeat + 1);
    for (uint32_t i = 0; i < b->repeat; i++)
        buf_put_str(&all, b->text);
    json_str(w, buf_str(&all));
    buf_free(&all);
}

void speaker_fields(struct json_out *w, const struct reply *r)
{
    bool stops = r->stop_sequence.p && r->shows_stop_sequence;
    bool thinks = r->usage.thinking && r->shows_thinking_tokens;
    if (!stops && !thinks)
        return;
    JSON_KEY(w, "additionalModelResponseFields");
    json_object(w);
    if (stops)
        speaker_put(w, STR("stop_sequence"), r->stop_sequence);
    if (thinks) {
        JSON_KEY(w, "usage");
        json_object(w);
        JSON_KEY(w, "output_tokens_details");
        json_object(w);
        JSON_KEY(w, "thinking_tokens");
        json_i64(w, r->usage.thinking);
        json_object_end(w);
        json_object_end(w);
    }
    json_object_end(w);
}
