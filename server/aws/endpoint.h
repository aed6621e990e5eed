/*
 * endpoint.h - where an AWS service answers: by region and partition, or as the operator says.
 * Source: botocore's endpoint rules (partitions.json). Pure; any process.
 */
#ifndef SERVER_AWS_ENDPOINT_H
#define SERVER_AWS_ENDPOINT_H

#include "server/base/err.h"
#include "server/base/text.h"

struct endpoint {
    char base[400]; /* "https://host[:port]" */
    char host[300]; /* as it stands in the Host header and in the signature */
    char path[200]; /* in front of the operation's path: "" or "/prefix" */
    bool plain_http;
};

/* service: the host's first label, "dynamodb". region must be a host label (creds_region). */
void endpoint_aws(const char *service, const char *region, bool fips, bool dualstack,
                  struct endpoint *out);
/* url: http(s)://host[:port][/path], as config.h checks it. INVALID names the setting. */
MUST_CHECK enum status endpoint_given(struct str url, const char *setting, struct endpoint *out,
                                      struct err *err);

#endif
