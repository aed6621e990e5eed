/*
 * wish.h - what a client asks of an answer, beside its messages and the text of its tools, whatever
 * its dialect. Read once (messages_read, chat_read, responses_read) and not changed afterwards;
 * worker/plan decides what becomes of it. Texts are the request's or the arena's. Pure.
 */
#ifndef WORKER_DIALECT_WISH_H
#define WORKER_DIALECT_WISH_H

#include "server/json/scan.h"
#include "shm/catalogue/tier.h"
#include "worker/dialect/tool_changes.h"
#include "worker/dialect/tool_references.h"
#include "worker/model/models_table.h"

enum wish_thinking {
    WISH_THINKING_UNSET,
    WISH_THINKING_OFF,
    WISH_THINKING_ADAPTIVE, /* as much as the model likes */
    WISH_THINKING_BUDGET,
    WISH_THINKING_BETWEEN /* between its calls of tools only */
};

/* Anything but UNSET and OFF. */
bool wish_thinks(enum wish_thinking thinking);

/* Levels of effort, from the least. X(NAME, word) */
#define WISH_EFFORTS(X) \
    X(LOW, "low")       \
    X(MEDIUM, "medium") \
    X(HIGH, "high")     \
    X(XHIGH, "xhigh")   \
    X(MAX, "max")

enum wish_effort {
    WISH_EFFORT_UNSET,
#define WISH_EFFORT_ENUM(name, word) WISH_EFFORT_##name,
    WISH_EFFORTS(WISH_EFFORT_ENUM)
#undef WISH_EFFORT_ENUM
        WISH_EFFORT_OTHER /* a word that is none of these: newer than this program, or wrong */
};

struct str wish_effort_word(enum wish_effort effort); /* empty for UNSET and OTHER */
enum wish_effort wish_effort_find(struct str word);   /* UNSET for an empty one */

enum wish_choice { WISH_CHOICE_AUTO, WISH_CHOICE_ANY, WISH_CHOICE_ONE, WISH_CHOICE_NONE };

enum wish_format {
    WISH_FORMAT_UNSET,
    WISH_FORMAT_JSON, /* any JSON object */
    WISH_FORMAT_SCHEMA,
    WISH_FORMAT_OTHER /* asked for, but in a form without a schema */
};

/*
 * Top-level fields that go on as they are, or not at all. A model that takes one gets it under the
 * same name (InvokeModel: in the body, Converse: in additionalModelRequestFields). A new field of a
 * model is a row here and an ability in the table of models.
 */
enum wish_fate {
    WISH_LOST,    /* no model on Bedrock has it: dropped and named */
    WISH_REFUSED, /* without it the answer would be another one: refused by name */
    WISH_ABILITY  /* taken by models with the ability */
};

struct wish_plain {
    struct str messages, chat; /* its name in each dialect; empty: it has none */
    enum wish_fate fate;
    uint32_t ability;   /* MODELS_..., of WISH_ABILITY */
    struct str neutral; /* a text that asks for nothing */
    struct str beta;    /* with it InvokeModel takes the field, whatever its fate; empty: none */
};

struct wish;

/* A beta that a part of the body needs. */
struct wish_need {
    struct str beta;
    struct str tool; /* the type of a tool that must not go without it; empty: a field */
};
#define WISH_NEEDS_MAX       16
#define WISH_BETA_CONTEXT    STR("context-management-2025-06-27")
#define WISH_BETA_COMPACT    STR("compact-2026-01-12") /* an edit of context_management */
#define WISH_BETA_COMPACTION STR("compact-2026-09-04") /* the field of that name */
#define WISH_BETA_SEARCH     STR("tool-search-tool-2025-10-19")
#define WISH_BETA_BINDING    STR("thinking-binding-controls-2026-08-01")
#define WISH_BETA_UPDATES    STR("thinking-display-updates-2026-08-18")

/* Once each. */
void wish_need(struct wish *w, struct str beta, struct str tool);

#define WISH_PLAIN_MAX 32 /* rows */
extern const struct wish_plain wish_plain[];
extern const size_t wish_plain_count;

/* Names of fields in the client's dialect, for the notes. */
struct wish_names {
    const char *thinking, *effort, *one_call, *stops;
};

struct wish_allowed { /* an entry of allowed_tools; p NULL: it says nothing of it */
    struct str named; /* the tool; of one that has no name its type */
    struct str in;    /* only of this namespace */
    struct str space; /* all of this namespace, whatever their names */
};

struct wish {
    const struct scan *scan;
    const struct wish_names *called;
    /* The first field of a wrong form. What is spliced leaves it to the upstream, what is built
     * anew cannot be made of it. code STATUS_OK: none; STATUS_BUSY: no memory to read it. */
    struct err fault;

    bool stream;
    struct {
        bool given;
        bool exact; /* its clients want a refusal when they ask for more tokens than there are */
        int64_t n;
    } max_tokens;

    struct {
        bool has_temperature, has_top_p;
        double temperature, top_p;
        scan_ref top_k; /* a number, or SCAN_ABSENT */
    } sampling;

    struct {
        struct str *list; /* JSON strings with their quotes; blank ones, which nobody takes, are
                             out */
        uint32_t count;
        bool lost; /* there were blank ones, or too many */
    } stops;

    struct {
        enum wish_thinking mode;
        int64_t budget; /* tokens, of WISH_THINKING_BUDGET */
        struct {
            struct str as; /* "summarized", "omitted" or empty */
            bool updates;  /* "updates", which rests on WISH_BETA_UPDATES */
            bool other;    /* an unknown one */
            bool ours;     /* the dialect's, whose clients have no word for it */
        } display;
        struct {
            scan_ref at; /* thinking.block_binding: an object, or SCAN_ABSENT */
            bool error;  /* it wants an error for thoughts of another conversation */
        } binding;
        bool unreasoned; /* the turn that is to go on calls tools and did not begin with a thought;
                           told only when there is a wish for thinking */
        bool in_history; /* there are thoughts; told only with a format or a forced call */
    } thinking;

    struct {
        enum wish_effort level;
        bool rounded; /* it was a lower one than there are */
        bool task_budget;
    } effort;

    struct { /* of the answer */
        enum wish_format kind;
        const char *name; /* of the field */
        bool old;         /* it stands under the name that it had as a beta */
        bool twice;       /* under both names: the old one is dropped */
        struct {
            struct str text; /* a JSON object, of WISH_FORMAT_SCHEMA */
            scan_ref at;     /* where it stands */
            struct str name, description;
            bool open; /* the dialect does not ask for additionalProperties:false */
        } schema;
    } format;

    struct {
        uint32_t shown;              /* that the model may be shown */
        struct tool_changes changes; /* defined in mid-conversation; counted in shown */
        uint32_t deferred;           /* of them: that wait for a tool search, and none has named */
        /* What the history has named; read where a tool waits. */
        struct tool_references references;
        struct {         /* allowed_tools */
            scan_ref at; /* a list: no other tools may be shown; SCAN_ABSENT: all may */
            const struct wish_allowed *entries; /* that list, read once; in the arena */
            uint32_t count;
        } allowed;
        bool search;        /* defers tools, or has a tool that searches for them */
        bool called_before; /* the history has tool calls; told only without tools or with NONE */
    } tools;

    struct { /* tool_choice */
        enum wish_choice kind;
        struct str name;  /* of WISH_CHOICE_ONE */
        struct str space; /* the namespace of that tool; empty: none */
        bool lost;        /* it named a tool that only another service has */
        bool one_call;    /* at most one tool call in the answer */
    } choice;

    struct { /* service_tier */
        bool given;
        bool other; /* a word that is no tier of Bedrock's */
        enum tier value;
    } tier;

    struct {
        scan_ref top;   /* top-level cache_control: an object, or SCAN_ABSENT */
        bool automatic; /* its clients mark nothing, and want a cache all the same */
    } cache;

    scan_ref context; /* context_management, or SCAN_ABSENT */

    struct {
        scan_ref members[2]; /* of the body: a text or a list of texts; the header is apart */
        struct wish_need needs[WISH_NEEDS_MAX];
        uint32_t need_count;
    } betas;

    struct {
        scan_ref plain[WISH_PLAIN_MAX]; /* by row of wish_plain; SCAN_ABSENT: nothing is asked */
        scan_ref *others;               /* fields that this program does not know */
        uint32_t other_count, other_room;
    } fields;
};

/* Is a deferred tool shown all the same? The history has given it out, or it has to be called. */
bool wish_shows_deferred(const struct wish *w, struct str name);

/* What both readers begin with: the dialect's own names, nothing asked. */
void wish_begin(struct wish *w, const struct scan *s, const struct wish_names *called);
/* The plain fields and the others. known: names that are read elsewhere, or that may go without a
 * word. BUSY when memory is out. */
MUST_CHECK enum status wish_read_fields(struct wish *w, enum dialect dialect,
                                        const struct str *known, size_t known_count,
                                        struct err *err);
/* A field that is read after all is none of the others. */
void wish_take(struct wish *w, scan_ref value);
/* A part of a field that is read for its other parts: one of the others. */
void wish_lose(struct wish *w, scan_ref value);
/* A member's text; no memory for it is a fault. */
struct str wish_text(struct wish *w, scan_ref r);
/* Room for so many stop sequences (false: none, a fault), then one by one. */
bool wish_make_stops(struct wish *w, uint32_t most);
void wish_add_stop(struct wish *w, struct str raw);
/* Keeps the first fault; the text is the dialect's. NONE: it names no parameter (err_set_param). */
void wish_fault(struct wish *w, enum err_fault fault, const char *param, const char *text);

/* A request of a conversation that the server is to remember: without that it would lose its memory
 * in silence. THREAD: the SDKs then send it whole, at once and from then on. Before anything else is
 * read: what goes on with a thread has results without their calls. */
MUST_CHECK enum status wish_refuse_thread(const struct scan *s, struct err *err);

/* The beta of an edit of context_management; empty: Bedrock does not have it. */
struct str wish_edit_beta(const struct scan *s, scan_ref edit);

/* Asks for nothing: absent, null, false, 0, "", an empty list or object. */
bool wish_is_nothing(const struct scan *s, scan_ref r);
/* A JSON string of blanks only: Bedrock refuses such texts. raw: with its quotes. */
bool wish_is_blank(struct str raw);

#endif
