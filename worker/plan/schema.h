/*
 * schema.h - a JSON schema of a client's in the part of the language that its reader takes. Pure;
 * worker.
 *
 * Only what is a schema is touched: not the data inside const, enum, default and examples, and not a
 * property that is merely called like a keyword. What has to go is told in the description, so the
 * model still reads it. A schema with nothing to mend is not copied.
 * Sources: docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html (the subset of Draft
 * 2020-12), platform.claude.com/docs/en/build-with-claude/structured-outputs ("JSON Schema
 * limitations", and what the SDKs do about them).
 */
#ifndef WORKER_PLAN_SCHEMA_H
#define WORKER_PLAN_SCHEMA_H

#include "worker/plan/schema_words.h"

struct schema_text {
    struct str json; /* the client's bytes, or new ones of the arena */
    bool changed;
    bool lost; /* it asks for less than before */
};

/* false: no memory. What cannot be mended (its $refs grow without an end) stays as it is. */
MUST_CHECK bool schema_rewrite(struct arena *arena, const struct scan *s, scan_ref schema,
                               uint32_t rules, struct schema_text *out);
/* Can a grammar be made of it? Not of an object that says it is open, nor of a schema within
 * itself. */
bool schema_is_finite(const struct scan *s, scan_ref schema);
/* Is "type":"object" (or another type, which is its reader's to judge) said at the root? */
bool schema_has_root(const struct scan *s, scan_ref schema);

#endif
