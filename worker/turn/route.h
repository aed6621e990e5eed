/*
 * route.h - one row of the table of what is served (routes.h): what the steps and the handlers ask
 * of it. Const.
 */
#ifndef WORKER_TURN_ROUTE_H
#define WORKER_TURN_ROUTE_H

#include "server/http/http_parse.h"
#include "worker/turn/turn.h"

enum route_limit { ROUTE_UNLIMITED, ROUTE_REQUESTS, ROUTE_COUNTING };

struct route {
    const char *path; /* exact; "{prefix}" stands for API_PREFIX; a trailing "*" matches one
                         segment, "**" any rest */
    unsigned methods; /* bits 1 << enum http_method */
    enum dialect dialect;
    bool needs_key;
    enum route_limit limit;
    size_t body_max;                            /* 0: MAX_BODY_BYTES */
    enum verdict (*answer)(struct exchange *x); /* NULL: goes to Bedrock */
    bool by_version; /* dialect Anthropic only if anthropic-version is sent, else OpenAI */
    const char *meaning;
};

#endif
