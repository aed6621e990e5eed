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

enum models_transport { MODELS_INVOKE, MODELS_CONVERSE };

enum { /* what a model takes: flags of struct models_caps */
       MODELS_CLAUDE = 1 << 0,
       MODELS_THINKING_ENABLED = 1 << 1,  /* thinking.type enabled with budget_tokens */
       MODELS_THINKING_ADAPTIVE = 1 << 2, /* thinking.type adaptive */
       MODELS_THINKING_DISPLAY = 1 << 3,  /* thinking.display */
       MODELS_EFFORT = 1 << 4,            /* output_config.effort */
       MODELS_FORMAT = 1 << 5,            /* output_config.format (structured output) */
       MODELS_SAMPLING = 1 << 6,          /* temperature, top_p, top_k */
       MODELS_SAMPLING_ONE = 1 << 7,      /* temperature or top_p, not both */
       MODELS_SYSTEM_ROLE = 1 << 8,       /* role "system" inside messages */
       MODELS_CACHE = 1 << 9,             /* cache_control / cachePoint */
       MODELS_CACHE_1H = 1 << 10,         /* ttl "1h" */
       MODELS_CACHE_TOP = 1 << 11,        /* top-level cache_control (automatic breakpoint) */
       MODELS_TOOLS = 1 << 12,
       MODELS_TOOL_CHOICE = 1 << 13, /* any and tool, not only auto */
       MODELS_TOOL_SEARCH = 1 << 14, /* defer_loading, tool_reference */
       MODELS_EAGER_INPUT = 1 << 15, /* tools[].eager_input_streaming */
       MODELS_IMAGES = 1 << 16,
       MODELS_DOCUMENTS = 1 << 17,
       MODELS_SYSTEM = 1 << 18,       /* a system prompt at all */
       MODELS_STREAM_TOOLS = 1 << 19, /* tools while streaming */
       MODELS_CHOICE_ANY = 1 << 20,   /* tool_choice any, but no tool by its name */
       MODELS_CALL_LIMIT = 1 << 21,   /* tool_choice none, disable_parallel_tool_use: by Converse */
       MODELS_STRICT = 1 << 22        /* tools[].strict */
};

struct models_caps {
    const char *prefix; /* of the id without region prefix; the longest prefix wins */
    const char *family; /* "claude-opus-4-7", "nova", "qwen" ... */
    const char *vendor; /* owned_by */
    uint32_t flags;
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
