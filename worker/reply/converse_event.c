#include "worker/reply/converse_event.h"

#include <string.h>

#include "server/json/surrogates.h"
#include "worker/converse/converse_citation.h"
#include "worker/dialect/relay.h"

#define SPAN(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }

/* --- stop reasons --- */

/*
 * Source: API_runtime_ConverseStream.html (stopReason); platform.claude.com "Handling stop
 * reasons". The first row is also what unknown reasons become. Some models end their turn with
 * calls, some ask for calls that are not there: what the answer holds decides between the first two,
 * or agents would wait for a call, or leave one lying.
 */
static const struct converse_stop stops[] = {
    {"end_turn", "end_turn", "stop"},
    {"tool_use", "tool_use", "tool_calls"},
    {"max_tokens", "max_tokens", "length"},
    {"stop_sequence", "stop_sequence", "stop"},
    {"model_context_window_exceeded", "model_context_window_exceeded", "length"},
    {"guardrail_intervened", "refusal", "content_filter"},
    {"content_filtered", "refusal", "content_filter"},
    {"malformed_model_output", NULL, "stop"},
    {"malformed_tool_use", NULL, "stop"},
    {"pause_turn", "pause_turn", "stop"}, /* Claude's own words, should Converse ever pass them */
    {"refusal", "refusal", "content_filter"},
};

const struct converse_stop *converse_event_stop(struct str reason, bool tools)
{
    const struct converse_stop *found = stops;
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        if (text_eq(reason, text_from(stops[i].bedrock))) {
            found = &stops[i];
        }
    }
    return found <= stops + 1 ? stops + tools : found;
}

/* --- parts --- */

/* Between the quotes of a string; p NULL when r is none. */
static struct str escaped(const struct scan *s, scan_ref r)
{
    struct str raw = scan_raw(s, r);
    if (scan_type(s, r) != SCAN_STRING) {
        return (struct str){NULL, 0};
    }
    return (struct str){raw.p + 1, raw.n - 2};
}

static enum status no_room(struct err *err)
{
    return err_set(err, STATUS_INTERNAL, "out of memory for the model's answer");
}

/* Start of a tool call, and all of one but its input. */
static enum status read_tool(const struct scan *s, scan_ref tool, struct converse_part *p,
                             struct err *err)
{
    if (SCAN_IS(s, SCAN_GET(s, tool, "type"), "server_tool_use")) {
        return STATUS_OK; /* Bedrock runs it itself; a client would try to */
    }
    p->kind = CONVERSE_PART_TOOL;
    p->tool_id = escaped(s, SCAN_GET(s, tool, "toolUseId"));
    p->tool_name = scan_text(s, SCAN_GET(s, tool, "name"));
    if (!p->tool_id.n || !p->tool_name.n) {
        return err_set(err, STATUS_UPSTREAM, "the model called a tool without a name or an id");
    }
    return STATUS_OK;
}

static void read_citation(const struct scan *s, scan_ref citation, struct converse_part *p)
{
    p->kind = converse_citation_known(s, citation) ? CONVERSE_PART_CITATION : CONVERSE_PART_NONE;
    p->citations = citation;
}

static void read_text(const struct scan *s, scan_ref text, enum converse_part_kind kind,
                      struct converse_part *p)
{
    p->text = escaped(s, text);
    p->kind = p->text.p ? kind : CONVERSE_PART_NONE;
}

/* {text} | {signature} | {redactedContent}, in a whole block {reasoningText{text, signature}} |
 * {redactedContent} */
static void read_reasoning(const struct scan *s, scan_ref reasoning, struct converse_part *p)
{
    scan_ref whole = SCAN_GET(s, reasoning, "reasoningText");
    scan_ref redacted = SCAN_GET(s, reasoning, "redactedContent");
    scan_ref holder = whole == SCAN_ABSENT ? reasoning : whole;
    if (redacted != SCAN_ABSENT) {
        read_text(s, redacted, CONVERSE_PART_REDACTED, p);
        return;
    }
    p->text = escaped(s, SCAN_GET(s, holder, "text"));
    p->signature = escaped(s, SCAN_GET(s, holder, "signature"));
    p->kind = p->text.p || p->signature.p ? CONVERSE_PART_THINKING : CONVERSE_PART_NONE;
}

static struct converse_part no_part(const struct scan *s)
{
    return (struct converse_part){.scan = s, .citations = SCAN_ABSENT};
}

/* A union: the first member that is known decides. */
static void read_delta(const struct scan *s, scan_ref delta, struct converse_part *p)
{
    scan_ref v;
    if ((v = SCAN_GET(s, delta, "text")) != SCAN_ABSENT) {
        read_text(s, v, CONVERSE_PART_TEXT, p);
    } else if ((v = SCAN_GET(s, delta, "toolUse")) != SCAN_ABSENT) {
        read_text(s, SCAN_GET(s, v, "input"), CONVERSE_PART_TOOL, p);
    } else if ((v = SCAN_GET(s, delta, "reasoningContent")) != SCAN_ABSENT) {
        read_reasoning(s, v, p);
    } else if ((v = SCAN_GET(s, delta, "citation")) != SCAN_ABSENT) {
        read_citation(s, v, p);
    }
}

static enum status read_cited(const struct scan *s, scan_ref block, struct converse_part *p,
                              struct err *err)
{
    scan_ref pieces = SCAN_GET(s, block, "content");
    char *room = arena_alloc(s->arena, scan_raw(s, block).n); /* more than its pieces together */
    size_t n = 0;
    if (!room) {
        return no_room(err);
    }
    for (scan_ref v = scan_first(s, pieces); v != SCAN_ABSENT; v = scan_next(s, pieces, v)) {
        struct str piece = escaped(s, SCAN_GET(s, v, "text"));
        if (piece.n) {
            memcpy(room + n, piece.p, piece.n);
        }
        n += piece.n;
    }
    p->kind = CONVERSE_PART_TEXT;
    p->text = (struct str){room, n};
    p->citations = SCAN_GET(s, block, "citations");
    return STATUS_OK;
}

static enum status read_whole_tool(const struct scan *s, scan_ref tool, struct converse_part *p,
                                   struct err *err)
{
    scan_ref input = SCAN_GET(s, tool, "input");
    p->input = input == SCAN_ABSENT ? STR("{}") : scan_raw(s, input);
    return read_tool(s, tool, p, err);
}

/* What the model has made and neither dialect can carry is told, or the answer would be an empty one
 * without a word. False: it is none of these. */
static bool read_media(const struct scan *s, scan_ref block, struct converse_part *p)
{
    static const struct {
        const char *member;
        struct str text;
    } media[] = {
        {"audio", SPAN("(The model answered with a sound, which this API cannot carry.)\\n")},
        {"document", SPAN("(The model answered with a document, which this API cannot carry.)\\n")},
        {"image", SPAN("(The model answered with an image, which this API cannot carry.)\\n")},
        {"video", SPAN("(The model answered with a video, which this API cannot carry.)\\n")},
    };
    for (size_t i = 0; i < sizeof media / sizeof *media; i++) {
        if (scan_get(s, block, text_from(media[i].member)) != SCAN_ABSENT) {
            p->kind = CONVERSE_PART_TEXT;
            p->text = media[i].text;
            return true;
        }
    }
    return false;
}

enum status converse_event_block(const struct scan *s, scan_ref block, struct converse_part *p,
                                 struct err *err)
{
    scan_ref v;
    *p = no_part(s);
    if ((v = SCAN_GET(s, block, "text")) != SCAN_ABSENT) {
        read_text(s, v, CONVERSE_PART_TEXT, p);
    } else if ((v = SCAN_GET(s, block, "toolUse")) != SCAN_ABSENT) {
        return read_whole_tool(s, v, p, err);
    } else if ((v = SCAN_GET(s, block, "reasoningContent")) != SCAN_ABSENT) {
        read_reasoning(s, v, p);
    } else if ((v = SCAN_GET(s, block, "citationsContent")) != SCAN_ABSENT) {
        return read_cited(s, v, p, err);
    } else {
        read_media(s, block, p);
    }
    return STATUS_OK;
}

/* --- the end of an answer --- */

static uint64_t read_count(const struct scan *s, scan_ref object, struct str key)
{
    int64_t v;
    return scan_i64(s, scan_get(s, object, key), &v) && v > 0 ? (uint64_t)v : 0;
}

/* cacheDetails has an entry for each time to live; the 5-minute one is what remains. */
static uint64_t read_writes_1h(const struct scan *s, scan_ref details)
{
    uint64_t sum = 0;
    for (scan_ref v = scan_first(s, details); v != SCAN_ABSENT; v = scan_next(s, details, v)) {
        if (SCAN_IS(s, SCAN_GET(s, v, "ttl"), "1h")) {
            sum += read_count(s, v, STR("inputTokens"));
        }
    }
    return sum;
}

static void read_usage(const struct scan *s, scan_ref usage, struct usage *u)
{
    if (scan_type(s, usage) != SCAN_OBJECT) {
        return;
    }
    uint64_t written = read_count(s, usage, STR("cacheWriteInputTokens"));
    uint64_t hour = read_writes_1h(s, SCAN_GET(s, usage, "cacheDetails"));
    hour = hour < written ? hour : written;
    u->tokens = (struct tokens){.input = read_count(s, usage, STR("inputTokens")),
                                .output = read_count(s, usage, STR("outputTokens")),
                                .cache_read = read_count(s, usage, STR("cacheReadInputTokens")),
                                .write_5m = written - hour,
                                .write_1h = hour};
    u->seen = true;
}

/* Converse's own usage does not tell them apart: Claude's words are asked for by their path
 * (worker/converse/converse_settings.c; source: litellm 1.110.2, converse_transformation.py). */
static uint64_t read_thinking(const struct scan *s, scan_ref more)
{
    scan_ref details = SCAN_GET(s, SCAN_GET(s, more, "usage"), "output_tokens_details");
    return read_count(s, details, STR("thinking_tokens"));
}

static void read_ending(const struct scan *s, struct converse_ending *end)
{
    scan_ref more = SCAN_GET(s, 0, "additionalModelResponseFields");
    end->stop_reason = scan_text(s, SCAN_GET(s, 0, "stopReason"));
    end->stop_sequence = escaped(s, SCAN_GET(s, more, "stop_sequence"));
    read_usage(s, SCAN_GET(s, 0, "usage"), &end->usage);
    end->thinking = read_thinking(s, more);
    end->service_tier = scan_text(s, SCAN_GET(s, SCAN_GET(s, 0, "serviceTier"), "type"));
    scan_ref router = SCAN_GET(s, SCAN_GET(s, 0, "trace"), "promptRouter");
    end->served =
        scan_text(s, SCAN_GET(s, router, "invokedModelId")); /* API_runtime_PromptRouterTrace */
}

/* --- deltas of the usual shape --- */

/*
 * Bedrock writes a delta in one and the same way, thousands in an answer:
 *     {"contentBlockIndex":0,"delta":{"text":"Hello"},"p":"abcdef"}
 * What stands exactly so needs no index of its JSON. Everything else, what is odd or wrong included,
 * is for the usual way, which says the same of all that is read here.
 */
static const struct {
    struct str open, close;
    enum converse_part_kind kind;
} shapes[] = {
    {SPAN(",\"delta\":{\"text\":\""), SPAN("\"}"), CONVERSE_PART_TEXT},
    {SPAN(",\"delta\":{\"toolUse\":{\"input\":\""), SPAN("\"}}"), CONVERSE_PART_TOOL},
    {SPAN(",\"delta\":{\"reasoningContent\":{\"text\":\""), SPAN("\"}}"), CONVERSE_PART_THINKING},
};

static bool eat(struct str *rest, struct str piece)
{
    if (!text_starts(*rest, piece)) {
        return false;
    }
    *rest = text_sub(*rest, piece.n, rest->n);
    return true;
}

/* Up to nine digits, none of them a leading zero. */
static bool eat_index(struct str *rest, int64_t *out)
{
    size_t n = 0;
    while (n < rest->n && n < 10 && rest->p[n] >= '0' && rest->p[n] <= '9') {
        n++;
    }
    if (n == 0 || n == 10 || (n > 1 && rest->p[0] == '0')) {
        return false;
    }
    bool good = text_i64(text_sub(*rest, 0, n), out);
    *rest = text_sub(*rest, n, rest->n);
    return good;
}

/* What is left of a string, without its closing quote; no \u, which may be half of a character. */
static bool eat_string(struct str *rest, struct str *out)
{
    size_t n = 0;
    unsigned char all = 0;
    for (; n < rest->n && rest->p[n] != '"'; n++) {
        unsigned char c = (unsigned char)rest->p[n];
        if (c < 0x20 ||
            (c == '\\' && (++n == rest->n || !rest->p[n] || !strchr("\"\\/bfnrt", rest->p[n])))) {
            return false;
        }
        all |= c;
    }
    *out = text_sub(*rest, 0, n);
    *rest = text_sub(*rest, n, rest->n);
    return rest->n > 0 && (all < 0x80 || text_is_utf8(*out));
}

/* The end of the object, before it perhaps padding. */
static bool eat_end(struct str rest)
{
    struct str padding;
    if (eat(&rest, STR(",\"p\":\""))) {
        return eat_string(&rest, &padding) && text_eq(rest, STR("\"}"));
    }
    return text_eq(rest, STR("}"));
}

static bool read_usual_delta(struct converse_event *e, struct str payload)
{
    struct str rest = payload;
    if (!eat(&rest, STR("{\"contentBlockIndex\":")) || !eat_index(&rest, &e->index)) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        if (eat(&rest, shapes[i].open)) {
            e->part = no_part(&e->scan);
            e->part.kind = shapes[i].kind;
            return eat_string(&rest, &e->part.text) && eat(&rest, shapes[i].close) && eat_end(rest);
        }
    }
    return false;
}

/* --- events and answers --- */

/* In the order of how often they come. */
static const struct {
    struct str type;
    enum converse_event_kind kind;
} kinds[] = {
    {SPAN("contentBlockDelta"), CONVERSE_BLOCK_DELTA},
    {SPAN("contentBlockStop"), CONVERSE_BLOCK_STOP},
    {SPAN("contentBlockStart"), CONVERSE_BLOCK_START},
    {SPAN("messageStart"), CONVERSE_MESSAGE_START},
    {SPAN("messageStop"), CONVERSE_MESSAGE_STOP},
    {SPAN("metadata"), CONVERSE_METADATA},
};

static enum converse_event_kind kind_of(struct str type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (text_eq(type, kinds[i].type)) {
            return kinds[i].kind;
        }
    }
    return CONVERSE_UNKNOWN;
}

static enum status parse_object(struct scan *s, struct arena *arena, struct str text,
                                const char *what, struct err *err)
{
    struct str whole = surrogates_mended(arena, text);
    if (text.p && !whole.p) {
        return no_room(err);
    }
    enum status st = scan_parse(s, arena, whole, &relay_limits, NULL);
    if (st == STATUS_INTERNAL) {
        return no_room(err);
    }
    if (st != STATUS_OK || scan_type(s, 0) != SCAN_OBJECT) {
        return err_set(err, STATUS_UPSTREAM, "Bedrock sent %s that is no JSON object", what);
    }
    return STATUS_OK;
}

static enum status read_start(struct converse_event *e, struct err *err)
{
    scan_ref start = SCAN_GET(&e->scan, 0, "start"), tool = SCAN_GET(&e->scan, start, "toolUse");
    if (tool != SCAN_ABSENT) {
        return read_tool(&e->scan, tool, &e->part, err);
    }
    read_media(&e->scan, start, &e->part);
    return STATUS_OK;
}

static enum status read_block_event(struct converse_event *e, struct err *err)
{
    if (!scan_i64(&e->scan, SCAN_GET(&e->scan, 0, "contentBlockIndex"), &e->index)) {
        return err_set(err, STATUS_UPSTREAM, "Bedrock sent a piece of content without its index");
    }
    e->part = no_part(&e->scan);
    if (e->kind == CONVERSE_BLOCK_START) {
        return read_start(e, err);
    }
    if (e->kind == CONVERSE_BLOCK_DELTA) {
        read_delta(&e->scan, SCAN_GET(&e->scan, 0, "delta"), &e->part);
    }
    return STATUS_OK;
}

enum status converse_event_read(struct converse_event *e, struct arena *arena, struct str type,
                                struct str payload, struct err *err)
{
    *e = (struct converse_event){.kind = kind_of(type)};
    if (e->kind == CONVERSE_UNKNOWN) {
        return STATUS_OK;
    }
    if (e->kind == CONVERSE_BLOCK_DELTA && read_usual_delta(e, payload)) {
        return STATUS_OK;
    }
    enum status st = parse_object(&e->scan, arena, payload, "an event", err);
    if (st != STATUS_OK || e->kind == CONVERSE_MESSAGE_START) {
        return st;
    }
    if (e->kind != CONVERSE_MESSAGE_STOP && e->kind != CONVERSE_METADATA) {
        return read_block_event(e, err);
    }
    read_ending(&e->scan, &e->ending);
    return STATUS_OK;
}

enum status converse_event_answer(struct converse_answer *a, struct arena *arena, struct str body,
                                  struct err *err)
{
    *a = (struct converse_answer){.content = SCAN_ABSENT};
    enum status st = parse_object(&a->scan, arena, body, "an answer", err);
    if (st != STATUS_OK) {
        return st;
    }
    a->content = SCAN_GET(&a->scan, SCAN_GET(&a->scan, SCAN_GET(&a->scan, 0, "output"), "message"),
                          "content");
    if (scan_type(&a->scan, a->content) != SCAN_ARRAY) {
        return err_set(err, STATUS_UPSTREAM, "Bedrock sent an answer without a message");
    }
    read_ending(&a->scan, &a->ending);
    return STATUS_OK;
}
