/*
 * tool_changes.h - tools that come in mid-conversation: the definitions in `tool_addition` blocks of a Messages request's
 * system messages, as Anthropic's tool runners write them for a tool that is added while they run. Bedrock has no
 * definitions there (the beta of inline tools is on none of its lists), so they are sent among `tools`. Pure.
 */
#ifndef WORKER_DIALECT_TOOL_CHANGES_H
#define WORKER_DIALECT_TOOL_CHANGES_H

#include "server/json/scan.h"

struct tool_changes {
    scan_ref *added; /* definitions, in their order, in the scan's arena; NULL: none */
    uint32_t n;
};

/* What is in tools, removed again or defined anew later is not among them. False: no memory. */
MUST_CHECK bool tool_changes_read(const struct scan *s, scan_ref messages, scan_ref tools,
                                  struct tool_changes *out);
/* Does the block name a tool that is in tools or in t (also as results name them)? What does not is a 400. */
bool tool_changes_known(const struct scan *s, const struct tool_changes *t, scan_ref tools,
                        scan_ref block);
/* The tool that a block adds by a definition, or SCAN_ABSENT. */
scan_ref tool_changes_definition(const struct scan *s, scan_ref block);

#endif
