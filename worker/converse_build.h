/*
 * converse_build.h - a Converse request body under construction: turns that merge, blocks that Bedrock
 * accepts, cache points in legal order. Used by both request converters. Pure; worker.
 * Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
 *
 * Order of the body: toolConfig, system, messages, the rest - the order in which cache lifetimes may not grow.
 * A turn is opened lazily by its first block, so empty turns vanish and same-role turns become one.
 */
#ifndef WORKER_CONVERSE_BUILD_H
#define WORKER_CONVERSE_BUILD_H

#include "server/arena.h"
#include "server/json.h"
#include "worker/converse.h"

enum converse_role { CONVERSE_NONE, CONVERSE_USER, CONVERSE_ASSISTANT };

struct converse_build {
    const struct converse_options *o;
    struct converse_names *names;
    struct arena *arena;
    struct json_out w;
    struct buf *changes;
    struct err *err; /* the first failure stays */
    enum status status;

    enum converse_role turn;  /* the open turn */
    bool turn_document, turn_text;
    unsigned documents;       /* so far: names must differ */
    bool ttl_short;           /* a 5-minute point was put: no 1-hour point may follow */
    unsigned points;          /* cache points put; at most 4 */
};

void converse_build_begin(struct converse_build *b, const struct converse_options *o, struct converse_names *names,
                          struct arena *arena, struct buf *body, struct buf *changes, struct err *err);
bool converse_build_ok(const struct converse_build *b); /* no failure so far and the body fits */
enum status converse_build_fail(struct converse_build *b, enum status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool converse_build_has(const struct converse_build *b, uint32_t flag); /* does the model take it? MODELS_... */
void converse_build_note(struct converse_build *b, const char *what, struct str name);

/* --- turns: "messages" is open between these two --- */
void converse_build_messages(struct converse_build *b);
void converse_build_messages_end(struct converse_build *b);
/* Before every block: makes sure the open turn has this role. */
void converse_build_turn(struct converse_build *b, enum converse_role role);

/* --- blocks, into the open array (a turn, or a tool result's content) --- */
void converse_build_text(struct converse_build *b, struct str text); /* empty text is left out */
/* media_type "image/png"; data: base64, not empty. INVALID for other types; "capability_rejected: image_block"
 * for models without images. */
void converse_build_image(struct converse_build *b, struct str media_type, struct str data);
enum converse_source { CONVERSE_BYTES, CONVERSE_TEXT };
/* format "pdf", "txt" ...; title and context may be empty. "capability_rejected: document_block" likewise. */
void converse_build_document(struct converse_build *b, struct str format, enum converse_source source, struct str data,
                             struct str title, struct str context, bool citations);
/* input: a JSON object, copied as it is. */
void converse_build_tool_use(struct converse_build *b, struct str id, struct str name, struct str input);
/* Opens toolResult.content; blocks may follow; then the end. */
void converse_build_tool_result(struct converse_build *b, struct str id);
void converse_build_tool_result_end(struct converse_build *b, unsigned blocks, bool is_error);
void converse_build_reasoning(struct converse_build *b, struct str text, struct str signature); /* Claude only */
void converse_build_redacted(struct converse_build *b, struct str data);
/* A cache point after what was put last; ttl "", "5m" or "1h". Left out (and noted) where the model has no
 * caching; 1h becomes 5m where it is not taken or came after a 5-minute one. */
void converse_build_cache_point(struct converse_build *b, struct str ttl);

/* --- tools: "toolConfig" is open between these two --- */
void converse_build_tools(struct converse_build *b);
/* schema: JSON object, copied; empty: {"type":"object","properties":{}}. */
void converse_build_tool(struct converse_build *b, struct str name, struct str description, struct str schema, bool strict);
enum converse_choice { CONVERSE_AUTO, CONVERSE_ANY, CONVERSE_TOOL };
void converse_build_tools_end(struct converse_build *b, enum converse_choice choice, struct str name);

/* --- the rest: inferenceConfig and what hangs together with it --- */
struct converse_sampling {
    int64_t max_tokens; /* 0: left to the model */
    bool has_temperature, has_top_p;
    double temperature, top_p;
};
/* stops: raw JSON strings; asks for /stop_sequence back when there are any. */
void converse_build_inference(struct converse_build *b, struct converse_sampling s, const struct str *stops, size_t stop_count);
void converse_build_tier(struct converse_build *b);
/* Structured output: schema as text (JSON inside a JSON string). */
void converse_build_schema(struct converse_build *b, struct str schema, struct str name, struct str effort);

#endif
