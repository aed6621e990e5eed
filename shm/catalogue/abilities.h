/*
 * abilities.h - the words in which the catalogue says what a model takes. What each means for a
 * request is code of the workers (worker/model/models_table.h makes flags of them); which model
 * has which is in models.tsv. Const; any process.
 */
#ifndef SHM_CATALOGUE_ABILITIES_H
#define SHM_CATALOGUE_ABILITIES_H

/* The column `takes`. X(NAME, word, meaning) */
#define ABILITIES_TAKES(X)                                                                    \
    X(CLAUDE, "claude", "it speaks Anthropic's Messages; InvokeModel serves it")              \
    X(THINKING_DISPLAY, "thinking_display", "thinking.display")                               \
    X(FORMAT, "format", "output_config.format (structured output)")                           \
    X(STOPS, "stop", "stop sequences")                                                        \
    X(SYSTEM_ROLE, "system_role", "role \"system\" inside messages")                          \
    X(CACHE, "cache", "cache_control / cachePoint")                                           \
    X(CACHE_1H, "cache_1h", "ttl \"1h\"")                                                     \
    X(CACHE_TOP, "cache_top", "top-level cache_control (automatic breakpoint)")               \
    X(TOOLS, "tools", "tools")                                                                \
    X(TOOL_CHOICE, "tool_choice", "any and tool, not only auto")                              \
    X(TOOL_SEARCH, "tool_search", "defer_loading, tool_reference")                            \
    X(EAGER_INPUT, "eager_input", "tools[].eager_input_streaming")                            \
    X(IMAGES, "images", "images")                                                             \
    X(DOCUMENTS, "documents", "documents")                                                    \
    X(SYSTEM, "system", "a system prompt at all")                                             \
    X(STREAM_TOOLS, "stream_tools", "tools while streaming")                                  \
    X(CHOICE_ANY, "choice_any", "tool_choice any, but no tool by its name")                   \
    X(CALL_LIMIT, "call_limit", "tool_choice none, disable_parallel_tool_use: by Converse")   \
    X(STRICT, "strict", "tools[].strict")                                                     \
    X(RESULT_MEDIA, "result_media", "images and documents inside a tool result")              \
    X(INPUT_WHOLE, "input_whole", "its input tokens count the cached ones, too")              \
    X(USER_LAST, "user_last", "the last turn has to be the user's")                           \
    X(FLAT_SCHEMA, "flat_schema", "no $defs in the schemas of its tools")                     \
    X(PLAIN_PATTERN, "plain_pattern", "no look-around in their patterns")                     \
    X(ALWAYS_THINKS, "always_thinks", "a Claude whose thinking cannot be off")                \
    X(BETWEEN_TOOLS, "between_tools", "thinking.type between_tools")                          \
    X(OFF_TO_HIGH, "off_to_high", "the least thinking goes with efforts up to high")          \
    X(MORE_TOKENS, "more_tokens", "the tokenizer of 4.7 and later: some 30 % more of a text") \
    X(NATIVE_CHAT, "native_chat", "Bedrock's own Chat Completions has it")                    \
    X(NATIVE_RESPONSES, "native_responses", "Bedrock's own Responses has it")                 \
    X(REASONING_TAGS, "reasoning_tags", "there its thoughts stand in tags before its text")

/* The column `sampling`: temperature, top_p. X(NAME, word, meaning) */
#define ABILITIES_SAMPLINGS(X)             \
    X(NONE, "none", "neither")             \
    X(ONE, "one", "one of them, not both") \
    X(ALL, "all", "both")

/* The column `thinking`: how a model is told to think. X(NAME, word, meaning) */
#define ABILITIES_THINKINGS(X)                                                                \
    X(NONE, "none", "it does not, or nobody can tell it to")                                  \
    X(BUDGET, "budget", "Claude: thinking.type enabled, with budget_tokens")                  \
    X(EITHER, "either", "Claude: enabled or adaptive")                                        \
    X(ADAPTIVE, "adaptive", "Claude: thinking.type adaptive")                                 \
    X(LEVEL, "level", "by a level, which an effort alone does not switch on")                 \
    X(SWITCH, "switch", "a level makes it think; then it calls no tool that it is forced to") \
    X(ALWAYS, "always", "it thinks anyhow, a level says how much; off is the least one")

/* The column `level_at`: where its level or effort is said, in Claude's body or else under
 * additionalModelRequestFields. X(NAME, path) */
#define ABILITIES_LEVEL_PLACES(X)                             \
    X(NOWHERE, "")                                            \
    X(OUTPUT_CONFIG, "output_config.effort")                  \
    X(REASONING_CONFIG, "reasoningConfig.maxReasoningEffort") \
    X(REASONING_EFFORT, "reasoning_effort")                   \
    X(REASONING, "reasoning.effort")

enum { /* the bit of each word of `takes` */
#define ABILITIES_BIT(name, word, meaning) ABILITIES_BIT_##name,
       ABILITIES_TAKES(ABILITIES_BIT)
#undef ABILITIES_BIT
           ABILITIES_TAKES_COUNT
};
_Static_assert(ABILITIES_TAKES_COUNT <= 32, "a word of the table");

#endif
