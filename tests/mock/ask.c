#include "tests/mock/ask.h"

#include <stdio.h>
#include <string.h>

#define BYTES_PER_TOKEN 4 /* rule of thumb for English text */
#define ECHO_MAX        4000

size_t ask_piece(struct str s, size_t n)
{
    if (s.n <= n)
        return s.n;
    while (n > 0 && ((unsigned char)s.p[n] & 0xC0) == 0x80) /* 10xxxxxx: inside a character */
        n--;
    return n;
}

uint32_t ask_input_tokens(const struct ask *ask)
{
    return (uint32_t)(ask->body_n / BYTES_PER_TOKEN) + 1;
}

static uint32_t tokens_of(struct str s)
{
    return (uint32_t)((s.n + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN);
}

static struct block *add_block(struct reply *out, enum block_kind kind, struct str text)
{
    struct block *b = &out->block[out->block_n++];
    *b = (struct block){.kind = kind, .text = text};
    return b;
}

/* --- listening --- */

void ask_turn_begin(struct ask *ask)
{
    if (++ask->turns == 2)
        ask->first = ask->heard;
    ask->action = ask->heard = STR("");
    play_turn_begin(&ask->play);
}

void ask_hear(struct ask *ask, struct str text)
{
    play_hear_text(&ask->play, text);
    if (text_starts(text_trim(text), STR("<system-reminder>")))
        return; /* the client's own words */
    if (text_starts(text, STR("</transcript>")))
        ask->action = ask->heard;
    ask->text = ask->heard = text;
}

void ask_hear_result(struct ask *ask, struct str text, bool failed)
{
    size_t at;
    bool ordered = text_find(ask->tool_result, STR("use tool "), &at);
    if (!ordered || text_find(text, STR("use tool "), &at))
        ask->tool_result = text;
    play_hear_result(&ask->play, text, failed);
}

/* --- tools --- */

void ask_add_tool(struct ask *ask, struct str name, struct str schema)
{
    if (ask->tool_n == ASK_TOOLS)
        return;
    ask->tool[ask->tool_n] = name;
    ask->schema[ask->tool_n++] = schema;
}

static bool is_offered(const struct ask *ask, struct str name)
{
    for (size_t i = 0; i < ask->tool_n; i++)
        if (text_eq(ask->tool[i], name))
            return true;
    return false;
}

static void add_call(struct reply *out, struct str name, struct str input)
{
    struct block *b = add_block(out, BLOCK_TOOL, input);
    b->name = name;
    text_id(STR("toolu_bdrk_"), b->id, sizeof b->id);
    out->stop_reason = "tool_use";
}

/* Length of the JSON object s starts with, or 0. */
static size_t object_size(struct str s)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && c == '{')
            depth++;
        else if (!quoted && c == '}' && --depth == 0)
            return i + 1;
        if (depth == 0)
            return 0;
    }
    return 0;
}

static void add_named_calls(const struct ask *ask, struct str text, struct reply *out)
{
    struct str rest = text;
    size_t at;
    while (out->block_n < REPLY_MAX && text_find(rest, STR("use tool "), &at)) {
        rest = text_sub(rest, at + 9, rest.n);
        size_t name_n = 0;
        while (name_n < rest.n && !memchr(" {\n\t,.", rest.p[name_n], 6))
            name_n++;
        struct str name = text_sub(rest, 0, name_n);
        struct str input = text_trim(text_sub(rest, name_n, rest.n));
        input = text_sub(input, 0, object_size(input));
        if (input.n) /* an order within it is for whom the tool asks */
            rest = text_sub(rest, (size_t)(input.p + input.n - rest.p), rest.n);
        if (is_offered(ask, name))
            add_call(out, name, input.n ? input : STR("{}"));
    }
}

static bool mentions(struct str text, struct str word)
{
    for (size_t i = 0; i + word.n <= text.n; i++)
        if (text_ieq(text_sub(text, i, word.n), word))
            return true;
    return false;
}

static bool add_calls(const struct ask *ask, struct reply *out)
{
    size_t before = out->block_n, at;
    if (text_find(ask->text, STR("Do NOT call any tools"), &at))
        return false;
    add_block(out, BLOCK_TEXT, STR("I will use a tool."));
    add_named_calls(ask, ask->text, out);
    bool wants_bash = mentions(ask->text, STR("bash")) || mentions(ask->text, STR("hello"));
    if (out->block_n == before + 1 && wants_bash && is_offered(ask, STR("Bash")))
        add_call(out, STR("Bash"),
                 STR("{\"command\":\"echo hello\",\"description\":\"Print hello\"}"));
    if (out->block_n == before + 1 && ask->forced_tool.n) {
        struct str said = text_find(ask->text, STR("say: "), &at)
                              ? text_sub(ask->text, at + 5, ask->text.n)
                              : STR("");
        said = text_sub(said, 0, object_size(said));
        add_call(out, ask->forced_tool, said.n ? said : STR("{}"));
    }
    if (out->block_n > before + 1)
        return true;
    out->block_n = before;
    return false;
}

/* What a tool says can be the next order: a conversation of several turns. */
static bool add_next_calls(const struct ask *ask, struct reply *out)
{
    size_t before = out->block_n;
    add_named_calls(ask, ask->tool_result, out);
    return out->block_n > before;
}

/* --- text --- */

static struct str prefixed(struct arena *arena, struct str prefix, struct str s)
{
    s = text_sub(s, 0, ask_piece(s, ECHO_MAX));
    char *text = arena_printf(arena, "%.*s%.*s", STR_ARG(prefix), STR_ARG(s));
    return text_from(text);
}

static struct str sized(struct arena *arena, size_t n)
{
    static const char PATTERN[] = "The quick brown fox jumps over the lazy dog. 0123456789 ";
    char *text = arena_alloc(arena, n + 1);
    for (size_t i = 0; text && i < n; i++)
        text[i] = PATTERN[i % (sizeof PATTERN - 1)];
    return (struct str){text, text ? n : 0};
}

static struct str answer_text(struct arena *arena, const struct ask *ask,
                              const struct faults *faults)
{
    size_t at;
    if (fault_on(faults, FAULT_SIZE))
        return sized(arena, faults->n[FAULT_SIZE]);
    if (text_find(ask->text, STR("Do NOT call any tools"), &at) &&
        text_find(ask->text, STR("<summary>"), &at))
        return text_from(
            arena_printf(arena, "<summary>It began with: %.*s</summary>", STR_ARG(ask->first)));
    if (text_find(ask->text, STR("<severity>N</severity>"), &at))
        return text_find(ask->action, STR("rm -rf"), &at) ? STR("<severity>90</severity>")
                                                          : STR("<severity>5</severity>");
    if (ask->tool_result.p)
        return prefixed(arena, STR("The tool said: "), ask->tool_result);
    if (text_find(ask->text, STR("say: "), &at))
        return text_sub(ask->text, at + 5, ask->text.n);
    return prefixed(arena, STR("Echo: "), ask->text);
}

static void stop_early(const struct ask *ask, struct reply *out, struct str *text)
{
    for (size_t i = 0; i < ask->stop_n; i++) {
        size_t at;
        if (ask->stop[i].n && text_find(*text, ask->stop[i], &at)) {
            *text = text_sub(*text, 0, at);
            out->stop_reason = "stop_sequence";
            out->stop_sequence = ask->stop[i];
        }
    }
    if (ask->max_tokens > 0 && (int64_t)tokens_of(*text) > ask->max_tokens) {
        *text = text_sub(*text, 0, ask_piece(*text, (size_t)ask->max_tokens * BYTES_PER_TOKEN));
        out->stop_reason = "max_tokens";
        out->stop_sequence = (struct str){NULL, 0};
    }
}

/* "stop as REASON": that reason is said instead of end_turn. */
static void stop_as_told(const struct ask *ask, struct reply *out)
{
    static const char *const REASONS[] = {"refusal", "guardrail_intervened", "content_filtered",
                                          "model_context_window_exceeded"};
    static const struct str ORDER = STR("stop as ");
    size_t at;
    if (!text_find(ask->text, ORDER, &at))
        return;
    struct str told = text_sub(ask->text, at + ORDER.n, ask->text.n);
    for (size_t i = 0; i < sizeof REASONS / sizeof REASONS[0]; i++)
        if (text_eq(told, text_from(REASONS[i])))
            out->stop_reason = REASONS[i];
}

static void add_text(struct arena *arena, const struct ask *ask, const struct faults *faults,
                     struct reply *out)
{
    if (fault_on(faults, FAULT_TOKENS)) {
        add_block(out, BLOCK_TEXT, STR("token "))->repeat = faults->n[FAULT_TOKENS];
        return;
    }
    struct str text = answer_text(arena, ask, faults);
    if (!fault_on(faults, FAULT_SIZE))
        stop_early(ask, out, &text);
    add_block(out, BLOCK_TEXT, text);
}

/* "usage IN OUT READ WRITE HOUR told ..." */
static void count_as_told(const struct ask *ask, struct usage *u)
{
    static const char *const WAYS[] = {[TOLD_LAST] = "told last",
                                       [TOLD_AS_METRICS] = "told as metrics",
                                       [TOLD_AGAIN] = "told again",
                                       [TOLD_NOWHERE] = "told nowhere"};
    static const struct str ORDER = STR("usage ");
    uint32_t *counts[] = {&u->input, &u->output, &u->cache_read, &u->cache_write, &u->write_1h};
    uint64_t n[5];
    size_t at;
    if (!text_find(ask->text, ORDER, &at))
        return;
    struct str rest = text_sub(ask->text, at + ORDER.n, ask->text.n), word;
    for (size_t i = 0; i < 5; i++)
        if (!text_split(&rest, ' ', &word) || !text_u64(word, &n[i]) || n[i] > UINT32_MAX)
            return;
    for (size_t i = 0; i < 5; i++)
        *counts[i] = (uint32_t)n[i];
    for (size_t i = TOLD_LAST; i <= TOLD_NOWHERE; i++)
        if (text_eq(rest, text_from(WAYS[i])))
            u->told = (uint32_t)i;
}

static void count_usage(const struct ask *ask, struct reply *out)
{
    out->usage.input = ask_input_tokens(ask);
    if (ask->cached) {
        out->usage.cache_read = REPLY_CACHE_READ;
        out->usage.cache_write = REPLY_CACHE_WRITE;
        out->usage.write_1h = ask->cached_1h ? REPLY_CACHE_WRITE : 0;
    }
    for (size_t i = 0; i < out->block_n; i++) {
        const struct block *b = &out->block[i];
        uint32_t n = b->repeat ? b->repeat : tokens_of(b->text) + tokens_of(b->name);
        out->usage.output += n;
        out->usage.thinking += b->kind == BLOCK_THINKING ? n : 0;
    }
    count_as_told(ask, &out->usage);
}

/* In place of all that the model would say. */
static void block_it(const struct ask *ask, struct reply *out)
{
    size_t at;
    out->guarded = ask->guarded;
    if (!ask->guarded || !text_find(ask->text, STR("forbidden word"), &at))
        return;
    out->intervened = true;
    out->block_n = 0;
    out->stop_reason = "end_turn";
    add_block(out, BLOCK_TEXT, STR(REPLY_BLOCKED));
}

bool ask_reply(struct arena *arena, const struct ask *ask, const struct faults *faults,
               struct reply *out)
{
    *out = (struct reply){.model = ask->model, .stop_reason = "end_turn"};
    out->shows_stop_sequence = ask->wants_stop_sequence;
    out->shows_thinking_tokens = ask->wants_thinking_tokens;
    text_id(STR("msg_bdrk_"), out->id, sizeof out->id);
    if (ask->thinking)
        add_block(out, BLOCK_THINKING, STR("The user wants an answer; a short one will do."));
    bool plain = fault_on(faults, FAULT_TOKENS) || fault_on(faults, FAULT_SIZE);
    bool said = !plain && (play_reply(arena, ask, out) ||
                           (ask->tool_result.p ? add_next_calls(ask, out) : add_calls(ask, out)));
    if (!said)
        add_text(arena, ask, faults, out);
    stop_as_told(ask, out);
    block_it(ask, out);
    count_usage(ask, out);
    return out->block[out->block_n - 1].text.p != NULL;
}

bool ask_is_version(struct str version, struct str model)
{
    uint64_t date;
    bool dated = false;
    for (size_t i = 0; i + 8 <= model.n && !dated; i++)
        dated = text_u64(text_sub(model, i, 8), &date) && date > 20200000 && date < 21000000;
    return text_eq(version, STR("bedrock-2023-05-31")) ||
           (!dated && text_eq(version, STR("2026-10-21")));
}

/* --- signatures ---------------------------------------------------------------------------- */

static char signature[160] = "bW9jay1zaWduYXR1cmUtb2YtdGhlLXRoaW5raW5nLWJsb2Nr";

struct str ask_signature(void)
{
    return text_from(signature);
}

void ask_sign_as(const char *access_key)
{
    size_t n = strlen(signature);
    snprintf(signature + n, sizeof signature - n, "%s+/==", access_key);
}
