/*
 * betas.h - what becomes of one anthropic-beta value on its way to Bedrock. Worker; pure but for
 * the directory read.
 *
 * The first that knows the value decides: the beta-headers table of the key store (read by the
 * refresher, published with the directory), the environment (BETA_HEADERS_BLOCKLIST before
 * BETA_HEADER_MAPPING before BETA_HEADERS_PASSTHROUGH), the model's own list (models.tsv) with
 * BETA_HEADERS_ALLOW, the built-in renames. What nobody knows is dropped: Bedrock answers an
 * unknown value with 400 "invalid beta flag". Models other than Claude have no betas.
 */
#ifndef WORKER_MODEL_BETAS_H
#define WORKER_MODEL_BETAS_H

#include "server/base/arena.h"
#include "server/config/config.h"
#include "shm/memory/directory.h"
#include "shm/memory/segment.h"
#include "worker/model/models_table.h"

#define BETAS_RULES_MAX     64
#define BETAS_SUPPORTED_MAX 512

struct betas { /* what the environment says; earlier rules win */
    struct directory_beta rules[BETAS_RULES_MAX];
    uint32_t count;
    char supported[BETAS_SUPPORTED_MAX]; /* words of model ids, joined by ','; "": every Claude */
};

struct betas_rules {
    struct str allow;                /* BETA_HEADERS_ALLOW */
    const struct segment *directory; /* the table; NULL: none */
    const struct betas *configured;  /* NULL: nothing */
};

#define BETAS_TO_MAX 8 /* values that one may become */

enum betas_verdict { BETAS_TAKEN, BETAS_MAPPED, BETAS_DROPPED };

/* to_out: what goes to Bedrock; in the arena, the value's own bytes or static. A rule of the
 * operator's is believed, a built-in one only gives what the model's list has. */
enum betas_verdict betas_judge(const struct betas_rules *rules, const struct models_choice *model,
                               struct arena *arena, struct str value,
                               struct str to_out[BETAS_TO_MAX], uint32_t *n_out);

/* Reads BETA_HEADER_MAPPING (JSON: name -> list of names), BETA_HEADERS_BLOCKLIST,
 * BETA_HEADERS_PASSTHROUGH and BETA_HEADER_SUPPORTED_MODELS (JSON lists). INVALID names the
 * variable. */
MUST_CHECK enum status betas_init(struct betas *b, const struct config *c, struct err *err);

#endif
