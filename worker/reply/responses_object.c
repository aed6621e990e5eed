/* The response object of each lifecycle event and of a whole answer. */
#include "worker/reply/responses_object.h"

#include "worker/reply/output_item.h"

#define ECHO_MAX ((size_t)64 << 20) /* the request had room, too */

/* --- what does not change -------------------------------------------------------------------- */

/* A request may have long ones: the last event repeats them, the two at the beginning do without. */
static bool is_long(struct str key)
{
    return text_eq(key, STR("instructions")) || text_eq(key, STR("tools"));
}

static void put_echoes(struct json_out *w, const struct responses_echo *echo, bool longs, bool told)
{
    const struct {
        struct str key, value, absent;
    } rows[] = {
#define ROW(member, none) {STR(#member), echo->member, STR(none)},
        RESPONSES_WANTS_ECHOES(ROW)
#undef ROW
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (is_long(rows[i].key) == longs) {
            json_key(w, rows[i].key);
            json_raw(w, told && rows[i].value.p ? rows[i].value : rows[i].absent);
        }
    }
}

/* Behind the last "_" of the response's id: items are "msg_..._0", "fc_..._1". */
static struct str tail_of(struct str id)
{
    size_t at;
    return text_find(id, STR("_"), &at) ? text_sub(id, at + 1, id.n) : id;
}

bool responses_object_init(struct responses_reply *r)
{
    struct json_out w;
    struct buf b;
    buf_init(&b, ECHO_MAX);
    json_begin(&w, &b);
    json_object(&w);
    converse_reply_str(&w, STR("id"), r->base.id);
    converse_reply_str(&w, STR("object"), STR("response"));
    JSON_KEY(&w, "created_at");
    json_i64(&w, r->wants.created_s);
    converse_reply_str(&w, STR("model"), r->base.reply.client_model);
    JSON_KEY(&w, "background");
    json_bool(&w, false);
    converse_reply_null(&w, STR("previous_response_id"));
    JSON_KEY(&w, "store");
    json_bool(&w, false);
    put_echoes(&w, &r->wants.echo, false, true);
    if (buf_ok(&b)) {
        r->head = arena_dup(r->base.arena, buf_str(&b));
    }
    buf_free(&b);
    r->id_tail = tail_of(r->base.id);
    return r->head.p != NULL;
}

/* --- the object ------------------------------------------------------------------------------ */

/* input_tokens count the cached ones, too. */
static void put_usage(struct json_out *w, const struct tokens *u)
{
    uint64_t input = u->input + u->cache_read + tokens_written(u);
    json_object(w);
    converse_reply_count(w, STR("input_tokens"), input);
    JSON_KEY(w, "input_tokens_details");
    json_object(w);
    converse_reply_count(w, STR("cached_tokens"), u->cache_read);
    converse_reply_count(w, STR("cache_write_tokens"), tokens_written(u));
    json_object_end(w);
    converse_reply_count(w, STR("output_tokens"), u->output);
    JSON_KEY(w, "output_tokens_details");
    json_object(w);
    converse_reply_count(w, STR("reasoning_tokens"), 0); /* Converse does not tell them apart */
    json_object_end(w);
    converse_reply_count(w, STR("total_tokens"), input + u->output);
    json_object_end(w);
}

static void put_trouble(struct json_out *w, const struct responses_ending *e)
{
    JSON_KEY(w, "error");
    if (e->code.p) {
        json_object(w);
        converse_reply_str(w, STR("code"), e->code);
        converse_reply_str(w, STR("message"), e->message);
        json_object_end(w);
    } else {
        json_null(w);
    }
    JSON_KEY(w, "incomplete_details");
    if (e->incomplete) {
        json_object(w);
        converse_reply_str(w, STR("reason"), text_from(e->incomplete));
        json_object_end(w);
    } else {
        json_null(w);
    }
}

void responses_object_put(const struct responses_reply *r, const struct responses_ending *e,
                          struct buf *out)
{
    struct json_out w;
    buf_put_str(out, r->head);
    json_begin(&w, out);
    w.comma = true; /* behind the head's last member */
    converse_reply_str(&w, STR("status"), text_from(e->status));
    put_trouble(&w, e);
    put_echoes(&w, &r->wants.echo, true, e->last);
    JSON_KEY(&w, "output");
    json_array(&w);
    if (e->last) {
        buf_put_str(out, buf_str(&r->output));
    }
    json_array_end(&w);
    JSON_KEY(&w, "usage");
    if (e->last) {
        put_usage(&w, &r->base.reply.usage.tokens);
    } else {
        json_null(&w);
    }
    json_object_end(&w);
}

void responses_object_event(struct responses_reply *r, struct str type,
                            const struct responses_ending *e, struct buf *out)
{
    output_item_event(r, type, out);
    BUF_LIT(out, ",\"response\":");
    responses_object_put(r, e, out);
    BUF_LIT(out, "}\n\n");
}
