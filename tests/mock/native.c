#include "tests/mock/native.h"

#include <stdio.h>

const struct scan_limits native_limits = {
    .depth = 1000, .values = 5000000, .keys = 1000000, .number_len = 1000};

void native_refuse(struct mock *mock, struct answer *out, int status, const char *text)
{
    struct json_out w;
    buf_clear(&mock->body);
    json_begin(&w, &mock->body);
    json_object(&w);
    JSON_KEY(&w, "error");
    json_object(&w);
    speaker_put(&w, STR("message"), text_from(text));
    speaker_put(&w, STR("type"), STR("invalid_request_error"));
    JSON_KEY(&w, "param");
    json_null(&w);
    JSON_KEY(&w, "code");
    json_null(&w);
    json_object_end(&w);
    json_object_end(&w);
    mock->ledger.refused++;
    answer_body(out, status, STR("application/json"), STR(""), &mock->body);
}

/* --- the request --------------------------------------------------------------------------- */

bool native_is_gpt(struct str model)
{
    return text_starts(model, STR("us.openai.gpt-")) ||
           text_starts(model, STR("global.openai.gpt-"));
}

static bool is_grok(struct str model)
{
    size_t at;
    return text_find(model, STR("xai.grok"), &at);
}

static bool is_oss(struct str model)
{
    return text_starts(model, STR("openai.gpt-oss-"));
}

static bool check_parameters(const struct scan *s, struct str model, char why[WHY_SIZE])
{
    static const char *const sampling[] = {"temperature",       "top_p",    "presence_penalty",
                                           "frequency_penalty", "logprobs", "top_logprobs"};
    static const char *const nowhere[] = {"stop", "response_format", "top_k",   "logit_bias",
                                          "user", "store",           "metadata"};
    bool none = SCAN_IS(s, SCAN_GET(s, 0, "reasoning_effort"), "none");
    for (size_t i = 0; i < COUNT_OF(sampling); i++) {
        bool penalty = i == 2 || i == 3;
        if (scan_get(s, 0, text_from(sampling[i])) != SCAN_ABSENT &&
            ((native_is_gpt(model) && !none) || (is_grok(model) && penalty)))
            return speaker_refuse(why, "Unsupported parameter: '%s'", sampling[i]);
    }
    for (size_t i = 0; i < COUNT_OF(nowhere); i++)
        if (scan_get(s, 0, text_from(nowhere[i])) != SCAN_ABSENT)
            return speaker_refuse(why, "Unsupported parameter: '%s'", nowhere[i]);
    if (!is_grok(model) && SCAN_GET(s, 0, "max_tokens") != SCAN_ABSENT)
        return speaker_refuse(why, "The 'max_tokens' parameter is not supported, use "
                                   "'max_completion_tokens' instead");
    if (is_grok(model) && none)
        return speaker_refuse(why, "Unsupported value: 'reasoning_effort' 'none'");
    if (native_is_gpt(model) && !none && scan_size(s, SCAN_GET(s, 0, "tools")) > 0)
        return speaker_refuse(why, "tools are not supported with this reasoning effort");
    return true;
}

static struct str text_of(const struct scan *s, scan_ref content)
{
    if (scan_type(s, content) == SCAN_STRING)
        return scan_text(s, content);
    struct str text = STR("");
    for (scan_ref b = scan_first(s, content); b != SCAN_ABSENT; b = scan_next(s, content, b))
        if (SCAN_IS(s, SCAN_GET(s, b, "type"), "text"))
            text = scan_text(s, SCAN_GET(s, b, "text"));
    return text;
}

static void understand(const struct scan *s, struct ask *ask)
{
    scan_ref messages = SCAN_GET(s, 0, "messages"), tools = SCAN_GET(s, 0, "tools");
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT; m = scan_next(s, messages, m)) {
        struct str text = text_of(s, SCAN_GET(s, m, "content"));
        if (SCAN_IS(s, SCAN_GET(s, m, "role"), "user")) {
            ask->text = text;
            ask->tool_result = (struct str){NULL, 0};
        } else if (SCAN_IS(s, SCAN_GET(s, m, "role"), "tool")) {
            ask->tool_result = text;
        }
    }
    for (scan_ref t = scan_first(s, tools); tools != SCAN_ABSENT && t != SCAN_ABSENT;
         t = scan_next(s, tools, t))
        ask_add_tool(ask, scan_text(s, SCAN_GET(s, SCAN_GET(s, t, "function"), "name")), STR(""));
    ask->max_tokens = 100000;
    scan_i64(s, SCAN_GET(s, 0, "max_completion_tokens"), &ask->max_tokens);
    scan_i64(s, SCAN_GET(s, 0, "max_tokens"), &ask->max_tokens);
}

/* --- gpt-oss: thoughts stand in its text --------------------------------------------------- */

struct tagged {
    bool is;   /* it is gpt-oss */
    bool each; /* in a stream each chunk of a thought has tags of its own */
    struct str thought, said;
};

/* The thought goes out of the blocks, into the text that follows it. */
static struct tagged tag(struct arena *arena, const struct scan *s, const struct ask *ask,
                         struct reply *r)
{
    struct tagged t = {.is = is_oss(ask->model) && r->block[0].kind == BLOCK_THINKING};
    if (!t.is)
        return t;
    bool text = r->block_n > 1 && r->block[1].kind == BLOCK_TEXT;
    t.each = SCAN_IS(s, SCAN_GET(s, 0, "reasoning_effort"), "low");
    t.thought = r->block[0].text;
    t.said = text ? r->block[1].text : STR("");
    r->block[0].kind = BLOCK_TEXT;
    r->block[0].text = text_from(arena_printf(arena, "<reasoning>%.*s</reasoning>%.*s",
                                              STR_ARG(t.thought), STR_ARG(t.said)));
    if (text) {
        r->block_n--;
        for (size_t i = 1; i < r->block_n; i++)
            r->block[i] = r->block[i + 1];
    }
    return t;
}

/* --- the answer ---------------------------------------------------------------------------- */

static const char *finish_of(const struct reply *r)
{
    return text_eq(text_from(r->stop_reason), STR("max_tokens")) ? "length"
           : text_eq(text_from(r->stop_reason), STR("tool_use")) ? "tool_calls"
                                                                 : "stop";
}

static void put_head(struct json_out *w, const struct reply *r, const char *object)
{
    speaker_put(w, STR("id"), STR("chatcmpl-mock"));
    speaker_put(w, STR("object"), text_from(object));
    speaker_count(w, STR("created"), 1);
    speaker_put(w, STR("model"), r->model);
}

static void put_usage(struct json_out *w, const struct usage *u)
{
    if (u->told == TOLD_NOWHERE)
        return;
    JSON_KEY(w, "usage");
    json_object(w);
    speaker_count(w, STR("prompt_tokens"), u->input + u->cache_read + u->cache_write);
    speaker_count(w, STR("completion_tokens"), u->output);
    speaker_count(w, STR("total_tokens"), u->input + u->cache_read + u->cache_write + u->output);
    JSON_KEY(w, "prompt_tokens_details");
    json_object(w);
    speaker_count(w, STR("cached_tokens"), u->cache_read);
    speaker_count(w, STR("cache_write_tokens"), u->cache_write);
    json_object_end(w);
    json_object_end(w);
}

/* Its place in this answer is all that its id tells. */
static void put_call(struct json_out *w, const struct block *b, uint32_t index)
{
    char id[40];
    snprintf(id, sizeof id, "call_%u", index);
    json_object(w);
    speaker_count(w, STR("index"), index);
    speaker_put(w, STR("id"), text_from(id));
    speaker_put(w, STR("type"), STR("function"));
    JSON_KEY(w, "function");
    json_object(w);
    speaker_put(w, STR("name"), b->name);
    speaker_put(w, STR("arguments"), b->text);
    json_object_end(w);
    json_object_end(w);
}

static void put_blocks(struct json_out *w, const struct reply *r)
{
    uint32_t calls = 0;
    for (size_t i = 0; i < r->block_n; i++)
        if (r->block[i].kind == BLOCK_TEXT) {
            JSON_KEY(w, "content");
            speaker_text(w, &r->block[i]);
        }
    for (size_t i = 0; i < r->block_n; i++)
        if (r->block[i].kind == BLOCK_TOOL) {
            if (calls == 0) {
                JSON_KEY(w, "tool_calls");
                json_array(w);
            }
            put_call(w, &r->block[i], calls++);
        }
    if (calls)
        json_array_end(w);
}

static void put_choice(struct json_out *w, const struct reply *r, const char *member, bool says,
                       const char *finish)
{
    JSON_KEY(w, "choices");
    json_array(w);
    json_object(w);
    speaker_count(w, STR("index"), 0);
    json_key(w, text_from(member));
    json_object(w);
    speaker_put(w, STR("role"), STR("assistant"));
    if (says)
        put_blocks(w, r);
    json_object_end(w);
    JSON_KEY(w, "finish_reason");
    if (finish)
        json_str(w, text_from(finish));
    else
        json_null(w);
    json_object_end(w);
    json_array_end(w);
}

static void give_whole(struct mock *mock, const struct reply *r, struct answer *out)
{
    struct json_out w;
    buf_clear(&mock->body);
    json_begin(&w, &mock->body);
    json_object(&w);
    put_head(&w, r, "chat.completion");
    put_choice(&w, r, "message", true, finish_of(r));
    put_usage(&w, &r->usage);
    json_object_end(&w);
    answer_body(out, 200, STR("application/json"), STR(""), &mock->body);
}

/* --- streams ------------------------------------------------------------------------------- */

enum step { STEP_ROLE, STEP_SAY, STEP_FINISH, STEP_USAGE };

static void put_event(struct buf *out, const struct reply *r, enum step step)
{
    struct json_out w;
    BUF_LIT(out, "data: ");
    json_begin(&w, out);
    json_object(&w);
    put_head(&w, r, "chat.completion.chunk");
    if (step == STEP_USAGE) {
        JSON_KEY(&w, "choices");
        json_raw(&w, STR("[]"));
        put_usage(&w, &r->usage);
    } else {
        put_choice(&w, r, "delta", step == STEP_SAY, step == STEP_FINISH ? finish_of(r) : NULL);
    }
    json_object_end(&w);
    BUF_LIT(out, "\n\n");
}

static void put_content(struct buf *out, const struct reply *r, const char *before, struct str text,
                        const char *after)
{
    struct buf content;
    buf_init(&content, text.n + 40);
    buf_printf(&content, "%s%.*s%s", before, STR_ARG(text), after);
    struct reply piece = *r;
    piece.block_n = 1;
    piece.block[0] = (struct block){.kind = BLOCK_TEXT, .text = buf_str(&content)};
    put_event(out, &piece, STEP_SAY);
    buf_free(&content);
}

/* Tags are cut in two, or each piece of a thought has its own. */
static void put_tagged(struct buf *out, const struct reply *r, const struct tagged *t)
{
    struct reply calls = *r;
    if (t->each) {
        size_t half = ask_piece(t->thought, t->thought.n / 2);
        put_content(out, r, "<reasoning>", text_sub(t->thought, 0, half), "</reasoning>");
        put_content(out, r, "<reasoning>", text_sub(t->thought, half, t->thought.n),
                    "</reasoning>");
        put_content(out, r, "", t->said, "");
    } else {
        struct str rest = r->block[0].text;
        for (size_t n; rest.n > 0; rest = text_sub(rest, n, rest.n)) {
            n = ask_piece(rest, 7);
            put_content(out, r, "", text_sub(rest, 0, n), "");
        }
    }
    calls.block[0] = (struct block){.kind = BLOCK_THINKING};
    if (r->block_n > 1)
        put_event(out, &calls, STEP_SAY);
}

/* In chunks of piece bytes. */
void native_put_chunks(struct answer *out, struct str body, size_t piece)
{
    BUF_LIT(out->out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                      "x-amzn-RequestId: mock-native\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (; body.n > 0; body = text_sub(body, body.n < piece ? body.n : piece, body.n)) {
        size_t n = body.n < piece ? body.n : piece;
        buf_printf(out->out, "%zx\r\n", n);
        buf_put_str(out->out, text_sub(body, 0, n));
        BUF_LIT(out->out, "\r\n");
    }
    BUF_LIT(out->out, "0\r\n\r\n");
}

static void give_stream(struct mock *mock, const struct reply *r, const struct tagged *t,
                        const struct faults *f, bool usage, struct answer *out)
{
    struct buf *b = &mock->body;
    bool throttle = fault_on(f, FAULT_STREAM_THROTTLE);
    bool fails = throttle || fault_on(f, FAULT_STREAM_INTERNAL);
    buf_clear(b);
    if (!fails || f->n[throttle ? FAULT_STREAM_THROTTLE : FAULT_STREAM_INTERNAL] > 0) {
        put_event(b, r, STEP_ROLE);
        if (t->is)
            put_tagged(b, r, t);
        else
            put_event(b, r, STEP_SAY);
    }
    if (fails) {
        buf_printf(b,
                   "data: {\"error\":{\"message\":\"it broke in account 123456789012\","
                   "\"code\":%s}}\n\n",
                   throttle ? "\"rate_limit_exceeded\"" : "500");
    } else if (!fault_on(f, FAULT_MISSING_END)) {
        put_event(b, r, STEP_FINISH);
        if (usage)
            put_event(b, r, STEP_USAGE);
        BUF_LIT(b, "data: [DONE]\n\n");
    }
    if (fault_on(f, FAULT_TRUNCATED_FRAME))
        buf_truncate(b, buf_len(b) - 10);
    native_put_chunks(out, buf_str(b), fault_on(f, FAULT_BYTEWISE) ? 1 : 100);
}

static bool check(struct mock *mock, const struct scan *s, const struct faults *f, struct str model,
                  struct answer *out)
{
    char why[WHY_SIZE];
    if (fault_on(f, FAULT_NATIVE_ABSENT) ||
        (!native_is_gpt(model) && !is_grok(model) && !is_oss(model))) {
        native_refuse(mock, out, 404, "the model does not exist here");
        return false;
    }
    if (fault_on(f, FAULT_NATIVE_INVALID) || !check_parameters(s, model, why)) {
        native_refuse(mock, out, 400,
                      fault_on(f, FAULT_NATIVE_INVALID) ? "it is invalid here" : why);
        return false;
    }
    return true;
}

void native_chat(struct mock *mock, const struct request *r, struct arena *arena,
                 const struct faults *faults, struct answer *out)
{
    struct scan s;
    struct err err = {.code = STATUS_OK};
    struct reply reply;
    bool stream = false, usage = false;
    if (scan_parse(&s, arena, r->body, &native_limits, &err) != STATUS_OK) {
        native_refuse(mock, out, 400, "the body is no JSON");
        return;
    }
    struct ask ask = {.model = scan_text(&s, SCAN_GET(&s, 0, "model")), .body_n = r->body.n};
    if (!check(mock, &s, faults, ask.model, out))
        return;
    understand(&s, &ask);
    ask.thinking = is_oss(ask.model);
    if (!ask_reply(arena, &ask, faults, &reply)) {
        native_refuse(mock, out, 503, "mock: out of memory");
        return;
    }
    mock->ledger.input_tokens += reply.usage.input;
    mock->ledger.output_tokens += reply.usage.output;
    scan_bool(&s, SCAN_GET(&s, 0, "stream"), &stream);
    scan_bool(&s, SCAN_GET(&s, SCAN_GET(&s, 0, "stream_options"), "include_usage"), &usage);
    struct tagged tagged = tag(arena, &s, &ask, &reply);
    if (stream)
        give_stream(mock, &reply, &tagged, faults, usage, out);
    else
        give_whole(mock, &reply, out);
}
