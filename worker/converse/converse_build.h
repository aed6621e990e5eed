/*
 * converse_build.h - a Converse request body under construction: turns that merge, blocks that
 * Bedrock accepts, cache points in legal order. Used by each request converter. Pure; worker.
 * Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
 *
 * Order of the body: toolConfig, system, messages, the rest (converse_settings.h) - the order in
 * which cache lifetimes may not grow. Everything opens lazily with its first block, so what turned
 * out empty leaves nothing behind and neighbouring turns of one role become one.
 */
#ifndef WORKER_CONVERSE_CONVERSE_BUILD_H
#define WORKER_CONVERSE_CONVERSE_BUILD_H

#include "server/base/arena.h"
#include "server/json/json.h"
#include "worker/converse/converse.h"
#include "worker/converse/converse_place.h"
#include "worker/plan/plan.h"
#include "worker/plan/plan_ids.h"

enum converse_role { CONVERSE_NONE, CONVERSE_SYSTEM, CONVERSE_USER, CONVERSE_ASSISTANT };

struct converse_late { /* a tool result that other blocks of its turn came before */
    size_t from, to;   /* in the body */
    struct converse_late *next;
};

struct converse_build {
    struct plan *plan;
    struct converse_names *names;
    struct plan_ids ids;
    struct arena *arena;
    struct json_out w;
    struct err *err; /* the first failure stays */
    enum status status;

    struct converse_place place; /* of what is being put; kept by the writer */

    bool tools_open;         /* "toolConfig" is open */
    bool messages_open;      /* "messages" is open */
    enum converse_role role; /* of the blocks to come */
    struct {                 /* the open one */
        enum converse_role role;
        size_t at;                         /* where its blocks begin in the body */
        bool document, text;               /* it has one */
        size_t results_end;                /* behind those of its tool results that came first */
        struct converse_late *late, *last; /* those that did not, in order */
    } turn;
    struct { /* the tool result */
        bool open;
        size_t at;     /* where it begins */
        unsigned size; /* blocks in it */
    } result;
    unsigned documents; /* so far: names must differ */

    struct {            /* cache points */
        bool ttl_short; /* one of 5 minutes was put: none of 1 hour may follow */
        unsigned count; /* put; at most 4 */
        size_t end;     /* behind the last one: two must not stand together */
    } cache;
    size_t reasoning_end; /* behind the last reasoning block: none may follow it */
};

/* The plan is lent; notes about blocks and tools are added to it. */
void converse_build_begin(struct converse_build *b, struct plan *plan, struct converse_names *names,
                          struct buf *body, struct err *err);
/* Closes the body; TOO_LARGE when it did not fit, INVALID when STRICT_FIELDS forbids a loss. */
MUST_CHECK enum status converse_build_end(struct converse_build *b);

bool converse_build_ok(const struct converse_build *b); /* no failure so far and the body fits */
void converse_build_fail(struct converse_build *b, enum status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same of a parameter at fault: err_set_param. */
void converse_build_fail_param(struct converse_build *b, enum err_fault fault, const char *param,
                               const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The same of the place where the writer is: "Invalid '<place>': what". */
void converse_build_fail_here(struct converse_build *b, const char *what);
void converse_build_no_memory(
    struct converse_build *b); /* the same: BUSY, in err_no_memory's words */
/* Does the model take it? MODELS_... */
bool converse_build_has(const struct converse_build *b, uint32_t flag);
/* scan_text, but a string that the arena had no room for is a failure and not an empty text. */
struct str converse_build_read(struct converse_build *b, const struct scan *s, scan_ref r);

/* plan_note */
void converse_build_map(struct converse_build *b, const char *what);
void converse_build_drop(struct converse_build *b, const char *what);
void converse_build_drop_named(struct converse_build *b, const char *what, struct str name);

/* --- turns: system first, then the messages ---
 * Blocks to come belong to this role. Models without a system prompt get it as the first words of
 * the user, and so does what comes too late for it. */
void converse_build_role(struct converse_build *b, enum converse_role role);
/* "Continue" of a client, or a last word of blanks that is gone: models that refuse to go on with
 * their own words are asked to. */
void converse_build_user_last(struct converse_build *b);
/* INVALID when nothing was put into messages. */
void converse_build_messages_end(struct converse_build *b);

/* --- blocks, into the turn of the role or the open tool result (converse_block.c) --- */
/* Before every block: makes sure the turn of the role is open. */
void converse_build_open(struct converse_build *b);
void converse_build_member(struct converse_build *b, struct str key, struct str text);
void converse_build_text(struct converse_build *b, struct str text); /* empty text is left out */
/* raw: a JSON string with its quotes; blank text is left out. */
void converse_build_text_json(struct converse_build *b, struct str raw);
/* As one text; pieces are escaped JSON without quotes. */
void converse_build_text_pieces(struct converse_build *b, const struct str *pieces, size_t n);
/* false and INVALID (plan_refuse_media) for models without them, or outside the user's messages. Ask
 * before the source is read: what the model cannot see at all needs no word on how to send it. */
bool converse_build_takes_images(struct converse_build *b);
bool converse_build_takes_documents(struct converse_build *b);
/* media_type "image/png"; data: base64. INVALID for other types and for data that is none;
 * takes_images is asked here too. */
void converse_build_image(struct converse_build *b, struct str media_type, struct str data);

struct converse_document {
    struct str format;  /* "pdf", "txt" ... */
    struct str bytes;   /* base64; or */
    struct str text;    /* plain text; or */
    struct str content; /* a JSON array of {"text":...} */
    struct str title;   /* may be empty */
    struct str context; /* may be empty */
    bool citations;
};
/* takes_documents is asked here too. */
void converse_build_document(struct converse_build *b, struct converse_document d);

/* input: a JSON object, copied as it is. */
void converse_build_tool_use(struct converse_build *b, struct str id, struct str name,
                             struct str input);
/* Blocks between the two go into toolResult.content. false: the call has its result already, this one
 * is left out (or there was a failure): nothing is open. */
MUST_CHECK bool converse_build_tool_result(struct converse_build *b, struct str id);
void converse_build_tool_result_end(struct converse_build *b, bool is_error);
/* At the end of a turn: results that came late go where they belong. */
void converse_build_settle_results(struct converse_build *b);
/* Can a tool result of this model hold images and documents? */
bool converse_build_result_takes_media(const struct converse_build *b);
/* Claude only; without a signature, which Claude would refuse, it is dropped. */
void converse_build_reasoning(struct converse_build *b, struct str text, struct str signature);
void converse_build_redacted(struct converse_build *b, struct str data);
/* A whole block of reasoning as it came from the same model: JSON as it is. false: not this model. */
MUST_CHECK bool converse_build_thought(struct converse_build *b, struct str block);
/* Any other block, JSON as it is. */
void converse_build_raw(struct converse_build *b, struct str block);

/* A cache point after what was put last (tool, system or message block); ttl "", "5m" or "1h". Left
 * out and noted where it cannot stand; 1h becomes 5m where it is not taken or came after a
 * 5-minute one. */
void converse_build_cache_point(struct converse_build *b, struct str ttl);
/* One of no named lifetime where it can stand; nothing, and no word, where not: the client has not said
 * where. */
void converse_build_cache_point_here(struct converse_build *b);

/* --- tools: before every turn --- */
struct converse_tool {
    struct str name;
    struct str description; /* a JSON string with its quotes; may be empty */
    struct str examples;    /* JSON array of inputs, or empty */
    struct str schema;      /* JSON object, copied; empty: one without properties */
    bool strict;
};
void converse_build_tool(struct converse_build *b, const struct converse_tool *t);
/* The schema of a tool as the model takes it; empty where there is none. */
struct str converse_build_schema(struct converse_build *b, const struct scan *s, scan_ref schema);
/* Ends the list, if any tool was put, with the choice of the plan. */
void converse_build_tools_end(struct converse_build *b);

/* --- what follows the messages --- */
struct converse_section { /* an object of the body that opens with its first member */
    struct converse_build *b;
    struct str name;
    bool open;
};
/* The member's value is written next. */
struct json_out *converse_build_key(struct converse_section *x, struct str key);
void converse_build_section_end(struct converse_section *x);

#endif
