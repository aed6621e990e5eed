/*
 * converse_settings.h - the part of a Converse body behind the messages: inferenceConfig, what the
 * model knows under its own names (additionalModelRequestFields), outputConfig, serviceTier. Both
 * request converters fill one struct; what the model takes of it is decided here. Pure; worker.
 * Sources: API_runtime_InferenceConfiguration, API_runtime_OutputConfig,
 *     platform.claude.com/docs/en/build-with-claude/{extended-thinking,adaptive-thinking,effort}
 */
#ifndef WORKER_CONVERSE_CONVERSE_SETTINGS_H
#define WORKER_CONVERSE_CONVERSE_SETTINGS_H

#include "worker/converse/converse_build.h"

enum converse_thinking {
    CONVERSE_THINKING_UNSET,
    CONVERSE_THINKING_OFF,
    CONVERSE_THINKING_ADAPTIVE, /* as much as the model likes */
    CONVERSE_THINKING_BUDGET
};

struct converse_settings {
    int64_t max_tokens; /* 0: left to the model */
    bool has_temperature, has_top_p;
    double temperature, top_p;
    struct str top_k;  /* a JSON number, or empty */
    struct str *stops; /* by converse_settings_stop */
    size_t stop_count;

    enum converse_thinking thinking;
    int64_t budget;     /* tokens, of CONVERSE_THINKING_BUDGET */
    struct str display; /* thinking.display, or empty */
    struct str effort;  /* a name that converse_settings_effort accepts, or empty */

    struct str schema; /* structured output: a JSON object, or empty */
    struct str schema_name, schema_description;

    bool one_call; /* at most one tool call in the answer */
    bool no_calls; /* none, although toolConfig has tools */

    struct str tier; /* of the request; empty: of the options */
    struct {         /* of fields in the client's dialect, for the notes */
        const char *thinking, *effort, *one_call, *stops;
    } called;
};

/* Room for this many stop sequences, then one by one: JSON strings with their quotes. Blank ones,
 * which Claude refuses, are dropped. */
void converse_settings_stops(struct converse_build *b, struct converse_settings *s, size_t most);
void converse_settings_stop(struct converse_build *b, struct converse_settings *s, struct str raw);

/* "low", "medium", "high", "xhigh", "max" */
bool converse_settings_effort(struct str name);
void converse_settings_put(struct converse_build *b, struct converse_settings *s);

/* Structured output for models that have no such thing: the wish in words, at the end of the system
 * prompt. schema: a JSON object, or empty for "any JSON object". */
void converse_settings_ask_json(struct converse_build *b, struct str schema);

#endif
