/*
 * splice_usage.h - the tokens of an InvokeModel answer, which Claude and Bedrock tell in up to five
 * places: message_start, message_delta, message_stop, the list of iterations in any of them, and
 * Bedrock's own invocation metrics. Pure; worker.
 */
#ifndef WORKER_SPLICE_SPLICE_USAGE_H
#define WORKER_SPLICE_SPLICE_USAGE_H

#include "server/json/scan.h"
#include "worker/dialect/edits.h"
#include "worker/dialect/usage_record.h"

struct splice_counts { /* as one place tells them; -1: it does not */
    int64_t input, output, cache_read;
    int64_t written; /* into the cache, of which */
    int64_t hour;    /* for an hour */
};

/* A `usage` object, without its iterations. */
struct splice_counts splice_usage_counts(const struct scan *s, scan_ref usage);
/* What a `usage` object adds to what is known. */
void splice_usage_read(struct usage *u, const struct scan *s, scan_ref usage);
/* The same for "amazon-bedrock-invocationMetrics": only what the model has not told itself. */
void splice_usage_metrics(struct usage *u, const struct scan *s, scan_ref metrics);
/* The client's own last `usage`: what it does not tell is put there as the first one told it. */
void splice_usage_fill(const struct splice_counts *first, struct edits *e, scan_ref usage);

#endif
