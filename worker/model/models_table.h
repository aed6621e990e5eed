/*
 * models_table.h - what a model is and takes, and the names clients know: two built-in tables. The
 * bottom of this wing: what was chosen (models.h) and what becomes of its betas (betas.h) are told
 * in these words. Const; any process; strings are static unless a field says otherwise.
 */
#ifndef WORKER_MODEL_MODELS_TABLE_H
#define WORKER_MODEL_MODELS_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include "server/base/text.h"
#include "shm/catalogue/abilities.h"

enum models_transport { MODELS_INVOKE, MODELS_CONVERSE };

enum { /* what a model takes: flags of struct models_caps */
       MODELS_CLAUDE = 1 << 0,
       MODELS_THINKING_DISPLAY = 1 << 1, /* thinking.display */
       MODELS_FORMAT = 1 << 2,           /* output_config.format (structured output) */
       MODELS_STOPS = 1 << 3,            /* stop sequences */
       MODELS_SYSTEM_ROLE = 1 << 4,      /* role "system" inside messages */
       MODELS_CACHE = 1 << 5,            /* cache_control / cachePoint */
       MODELS_CACHE_1H = 1 << 6,         /* ttl "1h" */
       MODELS_CACHE_TOP = 1 << 7,        /* top-level cache_control (automatic breakpoint) */
       MODELS_TOOLS = 1 << 8,
       MODELS_TOOL_CHOICE = 1 << 9,  /* any and tool, not only auto */
       MODELS_TOOL_SEARCH = 1 << 10, /* defer_loading, tool_reference */
       MODELS_EAGER_INPUT = 1 << 11, /* tools[].eager_input_streaming */
       MODELS_IMAGES = 1 << 12,
       MODELS_DOCUMENTS = 1 << 13,
       MODELS_SYSTEM = 1 << 14,       /* a system prompt at all */
       MODELS_STREAM_TOOLS = 1 << 15, /* tools while streaming */
       MODELS_CHOICE_ANY = 1 << 16,   /* tool_choice any, but no tool by its name */
       MODELS_CALL_LIMIT = 1 << 17,   /* tool_choice none, disable_parallel_tool_use: by Converse */
       MODELS_STRICT = 1 << 18,       /* tools[].strict */
       MODELS_RESULT_MEDIA = 1 << 19, /* images and documents inside a tool result */
       MODELS_INPUT_WHOLE = 1 << 20   /* its streams' input tokens count the cached ones, too */
};

/* How a model is told to think. */
enum models_thinking {
#define MODELS_THINKING_ENUM(name, word, meaning) MODELS_THINKING_##name,
    ABILITIES_THINKINGS(MODELS_THINKING_ENUM)
#undef MODELS_THINKING_ENUM
};

/* Where its level or effort is said. */
enum models_level_at {
#define MODELS_LEVEL_ENUM(name, path) MODELS_LEVEL_##name,
    ABILITIES_LEVEL_PLACES(MODELS_LEVEL_ENUM)
#undef MODELS_LEVEL_ENUM
};

enum models_sampling { MODELS_SAMPLING_NONE, MODELS_SAMPLING_ONE, MODELS_SAMPLING_ALL };
/* ONE: temperature or top_p, not both */

struct models_caps {
    const char *prefix; /* of the id without region prefix; the longest prefix wins */
    const char *family; /* "claude-opus-4-7", "nova", "qwen" ... */
    const char *vendor; /* owned_by */
    uint32_t flags;
    enum models_sampling sampling; /* temperature, top_p */
    const char *top_k;             /* its path where Bedrock wants it; "": not taken */
    enum models_thinking thinking;
    enum models_level_at level_at;
    const char *efforts;  /* the levels it knows, from the least, comma-separated */
    uint32_t output_max;  /* tokens; 0: unknown */
    uint32_t context_max; /* tokens; 0: unknown */
    const char *betas;    /* anthropic_beta values it takes, comma-separated */
};

#define MODELS_ID_MAX 2048

struct models_choice {
    struct str id; /* Bedrock id or ARN, in the arena */
    const struct models_caps *caps;
    enum models_transport transport;
    bool one_million; /* "[1m]": beta context-1m-2025-08-07 wanted */
    const char *rule; /* which step of the order chose: for the log */
};

/* Capabilities of a Bedrock id; never NULL (an unknown model gets a careful default row). */
const struct models_caps *models_caps(struct str bedrock_id);
/* The id without region prefix ("us.anthropic.x" -> "anthropic.x"); ARNs give their last part. */
struct str models_base(struct str bedrock_id);
/* The built-in table, for GET /v1/models: NULL name ends it. */
struct models_builtin {
    const char *name; /* client's */
    const char *id;   /* Bedrock's */
};
extern const struct models_builtin models_builtin[];
const struct models_builtin *models_builtin_find(struct str name); /* NULL: no such name */

#endif
