/*
 * usage_record.h - the tokens of one answer, as Bedrock reports them. The relays fill it, usage.h
 * charges it. Worker; plain figures.
 */
#ifndef WORKER_DIALECT_USAGE_RECORD_H
#define WORKER_DIALECT_USAGE_RECORD_H

#include <stdbool.h>
#include "shm/catalogue/tokens.h"

struct usage {
    struct tokens tokens;
    bool seen; /* Bedrock reported something */
};

#endif
