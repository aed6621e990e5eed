/*
 * responses_tools.h - the tools of a Responses request as Converse's toolConfig: functions and custom
 * tools, those of namespaces under a joined name, tool_search and local_shell as functions of ours.
 * Tools of OpenAI's own service are left out with a note: they come with every request of some
 * clients. Part of responses_to_converse; pure.
 */
#ifndef WORKER_CONVERSE_RESPONSES_TOOLS_H
#define WORKER_CONVERSE_RESPONSES_TOOLS_H

#include "worker/converse/converse_build.h"
#include "worker/openai/responses.h"

/* Writes toolConfig, or nothing when there are no tools and none in the history. */
void responses_tools_put(struct converse_build *b, const struct responses_request *r);
/* The one name of the tool of a call. p NULL: no memory, a failure. */
struct str responses_tools_name(struct converse_build *b, const struct scan *s,
                                const struct responses_item *call);
/* The tools that a search has found, told to the model by the names that it knows: the result of the
 * call of that id. */
void responses_tools_put_found(struct converse_build *b, const struct scan *s, scan_ref tools,
                               struct str id);

#endif
