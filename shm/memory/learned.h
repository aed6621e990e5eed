/*
 * learned.h - what Bedrock has refused of a model, and an answer without it has proved: one word a
 * model and thing, for a while, so that the next request is right at once on every worker.
 *
 *   word   | tag 24 | until 20 | value 20 |      0: free
 *
 * The table is small and lossy: what finds no room takes the place of what ends first. A word is
 * changed by compare-and-swap alone, so a process may die between any two instructions; what is
 * lost is learned again. Keys are digests with the segment's own salt: nobody outside can make two
 * of them meet. until: seconds of the monotonic clock, which all processes of a host share, modulo
 * 2^20 (12 days; an older word is one that nobody has looked at since).
 *
 * Workers write; any process reads. now_s: the caller's monotonic clock.
 */
#ifndef SHM_MEMORY_LEARNED_H
#define SHM_MEMORY_LEARNED_H

#include <stdatomic.h>
#include "shm/memory/segment_layout.h"

/* The things that a model may refuse and a request can do without. Which of Bedrock's words mean which
 * of them is worker/model/cures.c, what is done about it worker/plan/plan_cure.c. */
/* X(NAME, "word", "what is done without it") */
#define LEARNED_TABLE(X)                                                                      \
    X(SAMPLING, "sampling", "neither temperature, top_p nor top_k is sent")                   \
    X(TEMPERATURE, "temperature", "temperature is not sent")                                  \
    X(TOP_P, "top_p", "top_p is not sent")                                                    \
    X(TOP_K, "top_k", "top_k is not sent")                                                    \
    X(ONE_SAMPLING, "temperature_and_top_p", "temperature alone is sent")                     \
    X(STOPS, "stop_sequences", "stop sequences are not sent")                                 \
    X(MAX_TOKENS, "max_tokens", "lowered to what the model writes")                           \
    X(THINKING, "thinking", "the model is not told whether to think")                         \
    X(THINKING_BUDGET, "thinking.enabled", "adaptive thinking in place of a budget")          \
    X(THINKING_ADAPTIVE, "thinking.adaptive", "a budget in place of adaptive thinking")       \
    X(DISPLAY, "thinking.display", "it is not said whether thoughts are shown")               \
    X(BINDING, "thinking.block_binding", "thoughts of another conversation are dropped")      \
    X(EFFORT, "effort", "the next lower effort that it takes, or none")                       \
    X(FORMAT, "format", "structured output is asked for in words")                            \
    X(CHOICE, "tool_choice", "a forced tool call is asked for in words")                      \
    X(ONE_CALL, "parallel_calls", "calls at the same time are not switched off")              \
    X(STRICT, "strict", "tools are not strict")                                               \
    X(EAGER_INPUT, "eager_input", "the input of tools is not streamed early")                 \
    X(STREAM_TOOLS, "stream_tools", "the stream is told from a whole answer")                 \
    X(RESULT_MEDIA, "result_media", "images and documents stand beside the tool result")      \
    X(SYSTEM, "system", "the system prompt is told by the user")                              \
    X(SYSTEM_ROLE, "system_role", "system messages are told by the user")                     \
    X(CACHE, "cache", "cache marks are not sent")                                             \
    X(CACHE_1H, "cache_ttl", "cache marks do not say for how long")                           \
    X(CACHE_TOP, "cache_top", "the mark for all stands at the last block")                    \
    X(CONTEXT, "context_management", "context_management is not sent")                        \
    X(BETA, "beta", "the beta, or all of them where Bedrock does not say which, is not sent") \
    X(FIELD, "field", "a top-level field that this program does not know is not sent")        \
    X(NATIVE, "native", "it goes by Converse in place of Bedrock's own Chat Completions")     \
    X(NATIVE_RESPONSES, "native_responses",                                                   \
      "it goes by Converse in place of Bedrock's own Responses")

enum learned {
    LEARNED_NOTHING,
#define LEARNED_ENUM(name, word, meaning) LEARNED_##name,
    LEARNED_TABLE(LEARNED_ENUM)
#undef LEARNED_ENUM
        LEARNED_COUNT
};
_Static_assert(LEARNED_COUNT <= 64, "a bit each");
#define LEARNED_BIT(what) ((uint64_t)1 << (what))

#define LEARNED_TOKENS_MAX 1048575 /* of MAX_TOKENS: more is not remembered */

const char *learned_word(enum learned what); /* "" for NOTHING */

#define LEARNED_WORDS     1024
#define LEARNED_TEXT_MAX  4096
#define LEARNED_VALUE_MAX ((1u << 20) - 1)
#define LEARNED_TTL_MAX   86400u /* seconds: far below the turn of the clock */

struct learned_area {
    _Atomic uint64_t busy_until_s; /* no word lives longer; raised by whoever keeps one */
    uint64_t salt[2];              /* random; the master's, before any fork */
    uint64_t reserved;
    _Atomic uint64_t word[LEARNED_WORDS];
};
_Static_assert(sizeof(struct learned_area) == 8 * (LEARNED_WORDS + 4), "no padding");

struct learned_key { /* of a model, and of whatever else a refusal may depend on */
    uint64_t a, b;
};

/* One made of another ({0, 0}: none) and of text that tells the model, or what else a refusal may
 * depend on; at most LEARNED_TEXT_MAX bytes of it count. */
struct learned_key learned_key(const struct segment *s, struct learned_key of, struct str text);

/* Is anything remembered at all? Cheap: asked on every request. */
bool learned_any(const struct segment *s, uint64_t now_s);
/* Is it remembered? name: which of them, where there are many (a field, a beta); empty: all. */
bool learned_look(const struct segment *s, struct learned_key key, enum learned what,
                  struct str name, uint64_t now_s, uint32_t *value_out);
/* value: at most LEARNED_VALUE_MAX. For ttl_s from now, at most LEARNED_TTL_MAX; 0: not at all. */
void learned_keep(struct segment *s, struct learned_key key, enum learned what, struct str name,
                  uint32_t value, uint64_t now_s, uint32_t ttl_s);
uint32_t learned_count(const struct segment *s, uint64_t now_s); /* that are remembered now */

size_t learned_area_size(void);
void learned_init(struct segment *s); /* master, once, before fork */

#endif
