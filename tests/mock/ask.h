/*
 * ask.h - what the mock model understands of a request, and what it answers. The two dialects
 * (invoke.c, converse.c) fill a struct ask and write out a struct reply; nothing here knows JSON
 * shapes.
 *
 * The model is deterministic. Text of the last user message decides:
 *   it is the demo              -> play.h (only with --play)
 *   "Do NOT call any tools"     -> none is called; with "<summary>" in it: a summary of the first prompt
 *   "<severity>N</severity>"    -> how bad the last action before "</transcript>" is (rm -rf: 90, else 5)
 *   a tool result that says "use tool NAME {json}" -> a call of that tool
 *   a tool result is there      -> "The tool said: <result>"
 *   "use tool NAME {json}"      -> a call of that tool (up to four of them), when it is offered
 *   "bash" or "hello" and a tool Bash -> its call with {"command":"echo hello",...}
 *   a forced tool               -> its call with the object of "say: {...}", or {}
 *   "forbidden word", and a guardrail is named -> REPLY_BLOCKED, as guardrails answer
 *   "say: TEXT"                 -> TEXT
 *   "stop as REASON" at the end -> that stop reason
 *   "usage IN OUT READ WRITE HOUR" -> these counts (WRITE: all; HOUR: of them), "told last", "told as
 *                                  metrics", "told again", "told nowhere" behind it: where an answer
 *                                  tells them
 *   anything else               -> "Echo: <text>"
 * Thinking, when asked for, comes first. max_tokens and stop sequences cut the text as a model
 * would.
 */
#ifndef MOCK_ASK_H
#define MOCK_ASK_H

#include "server/base/arena.h"
#include "tests/mock/fault.h"
#include "tests/mock/play.h"

#define ASK_TOOLS 128
#define ASK_STOPS 16
#define REPLY_MAX 6

struct ask {
    struct str model;
    struct str text;        /* last text of the last user message */
    struct str tool_result; /* p NULL: none in the last user message */
    struct str first;       /* last text of the first user message */
    struct str action;      /* text before "</transcript>", for a review */
    struct str heard;       /* text that was heard last */
    size_t turns;           /* user messages */
    struct str tool[ASK_TOOLS];
    struct str schema[ASK_TOOLS]; /* of the tool's input, JSON; empty: it has none of its own */
    size_t tool_n;
    struct str forced_tool; /* p NULL: none */
    bool thinking;
    bool cached, cached_1h; /* cache marks are there */
    bool guarded;           /* a guardrail is named */
    int64_t max_tokens;
    struct str stop[ASK_STOPS];
    size_t stop_n;
    bool wants_stop_sequence;   /* Converse: additionalModelResponseFieldPaths names it */
    bool wants_thinking_tokens; /* likewise */
    size_t body_n;              /* for the token count */
    struct play play;           /* what was said since the last prompt */
    const char *play_folder;    /* NULL: nothing is played */
};

enum block_kind { BLOCK_THINKING, BLOCK_TEXT, BLOCK_TOOL };

struct block {
    enum block_kind kind;
    struct str text; /* of a tool: its input as JSON */
    struct str name; /* of a tool */
    char id[40];     /* of a tool */
    uint32_t repeat; /* the text this many times, one delta each; 0: cut into deltas */
};

struct usage {
    uint32_t input, output, cache_read, cache_write;
    uint32_t thinking; /* of output */
    uint32_t write_1h; /* of cache_write */
    enum { TOLD_AS_USUAL, TOLD_LAST, TOLD_AS_METRICS, TOLD_AGAIN, TOLD_NOWHERE } told; /* README */
};

struct reply {
    char id[40];
    struct str model;
    struct block block[REPLY_MAX];
    size_t block_n;
    const char *stop_reason;
    struct str stop_sequence; /* p NULL: none */
    bool shows_stop_sequence, shows_thinking_tokens;
    struct usage usage;
    bool guarded, intervened; /* a guardrail looked at it, and stepped in */
    uint32_t pace_ms;         /* before each delta */
};

/* Signature of every thinking block: base64, as the real one is; of each account its own. */
struct str ask_signature(void);
void ask_sign_as(const char *access_key);
#define REPLY_BLOCKED "Sorry, the model cannot answer this question."
/* Cache counts given when a request carries cache marks. */
#define REPLY_CACHE_READ  64
#define REPLY_CACHE_WRITE 32

/* One user message: begin, each text, each result of a tool. Of several results the last is heard, or the one
 * with an order in it: clients send them in the order in which they came. */
void ask_turn_begin(struct ask *ask);
void ask_hear(struct ask *ask, struct str text);
void ask_hear_result(struct ask *ask, struct str text, bool failed);
/* One tool more, while there is room. */
void ask_add_tool(struct ask *ask, struct str name, struct str schema);
/* Spans point into ask and arena. False: memory. */
bool ask_reply(struct arena *arena, const struct ask *ask, const struct faults *faults,
               struct reply *out);
uint32_t ask_input_tokens(const struct ask *ask);
/* Bytes of the next delta of s: at most n, never in the middle of a UTF-8 character. */
size_t ask_piece(struct str s, size_t n);

/* Anthropic's own newest version is good for models whose id has no date in it (platform.claude.com,
 * "Versioning"). */
bool ask_is_version(struct str version, struct str model);

#endif
