/*
 * converse_citation.h - a citation of Converse as Anthropic writes it. Pure; any process.
 * Sources: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CitationLocation.html,
 * platform.claude.com/docs/en/build-with-claude/citations
 */
#ifndef WORKER_CONVERSE_CONVERSE_CITATION_H
#define WORKER_CONVERSE_CONVERSE_CITATION_H

#include "server/json/json.h"
#include "server/json/scan.h"

/* False for a kind of location that Anthropic has no shape for ("web" lacks what its shape
 * requires). */
bool converse_citation_known(const struct scan *s, scan_ref citation);
/* Only for what converse_citation_known accepts. */
void converse_citation_put(struct json_out *w, const struct scan *s, scan_ref citation);

/* The way back, out of the client's history: Anthropic's citation as Converse writes it. False and
 * nothing written when its type has no place there. */
bool converse_citation_take(struct json_out *w, const struct scan *s, scan_ref citation);

#endif
