/*
 * history_text.h - blocks of a history that only Anthropic's own service has made and understands:
 * server tools (web search and fetch, code execution, tool search, advisor), MCP, containers,
 * compaction; and the items of such tools of OpenAI's. What they say becomes text, so that a
 * conversation goes on elsewhere with what it knew:
 *
 *   [web_search_tool_result]      the block's type, and the tool's name where it has one
 *   Some title                    its titles, addresses, texts, errors, line by line
 *   https://example.org/
 *
 * Encrypted content and bytes say nothing to another model. Pure; worker.
 */
#ifndef WORKER_DIALECT_HISTORY_TEXT_H
#define WORKER_DIALECT_HISTORY_TEXT_H

#include "server/base/buf.h"
#include "server/json/scan.h"

bool history_text_is(const struct scan *s, scan_ref block);
/* Appends the text as it stands between the quotes of a JSON string. */
void history_text_put(const struct scan *s, scan_ref block, struct buf *out);
/* The last compaction block with a summary, whose conversation begins with it; SCAN_ABSENT: none. */
scan_ref history_text_summary(const struct scan *s, scan_ref messages);

#endif
