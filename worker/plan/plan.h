/*
 * plan.h - what becomes of a wish on its way to one model: a verdict for each field, the values
 * that go on, and the notes about what does not. Made by plan_make (CONVERT), read by the writers
 * (worker/splice, worker/converse), which add notes about messages and tools. It lives on the
 * caller's stack and is lent to them; texts are the request's, the arena's or static. Pure; worker.
 */
#ifndef WORKER_PLAN_PLAN_H
#define WORKER_PLAN_PLAN_H

#include "server/base/bedrock_terms.h"
#include "server/base/buf.h"
#include "shm/memory/learned.h"
#include "worker/dialect/wish.h"
#include "worker/model/betas.h"
#include "worker/model/cache_policy.h"
#include "worker/model/cures.h"

enum plan_verdict {
    PLAN_KEEP,  /* as the client wrote it, or it asks for nothing */
    PLAN_DROP,  /* it is gone */
    PLAN_MAP,   /* said in other words, nothing lost */
    PLAN_CLAMP, /* the client gets less than it asked for */
    PLAN_REFUSE
};

/* X(NAME): what has a verdict. Values are bits of left_out: append. */
#define PLAN_FIELDS(X) \
    X(MAX_TOKENS)      \
    X(TEMPERATURE)     \
    X(TOP_P)           \
    X(TOP_K)           \
    X(STOPS)           \
    X(THINKING)        \
    X(DISPLAY)         \
    X(EFFORT)          \
    X(TASK_BUDGET)     \
    X(FORMAT)          \
    X(CHOICE)          \
    X(ONE_CALL)        \
    X(STREAM)          \
    X(TIER)            \
    X(CACHE_TOP)       \
    X(CONTEXT)

enum plan_field {
#define PLAN_FIELD_ENUM(name) PLAN_##name,
    PLAN_FIELDS(PLAN_FIELD_ENUM)
#undef PLAN_FIELD_ENUM
        PLAN_PLAIN /* from here on the rows of wish_plain */
};
#define PLAN_FIELD_MAX (PLAN_PLAIN + WISH_PLAIN_MAX)
_Static_assert(PLAN_FIELD_MAX <= 64, "left_out has a bit for each");
#define PLAN_BIT(field) ((uint64_t)1 << (field))

struct plan_terms { /* turn/terms.c's; what is empty is not said */
    struct bedrock_terms_guardrail guardrail;
    struct str project;
    struct str metadata; /* a JSON object */
};

struct plan_options { /* what is known besides the request; lent */
    const struct models_choice *model;
    struct str betas; /* the anthropic-beta header, all values joined by ',' */
    struct betas_rules beta_rules;
    enum tier tier; /* of the key or DEFAULT_SERVICE_TIER; the request's own comes before it */
    struct cache_policy cache;
    struct plan_terms terms;
    bool capability_tokens; /* the client acts on "capability_rejected: image_block": Claude Code */
    bool strict_fields;     /* STRICT_FIELDS: what is lost is refused by name */
    uint64_t left_out;      /* PLAN_BIT()s: fields that an earlier attempt was refused for */
    const struct cure *cure;      /* what it was refused for besides; NULL: nothing */
    const struct segment *memory; /* what was learned of models; NULL: nothing is looked up */
    uint64_t now_s;               /* for it */
};

enum plan_format { PLAN_FORMAT_NONE, PLAN_FORMAT_NATIVE, PLAN_FORMAT_WORDS };

#define PLAN_BETAS_MAX  32
#define PLAN_FIELDS_MAX 16 /* unknown ones that a refusal may name */

struct plan {
    const struct plan_options *o;
    const struct models_caps *caps; /* own, where something was learned */
    struct models_caps own;
    struct arena *arena;
    bool invoke; /* by InvokeModel, else by Converse */
    /* What is left of the wish: values as they go on, the rest asks for nothing. */
    struct wish left;
    uint8_t verdict[PLAN_FIELD_MAX]; /* enum plan_verdict */

    struct {
        struct str level; /* of caps->level_at; empty: nothing is said. OUTPUT_CONFIG: the effort */
        bool binding;     /* the client's thinking.block_binding goes on */
        bool drop_block;  /* thoughts of another conversation are to be dropped, not refused */
    } thinking;

    struct {
        enum plan_format how;  /* structured output */
        uint32_t schema_rules; /* of schema.h */
    } format;

    struct {
        bool any;      /* the request has tools when it reaches the model */
        bool stand_in; /* one for those that the history has called */
        bool forced;   /* a tool choice is sent that wants a call */
        bool in_words; /* the choice of left is told in the system prompt instead */
        bool no_calls; /* none, although there are tools: Claude's own tool_choice says it */
        uint32_t schema_rules; /* of schema.h */
    } tools;

    bool whole_upstream; /* the client wants a stream of what the model does not stream */
    enum tier tier;

    struct { /* values of anthropic_beta */
        struct str value[PLAN_BETAS_MAX];
        uint32_t count;
    } betas;

    struct {                 /* refusals: plan_cure.c */
        uint64_t left_out;   /* of the options, and what was learned */
        uint32_t output_cap; /* tokens that the model was found to write at most; 0: unknown */
        struct str field[PLAN_FIELDS_MAX]; /* that go, of those this program does not know */
        uint32_t field_count;
        struct cures_sent sent;   /* what can still be refused; in the arena */
        struct learned_key shape; /* by which it is remembered; of a plan with memory */
        bool avoided;             /* something is left out because it was remembered */
    } cure;

    struct {
        struct buf *changes; /* for x-converter-changes */
        char lost[80];       /* the first thing lost, "" none: STRICT_FIELDS refuses it by name */
    } notes;
};

bool plan_takes(const struct plan *p, uint32_t ability); /* MODELS_... */
bool plan_has_beta(const struct plan *p, struct str value);
/* Does this edit of context_management go on? */
bool plan_keeps_edit(const struct plan *p, scan_ref edit);
/* Do marks of prompt caching reach this model at all? */
bool plan_takes_marks(const struct plan *p);

/* "drop:" for PLAN_DROP, "map:" for PLAN_MAP and PLAN_CLAMP; what and name make one word, name may
 * be the client's. The same words once only. PLAN_DROP and PLAN_CLAMP are losses. */
void plan_note(struct plan *p, enum plan_verdict verdict, const char *what, struct str name);
/* The same without a name, and remembers the verdict. */
void plan_judge(struct plan *p, enum plan_field field, enum plan_verdict verdict, const char *what);
/* INVALID when something was lost and STRICT_FIELDS is on. At the end of a writer. */
MUST_CHECK enum status plan_refuse_loss(const struct plan *p, struct err *err);
/* INVALID: kind ("image", "document") is what this model does not take. For Claude Code in its token,
 * else a sentence with the Bedrock id. place: of the block in the request, "messages" or more exactly. */
enum status plan_refuse_media(const struct plan *p, const char *kind, const char *place,
                              struct err *err);
/* INVALID: a top-level cache_control would be the fifth mark. */
enum status plan_refuse_mark(uint32_t marks, struct err *err);

#endif
