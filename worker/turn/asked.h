/*
 * asked.h - the request as it was read: its head in OPEN, its body in READ, and nothing of it
 * changes afterwards, whatever becomes of an attempt to answer it; but for the model, where its name
 * stands for several (chain.h). Texts are copies in the
 * exchange's arena, but for what is read out of the body. Worker only.
 */
#ifndef WORKER_TURN_ASKED_H
#define WORKER_TURN_ASKED_H

#include "server/json/scan.h"
#include "worker/openai/chat.h"
#include "worker/dialect/messages.h"
#include "worker/openai/responses.h"
#include "worker/model/models.h"
#include "shm/catalogue/tier.h"

/* X(NAME, header): what InvokeModel's clients say in the head (InvokeModelRequest of service-2.json);
 * Converse has all of it in its body. */
#define ASKED_PASSED(X)                                     \
    X(TRACE, "x-amzn-bedrock-trace")                        \
    X(LATENCY, "x-amzn-bedrock-performanceconfig-latency")  \
    X(GUARDRAIL, "x-amzn-bedrock-guardrailidentifier")      \
    X(GUARDRAIL_VERSION, "x-amzn-bedrock-guardrailversion") \
    X(PROJECT, "x-amzn-bedrock-projectidentifier")          \
    X(METADATA, "x-amzn-bedrock-request-metadata")          \
    X(TIER, "x-amzn-bedrock-service-tier")

enum asked_passed {
#define ASKED_PASSED_ENUM(name, header) ASKED_PASSED_##name,
    ASKED_PASSED(ASKED_PASSED_ENUM)
#undef ASKED_PASSED_ENUM
        ASKED_PASSED_COUNT
};
const char *asked_passed_header(enum asked_passed which);

struct asked {
    /* the head */
    enum dialect dialect;
    struct str id;     /* request-id: the client's own if legal, else ours */
    struct str path;   /* for the log */
    unsigned allowed;  /* methods of all routes with that path, for a 405 */
    struct str query;  /* after '?' */
    struct str origin; /* Origin header, empty if none or not allowed */
    struct str betas;  /* anthropic-beta values, joined by ',' */
    struct {
        struct str address;  /* behind TRUSTED_PROXIES; empty: it is the peer */
        struct str agent;    /* user-agent, cut */
        struct str session;  /* Claude Code's or Codex's, by its header, cut */
        struct str thread;   /* Codex's, by its header, cut */
        uint32_t patience_s; /* for how long it waits for the answer to begin; 0: it did not say */
    } client;
    bool no_sampling; /* its anthropic-version has no temperature, top_p, top_k */
    bool counting;    /* count_tokens: nothing is generated */
    bool mantle;      /* it came by /mantle, where ids are those of Bedrock's other host */
    struct {          /* of what is no POST: see page.h */
        bool wanted, https;
        struct str host;
    } page;

    struct {                                 /* DIALECT_BEDROCK: what is passed on as it is */
        struct str head[ASKED_PASSED_COUNT]; /* values; empty: not sent */
        bool named_tier;                     /* by the request, whose word comes before the key's */
        enum tier tier;
        int64_t max_tokens; /* 0: not given, or not looked for */
    } passed;

    /* the body */
    struct str body;  /* the connection's; valid until the answer ends */
    uint64_t here_ms; /* since when it is whole, and its client waits */
    struct scan scan;
    bool by_input; /* the body is one of /v1/responses, wherever it came */
    union {        /* kilobytes each, and a stream holds them to its end: look at who asks first */
        struct messages_request messages;   /* Anthropic dialect */
        struct chat_request chat;           /* OpenAI dialect, unless by_input */
        struct responses_request responses; /* by_input */
    };
    struct str client_model;
    bool stream;
    struct models_choice model;
    uint64_t behind_due_ms; /* until then AWS's answer is waited for; 0: it was not */
};

/* Of the scanned body: the request of the dialect, client_model and stream. */
MUST_CHECK enum status asked_read(struct asked *a, struct err *err);
/* Of whatever was read. */
const struct messages_request *asked_messages(const struct asked *a); /* NULL: another dialect */
const struct chat_request *asked_chat(const struct asked *a);         /* NULL: also by_input */
const struct wish *asked_wish(const struct asked *a); /* not of DIALECT_BEDROCK, which has none */
int64_t asked_max_tokens(const struct asked *a);      /* 0: not given */

#endif
