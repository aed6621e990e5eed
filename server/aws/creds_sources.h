/*
 * creds_sources.h - the places that may have credentials, as a table in the order in which they are
 * asked. The environment and the shared files are read here; the others have files of their own.
 * Source: docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 */
#ifndef SERVER_AWS_CREDS_SOURCES_H
#define SERVER_AWS_CREDS_SOURCES_H

#include "server/aws/creds_look.h"

struct creds_source {
    const char *name;
    bool (*likely)(void); /* configured, as far as can be told without the network */
    enum creds_verdict (*look)(struct creds_look *l);
    bool gives_expired; /* and means them to be used on */
};

enum { CREDS_SOURCES = 5 };
extern const struct creds_source creds_sources[CREDS_SOURCES];

#endif
