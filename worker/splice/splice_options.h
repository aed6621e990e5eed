/*
 * splice_options.h - what the request splice has to know besides the request: the model, the betas
 * asked for and the rules for them. Filled by the caller, lent for one call. Plain figures.
 */
#ifndef WORKER_SPLICE_SPLICE_OPTIONS_H
#define WORKER_SPLICE_SPLICE_OPTIONS_H

#include "worker/model/betas.h"
#include "worker/model/cache_policy.h"
#include "worker/model/models_table.h"

struct splice_options {
    const struct models_choice *model;
    struct str betas; /* the anthropic-beta header, all values joined by ',' */
    struct betas_rules beta_rules;
    bool strict_fields; /* STRICT_FIELDS: refuse instead of dropping */
    struct cache_policy cache;
};

#endif
