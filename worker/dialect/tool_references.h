/*
 * tool_references.h - which tools the history of a Messages request has given out by tool_reference
 * blocks, or shows from then on by a tool_addition that names it. Tools with defer_loading are shown to models without tool search only when they are among
 * them. Pure.
 */
#ifndef WORKER_DIALECT_TOOL_REFERENCES_H
#define WORKER_DIALECT_TOOL_REFERENCES_H

#include "server/json/scan.h"

struct tool_references {
    struct str *name; /* sorted, in the scan's arena */
    uint32_t n;
};

/* False: no memory. */
MUST_CHECK bool tool_references_read(const struct scan *s, scan_ref messages,
                                     struct tool_references *out);
bool tool_references_has(const struct tool_references *t, struct str name);

#endif
