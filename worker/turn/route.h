/*
 * route.h - one row of the table of what is served (routes.h): what the steps and the handlers ask
 * of it. Const.
 */
#ifndef WORKER_TURN_ROUTE_H
#define WORKER_TURN_ROUTE_H

#include "server/http/http_parse.h"
#include "worker/turn/turn.h"

enum route_limit { ROUTE_UNLIMITED, ROUTE_REQUESTS, ROUTE_COUNTING };
/* BY_VERSION: Anthropic's if anthropic-version is sent, else OpenAI's: both kinds of SDK ask there,
 * and only one kind sends that header. */
enum route_dialect {
    ROUTE_ANTHROPIC,
    ROUTE_OPENAI,
    ROUTE_RESPONSES,
    ROUTE_BEDROCK,
    ROUTE_BY_VERSION
};
/* What a path of Bedrock's asks for: it stands nowhere else. */
enum route_passing { ROUTE_NO_PASSING, ROUTE_INVOKE, ROUTE_CONVERSE, ROUTE_COUNT };
/* MASTER: METRICS_TOKEN or the master key; anybody with METRICS_TOKEN=off. */
enum route_need { ROUTE_ANYBODY, ROUTE_KEY, ROUTE_MASTER };

struct route {
    const char *path; /* exact; "{prefix}" stands for API_PREFIX; a trailing "*" matches one
                         segment, "**" any rest; "{id}" in the middle something */
    unsigned methods; /* bits 1 << enum http_method */
    enum route_dialect dialect;
    enum route_need need;
    enum route_limit limit;
    enum route_passing passing;
    bool stream;                               /* of passing */
    size_t body_max;                           /* 0: MAX_BODY_BYTES */
    enum verdict (*serve)(struct exchange *x); /* NULL: goes to Bedrock */
    const char *meaning;
};

#endif
