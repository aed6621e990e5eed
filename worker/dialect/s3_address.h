/*
 * s3_address.h - does a body of Bedrock's own routes name something in S3? Bedrock reads that with the rights of
 * whoever signs, which is this program: its client may have none there. So a client may name what the operator
 * has said (S3_BUCKETS), and nothing else. Text is no address, nor is what a tool was called with, or gave, or
 * how its input looks: that Bedrock reads only to the model. Pure; worker.
 */
#ifndef WORKER_DIALECT_S3_ADDRESS_H
#define WORKER_DIALECT_S3_ADDRESS_H

#include "server/json/scan.h"

/* One quick pass over the bytes: false: there is none, however it is written. */
bool s3_address_may_be(struct str body);
/* PERMISSION: one that is not in buckets, "BUCKET,BUCKET/PREFIX,..."; "*": all. */
MUST_CHECK enum status s3_address_check(const struct scan *s, struct str buckets, struct err *err);

#endif
