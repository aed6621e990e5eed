/*
 * models.h - from the name a client sent to a Bedrock model: id, transport, what the model takes.
 *
 * Order (ARCHITECTURE, "Two upstream transports"): mapping table of the key store for the exact
 * name -> family override (ANTHROPIC_DEFAULT_{OPUS,SONNET,HAIKU}_MODEL) -> ANTHROPIC_DEFAULT_MODEL
 * (every Claude or OpenAI-alias name, never an explicit id of another vendor) -> built-in table ->
 * rule for claude-* names -> a legal Bedrock id or ARN as it is -> 404. Region prefixes (us. eu.
 * apac. global. ...) and the suffix "[1m]" are understood everywhere. No id is ever silently
 * replaced by another model. Everything about a model is decided on the *resolved* id. Worker; pure
 * but for the directory read.
 */
#ifndef WORKER_MODEL_MODELS_H
#define WORKER_MODEL_MODELS_H

#include "server/base/config.h"
#include "server/base/err.h"
#include "server/base/text.h"
#include "shm/memory/segment.h"

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

/* client_name: as the client sent it. messages_dialect: the Anthropic route (Claude goes by
 * InvokeModel there, by Converse otherwise). STATUS_NO_MODEL ("model: <id>"), STATUS_PERMISSION for
 * an ARN of an account outside MODEL_ARN_ACCOUNTS. */
struct arena;
MUST_CHECK enum status models_choose(const struct config *c, const struct segment *s,
                                     struct arena *arena, struct str client_name,
                                     bool messages_dialect, struct models_choice *out,
                                     struct err *err);
/* Capabilities of a Bedrock id; never NULL (an unknown model gets a careful default row). */
const struct models_caps *models_caps(struct str bedrock_id);
/* The id without region prefix ("us.anthropic.x" -> "anthropic.x"); ARNs give their last part. */
struct str models_base(struct str bedrock_id);
/* What may stand in a table of models: a Bedrock id or the ARN of a model, also with "[1m]". */
bool models_is_legal(struct str id);
/* Parses DEFAULT_MODEL_MAPPING once, after config_load; INVALID names what is wrong. */
MUST_CHECK enum status models_init(const struct config *c, struct err *err);

/* The built-in table, for GET /v1/models: NULL name ends it. */
struct models_builtin {
    const char *name; /* client's */
    const char *id;   /* Bedrock's */
};
extern const struct models_builtin models_builtin[];
const struct models_builtin *models_builtin_find(struct str name); /* NULL: no such name */

#endif
