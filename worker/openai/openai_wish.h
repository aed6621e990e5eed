/*
 * openai_wish.h - what Chat Completions and Responses ask in the same words: part of chat_wish and
 * responses_wish, which say under what names. Pure.
 */
#ifndef WORKER_OPENAI_OPENAI_WISH_H
#define WORKER_OPENAI_OPENAI_WISH_H

#include "worker/dialect/wish.h"

/* effort: a word, or absent. param: its name, for the fault. */
void openai_wish_effort(struct wish *w, scan_ref effort, const char *param);
/* Who asks for thoughts in these dialects wants to see them, but newer models hide them unless asked.
 * display: in Claude's own word, or empty. */
void openai_wish_display(struct wish *w, struct str display);
/* service_tier */
void openai_wish_tier(struct wish *w);

struct openai_format {
    scan_ref format;    /* the object with "type" */
    scan_ref inner;     /* the one with "schema" and its name */
    const char *name;   /* of the field */
    const char *schema; /* of the schema */
};
void openai_wish_format(struct wish *w, struct openai_format f);

/* tool_choice. choices: what the dialect's clients may say, for the fault. */
void openai_wish_choice(struct wish *w, scan_ref choice, const char *choices);
/* May the model be shown this tool? tool_choice of allowed_tools names some. space: of its namespace,
 * or empty. */
bool openai_wish_allows(const struct wish *w, struct str space, struct str name);

#endif
