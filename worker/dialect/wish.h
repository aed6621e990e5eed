/*
 * wish.h - what a client wishes of an answer, beside its messages and tools, whatever its dialect:
 * length, sampling, thinking, structure. The request converters fill it; what the model takes of it
 * is decided where it is written (converse_settings.h). Texts are the request's or the arena's.
 */
#ifndef WORKER_DIALECT_WISH_H
#define WORKER_DIALECT_WISH_H

#include "server/base/text.h"

enum wish_thinking {
    WISH_THINKING_UNSET,
    WISH_THINKING_OFF,
    WISH_THINKING_ADAPTIVE, /* as much as the model likes */
    WISH_THINKING_BUDGET
};

struct wish {
    int64_t max_tokens; /* 0: left to the model */
    bool has_temperature, has_top_p;
    double temperature, top_p;
    struct str top_k;  /* a JSON number, or empty */
    struct str *stops; /* JSON strings with their quotes */
    size_t stop_count;

    enum wish_thinking thinking;
    int64_t budget;     /* tokens, of WISH_THINKING_BUDGET */
    struct str display; /* thinking.display, or empty */
    struct str effort;  /* a name that converse_thinking_effort accepts, or empty */

    struct str schema; /* structured output: a JSON object, or empty */
    struct str schema_name, schema_description;

    bool one_call; /* at most one tool call in the answer */
    bool no_calls; /* none, although toolConfig has tools */

    struct str tier; /* of the request; empty: of the options */
    struct {         /* of fields in the client's dialect, for the notes */
        const char *thinking, *effort, *one_call, *stops;
    } called;
};

#endif
