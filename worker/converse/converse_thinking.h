/*
 * converse_thinking.h - thinking and effort of a request in the words of the model that is to think:
 * Claude's budgets, Nova's levels, the efforts of the others. Part of converse_settings; pure.
 */
#ifndef WORKER_CONVERSE_CONVERSE_THINKING_H
#define WORKER_CONVERSE_CONVERSE_THINKING_H

#include "worker/converse/converse_build.h"
#include "worker/dialect/wish.h"

/* "low", "medium", "high", "xhigh", "max" */
bool converse_thinking_effort(struct str name);
/* Makes of the wish what the model can do: of thinking, and of the settings that do not go with it.
 * Before anything of it is written. */
void converse_thinking_settle(struct converse_build *b, struct wish *s);
/* Its members of additionalModelRequestFields. */
void converse_thinking_put(struct converse_section *x, const struct wish *s);
/* The effort wished for has become a level or a budget there. */
bool converse_thinking_tells_effort(const struct converse_build *b, const struct wish *s);

#endif
