/* What Bedrock's own Responses answers: an object, or its events with their numbers. */
#include <stdio.h>

#include "tests/mock/native.h"

struct speech { /* one answer */
    const struct reply *reply;
    const struct native_wants *wants;
    struct buf *out;
    uint32_t number;  /* of the next event */
    uint32_t deltas;  /* how many may come until it breaks; 0: all have come */
    size_t broken_at; /* there in out */
    uint32_t broken_number;
    struct json_out w; /* the event that is open */
};

static const char *status_of(const struct reply *r)
{
    return text_eq(text_from(r->stop_reason), STR("max_tokens")) ||
                   text_eq(text_from(r->stop_reason), STR("refusal"))
               ? "incomplete"
               : "completed";
}

/* --- items --------------------------------------------------------------------------------- */

static void put_id(struct json_out *w, const char *member, const char *prefix, size_t at)
{
    char id[40];
    snprintf(id, sizeof id, "%s_mock%zu", prefix, at);
    speaker_put(w, text_from(member), text_from(id));
}

static void put_part(struct json_out *w, const struct block *b, bool full)
{
    json_object(w);
    speaker_put(w, STR("type"), STR("output_text"));
    JSON_KEY(w, "text");
    if (full)
        speaker_text(w, b);
    else
        json_str(w, STR(""));
    JSON_KEY(w, "annotations");
    json_raw(w, STR("[]"));
    JSON_KEY(w, "logprobs");
    json_raw(w, STR("[]"));
    json_object_end(w);
}

static void put_message(struct json_out *w, const struct block *b, size_t at, const char *status)
{
    bool full = !text_eq(text_from(status), STR("in_progress"));
    put_id(w, "id", "msg", at);
    speaker_put(w, STR("type"), STR("message"));
    speaker_put(w, STR("status"), text_from(status));
    JSON_KEY(w, "content");
    json_array(w);
    if (full)
        put_part(w, b, true);
    json_array_end(w);
    speaker_put(w, STR("role"), STR("assistant"));
}

static void put_summary(struct json_out *w, const struct block *b)
{
    json_object(w);
    speaker_put(w, STR("type"), STR("summary_text"));
    speaker_put(w, STR("text"), b->text);
    json_object_end(w);
}

static void put_reasoning(struct json_out *w, const struct speech *p, const struct block *b,
                          size_t at, const char *status)
{
    bool full = !text_eq(text_from(status), STR("in_progress"));
    put_id(w, "id", "rs", at);
    speaker_put(w, STR("type"), STR("reasoning"));
    if (p->wants->encrypted)
        speaker_put(w, STR("encrypted_content"), STR(NATIVE_SEAL "thought"));
    JSON_KEY(w, "summary");
    json_array(w);
    if (full && p->wants->summary)
        put_summary(w, b);
    json_array_end(w);
}

/* The text of a custom tool is the member "input" of what the order has. */
static struct str custom_input(const struct block *b, struct arena *arena)
{
    struct scan s;
    struct err err;
    if (scan_parse(&s, arena, b->text, &native_limits, &err) != STATUS_OK)
        return b->text;
    return scan_text(&s, SCAN_GET(&s, 0, "input"));
}

static void put_call(struct json_out *w, const struct speech *p, const struct block *b, size_t at,
                     const char *status)
{
    bool full = !text_eq(text_from(status), STR("in_progress"));
    struct str space, kind = native_ask_kind(p->wants->scan, b->name, &space);
    bool custom = text_eq(kind, STR("custom")), search = text_eq(kind, STR("tool_search"));
    put_id(w, "id", custom ? "ctc" : search ? "tsc" : "fc", at);
    speaker_put(w, STR("type"),
                custom   ? STR("custom_tool_call")
                : search ? STR("tool_search_call")
                         : STR("function_call"));
    speaker_put(w, STR("status"), text_from(status));
    speaker_put(w, STR("call_id"), text_from(b->id));
    if (search) {
        speaker_put(w, STR("execution"), STR("client"));
        JSON_KEY(w, "arguments");
        json_raw(w, b->text);
        return;
    }
    speaker_put(w, STR("name"), b->name);
    if (space.n > 0)
        speaker_put(w, STR("namespace"), space);
    if (custom)
        speaker_put(w, STR("input"), full ? custom_input(b, p->wants->scan->arena) : STR(""));
    else
        speaker_put(w, STR("arguments"), full ? b->text : STR(""));
}

static void put_item(struct json_out *w, const struct speech *p, size_t at, const char *status)
{
    const struct block *b = &p->reply->block[at];
    json_object(w);
    if (b->kind == BLOCK_TEXT)
        put_message(w, b, at, status);
    else if (b->kind == BLOCK_THINKING)
        put_reasoning(w, p, b, at, status);
    else
        put_call(w, p, b, at, status);
    json_object_end(w);
}

/* --- the response -------------------------------------------------------------------------- */

static void put_usage(struct json_out *w, const struct usage *u)
{
    uint32_t all = u->input + u->cache_read + u->cache_write;
    json_object(w);
    speaker_count(w, STR("input_tokens"), all);
    JSON_KEY(w, "input_tokens_details");
    json_object(w);
    speaker_count(w, STR("cached_tokens"), u->cache_read);
    speaker_count(w, STR("cache_write_tokens"), u->cache_write);
    json_object_end(w);
    speaker_count(w, STR("output_tokens"), u->output);
    JSON_KEY(w, "output_tokens_details");
    json_object(w);
    speaker_count(w, STR("reasoning_tokens"), u->thinking);
    json_object_end(w);
    speaker_count(w, STR("total_tokens"), all + u->output);
    json_object_end(w);
}

static void put_again(struct json_out *w, const struct scan *s, const char *name,
                      const char *absent)
{
    struct str raw = scan_raw(s, scan_get(s, 0, text_from(name)));
    json_key(w, text_from(name));
    json_raw(w, raw.n > 0 ? raw : text_from(absent));
}

static void put_ending(struct json_out *w, const struct reply *r, bool over)
{
    bool cut = text_eq(text_from(r->stop_reason), STR("max_tokens"));
    JSON_KEY(w, "incomplete_details");
    if (!over || text_eq(text_from(status_of(r)), STR("completed"))) {
        json_null(w);
        return;
    }
    json_object(w);
    speaker_put(w, STR("reason"), cut ? STR("max_output_tokens") : STR("content_filter"));
    json_object_end(w);
}

static void put_response(struct json_out *w, const struct speech *p, bool over)
{
    static const struct {
        const char *name, *absent;
    } echoes[] = {{"instructions", "null"},
                  {"max_output_tokens", "null"},
                  {"parallel_tool_calls", "true"},
                  {"prompt_cache_key", "null"},
                  {"reasoning", "{}"},
                  {"text", "{\"format\":{\"type\":\"text\"}}"},
                  {"tool_choice", "\"auto\""},
                  {"tools", "[]"},
                  {"temperature", "1.0"},
                  {"top_p", "0.98"},
                  {"store", "true"}};
    const struct reply *r = p->reply;
    json_object(w);
    speaker_put(w, STR("id"), STR("resp_mock"));
    speaker_put(w, STR("object"), STR("response"));
    speaker_count(w, STR("created_at"), 1764500000);
    speaker_put(w, STR("status"), text_from(over ? status_of(r) : "in_progress"));
    JSON_KEY(w, "background");
    json_bool(w, false);
    JSON_KEY(w, "error");
    json_null(w);
    put_ending(w, r, over);
    speaker_put(w, STR("model"), r->model);
    for (size_t i = 0; i < COUNT_OF(echoes); i++)
        put_again(w, p->wants->scan, echoes[i].name, echoes[i].absent);
    JSON_KEY(w, "output");
    json_array(w);
    for (size_t i = 0; over && i < r->block_n; i++)
        put_item(w, p, i, i + 1 == r->block_n ? status_of(r) : "completed");
    json_array_end(w);
    JSON_KEY(w, "metadata");
    json_raw(w, STR("{}"));
    speaker_put(w, STR("service_tier"), STR("default"));
    JSON_KEY(w, "usage");
    if (over && r->usage.told != TOLD_NOWHERE)
        put_usage(w, &r->usage);
    else
        json_null(w);
    json_object_end(w);
}

/* --- events -------------------------------------------------------------------------------- */

static struct json_out *begin_event(struct speech *p, const char *type)
{
    buf_printf(p->out, "event: %s\ndata: ", type);
    json_begin(&p->w, p->out);
    json_object(&p->w);
    speaker_put(&p->w, STR("type"), text_from(type));
    speaker_count(&p->w, STR("sequence_number"), p->number++);
    return &p->w;
}

static void end_event(struct speech *p)
{
    json_object_end(&p->w);
    BUF_LIT(p->out, "\n\n");
}

static void tell_response(struct speech *p, const char *type, bool over)
{
    struct json_out *w = begin_event(p, type);
    JSON_KEY(w, "response");
    put_response(w, p, over);
    end_event(p);
}

static void tell_item(struct speech *p, const char *type, size_t at, const char *status)
{
    struct json_out *w = begin_event(p, type);
    speaker_count(w, STR("output_index"), (uint32_t)at);
    JSON_KEY(w, "item");
    put_item(w, p, at, status);
    end_event(p);
}

static struct json_out *begin_of_item(struct speech *p, const char *type, const char *prefix,
                                      size_t at, const char *index)
{
    struct json_out *w = begin_event(p, type);
    put_id(w, "item_id", prefix, at);
    speaker_count(w, STR("output_index"), (uint32_t)at);
    if (index)
        speaker_count(w, text_from(index), 0);
    return w;
}

static void tell_deltas(struct speech *p, const char *type, const char *prefix, size_t at,
                        const char *index, struct str text)
{
    for (size_t n; text.n > 0; text = text_sub(text, n, text.n)) {
        n = ask_piece(text, 8);
        n = n > 0 ? n : text.n;
        struct json_out *w = begin_of_item(p, type, prefix, at, index);
        speaker_put(w, STR("delta"), text_sub(text, 0, n));
        end_event(p);
        if (p->deltas > 0 && --p->deltas == 0) {
            p->broken_at = buf_len(p->out);
            p->broken_number = p->number;
        }
    }
}

static void tell_text(struct speech *p, size_t at)
{
    const struct block *b = &p->reply->block[at];
    struct json_out *w =
        begin_of_item(p, "response.content_part.added", "msg", at, "content_index");
    JSON_KEY(w, "part");
    put_part(w, b, false);
    end_event(p);
    for (uint32_t i = 0; i < b->repeat; i++)
        tell_deltas(p, "response.output_text.delta", "msg", at, "content_index", b->text);
    if (!b->repeat)
        tell_deltas(p, "response.output_text.delta", "msg", at, "content_index", b->text);
    w = begin_of_item(p, "response.output_text.done", "msg", at, "content_index");
    JSON_KEY(w, "text");
    speaker_text(w, b);
    end_event(p);
    w = begin_of_item(p, "response.content_part.done", "msg", at, "content_index");
    JSON_KEY(w, "part");
    put_part(w, b, true);
    end_event(p);
}

static void tell_thought(struct speech *p, size_t at)
{
    const struct block *b = &p->reply->block[at];
    if (!p->wants->summary)
        return;
    struct json_out *w =
        begin_of_item(p, "response.reasoning_summary_part.added", "rs", at, "summary_index");
    JSON_KEY(w, "part");
    json_raw(w, STR("{\"type\":\"summary_text\",\"text\":\"\"}"));
    end_event(p);
    tell_deltas(p, "response.reasoning_summary_text.delta", "rs", at, "summary_index", b->text);
    w = begin_of_item(p, "response.reasoning_summary_text.done", "rs", at, "summary_index");
    speaker_put(w, STR("text"), b->text);
    end_event(p);
    w = begin_of_item(p, "response.reasoning_summary_part.done", "rs", at, "summary_index");
    JSON_KEY(w, "part");
    put_summary(w, b);
    end_event(p);
}

static void tell_call(struct speech *p, size_t at)
{
    const struct block *b = &p->reply->block[at];
    struct str space, kind = native_ask_kind(p->wants->scan, b->name, &space);
    bool custom = text_eq(kind, STR("custom"));
    if (text_eq(kind, STR("tool_search")))
        return;
    struct str text = custom ? custom_input(b, p->wants->scan->arena) : b->text;
    tell_deltas(p,
                custom ? "response.custom_tool_call_input.delta"
                       : "response.function_call_arguments.delta",
                custom ? "ctc" : "fc", at, NULL, text);
    struct json_out *w = begin_of_item(p,
                                       custom ? "response.custom_tool_call_input.done"
                                              : "response.function_call_arguments.done",
                                       custom ? "ctc" : "fc", at, NULL);
    speaker_put(w, custom ? STR("input") : STR("arguments"), text);
    if (!custom)
        speaker_put(w, STR("name"), b->name);
    end_event(p);
}

static void tell_block(struct speech *p, size_t at)
{
    enum block_kind kind = p->reply->block[at].kind;
    tell_item(p, "response.output_item.added", at, "in_progress");
    if (kind == BLOCK_TEXT)
        tell_text(p, at);
    else if (kind == BLOCK_THINKING)
        tell_thought(p, at);
    else
        tell_call(p, at);
    tell_item(p, "response.output_item.done", at,
              at + 1 == p->reply->block_n ? status_of(p->reply) : "completed");
}

static void tell_failure(struct speech *p, const struct faults *f)
{
    bool throttle = fault_on(f, FAULT_STREAM_THROTTLE);
    struct json_out *w = begin_event(p, "response.failed");
    JSON_KEY(w, "response");
    json_object(w);
    speaker_put(w, STR("id"), STR("resp_mock"));
    speaker_put(w, STR("status"), STR("failed"));
    JSON_KEY(w, "error");
    json_object(w);
    speaker_put(w, STR("code"), throttle ? STR("rate_limit_exceeded") : STR("server_error"));
    speaker_put(w, STR("message"),
                throttle ? STR("it broke in account 123456789012; please try again in 3s.")
                         : STR("it broke in account 123456789012"));
    json_object_end(w);
    if (p->reply->usage.told == TOLD_AGAIN) {
        JSON_KEY(w, "usage");
        put_usage(w, &p->reply->usage);
    }
    json_object_end(w);
    end_event(p);
}

static void give_stream(struct speech *p, const struct faults *f, struct answer *out)
{
    bool fails = fault_on(f, FAULT_STREAM_INTERNAL) || fault_on(f, FAULT_STREAM_THROTTLE);
    uint32_t after =
        f->n[fault_on(f, FAULT_STREAM_INTERNAL) ? FAULT_STREAM_INTERNAL : FAULT_STREAM_THROTTLE];
    p->deltas = fails ? after : 0;
    tell_response(p, "response.created", false);
    tell_response(p, "response.in_progress", false);
    for (size_t i = 0; i < p->reply->block_n && !(fails && after == 0); i++)
        tell_block(p, i);
    if (fails && p->broken_at > 0) {
        buf_truncate(p->out, p->broken_at);
        p->number = p->broken_number;
    }
    if (fails)
        tell_failure(p, f);
    else if (!fault_on(f, FAULT_MISSING_END))
        tell_response(p,
                      text_eq(text_from(status_of(p->reply)), STR("completed"))
                          ? "response.completed"
                          : "response.incomplete",
                      true);
    if (fault_on(f, FAULT_TRUNCATED_FRAME))
        buf_truncate(p->out, buf_len(p->out) - 10);
    native_put_chunks(out, buf_str(p->out), fault_on(f, FAULT_BYTEWISE) ? 1 : 100);
}

static void give_whole(struct speech *p, struct answer *out)
{
    struct json_out w;
    json_begin(&w, p->out);
    put_response(&w, p, true);
    answer_body(out, 200, STR("application/json"), STR(""), p->out);
}

void native_responses(struct mock *mock, const struct request *r, struct arena *arena,
                      const struct faults *faults, struct answer *out)
{
    struct scan s;
    struct err err = {.code = STATUS_OK};
    struct reply reply;
    struct native_wants wants;
    char why[WHY_SIZE];
    if (scan_parse(&s, arena, r->body, &native_limits, &err) != STATUS_OK) {
        native_refuse(mock, out, 400, "the body is no JSON");
        return;
    }
    struct ask ask = {.model = scan_text(&s, SCAN_GET(&s, 0, "model")), .body_n = r->body.n};
    if (fault_on(faults, FAULT_NATIVE_ABSENT) || !native_is_gpt(ask.model)) {
        native_refuse(mock, out, 404, "the model does not exist here");
        return;
    }
    bool valid = native_ask_read(&s, &ask, &wants, why);
    if (!valid || fault_on(faults, FAULT_NATIVE_INVALID)) {
        native_refuse(mock, out, 400, valid ? "it is invalid here" : why);
        return;
    }
    if (!ask_reply(arena, &ask, faults, &reply)) {
        native_refuse(mock, out, 503, "mock: out of memory");
        return;
    }
    mock->ledger.input_tokens += reply.usage.input;
    mock->ledger.output_tokens += reply.usage.output;
    buf_clear(&mock->body);
    struct speech speech = {.reply = &reply, .wants = &wants, .out = &mock->body};
    if (wants.stream)
        give_stream(&speech, faults, out);
    else
        give_whole(&speech, out);
}
