/*
 * models_table.h - what a model is and takes, as the workers ask: one row of the table of models
 * (shm/catalogue), its words made names. Nothing about a model stands here, only what a word of the
 * table means. The bottom of this wing: what was chosen (models.h) and what becomes of its betas
 * (betas.h) are told in these words. Any process.
 */
#ifndef WORKER_MODEL_MODELS_TABLE_H
#define WORKER_MODEL_MODELS_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include "server/base/arena.h"
#include "server/base/text.h"
#include "shm/catalogue/abilities.h"
#include "shm/catalogue/catalogue.h"

enum models_transport { MODELS_INVOKE, MODELS_CONVERSE };

/* What a model takes: flags of struct models_caps, as abilities.h lists and explains them. */
enum {
#define MODELS_FLAG(name, word, meaning) MODELS_##name = 1 << ABILITIES_BIT_##name,
    ABILITIES_TAKES(MODELS_FLAG)
#undef MODELS_FLAG
};

/* How a model is told to think. */
enum models_thinking {
#define MODELS_THINKING_ENUM(name, word, meaning) MODELS_THINKING_##name,
    ABILITIES_THINKINGS(MODELS_THINKING_ENUM)
#undef MODELS_THINKING_ENUM
};

/* Where its level or effort is said. */
enum models_level_at {
#define MODELS_LEVEL_ENUM(name, path) MODELS_LEVEL_##name,
    ABILITIES_LEVEL_PLACES(MODELS_LEVEL_ENUM)
#undef MODELS_LEVEL_ENUM
};

enum models_sampling {
#define MODELS_SAMPLING_ENUM(name, word, meaning) MODELS_SAMPLING_##name,
    ABILITIES_SAMPLINGS(MODELS_SAMPLING_ENUM)
#undef MODELS_SAMPLING_ENUM
};

struct models_caps {
    const char *family; /* "claude-opus-4-7", "nova", "qwen" ... */
    const char *vendor; /* owned_by */
    uint32_t flags;
    enum models_sampling sampling; /* temperature, top_p */
    const char *top_k;             /* its path where Bedrock wants it; "": not taken */
    enum models_thinking thinking;
    enum models_level_at level_at;
    const char *efforts;  /* the levels it knows, from the least, comma-separated */
    uint32_t output_max;  /* tokens; 0: unknown */
    uint32_t context_max; /* tokens; 0: unknown */
    const char *betas;    /* anthropic_beta values it takes, comma-separated */
};

#define MODELS_ID_MAX 2048

struct models_choice {
    struct str id; /* Bedrock id or ARN, in the arena */
    /* What the client's name was taken for: itself, without "[1m]" unless a mapping has it with
     * that, or the name that it is short for. In the arena. */
    struct str name;
    const struct models_caps *caps;
    enum models_transport transport;
    bool one_million; /* "[1m]": beta context-1m-2025-08-07 wanted */
    const char *rule; /* which step of the order chose: for the log */
    /* Of an ARN that names no model: the id whose row tells abilities, transport and price, and how
     * that is known ("declared", "name", "profile"). Empty and "unknown": nobody knows. Empty and
     * NULL: the id itself tells. */
    struct str behind;
    const char *behind_by;
    int64_t ends_ms; /* when the model's last day begins, as real time; 0: nobody has said */
    /* What the operator named behind it, comma-separated: who answers in its place (models_follow).
     * In the arena; empty: nobody. */
    struct str rest;
    uint32_t link; /* its place among them all, from 0 */
};

/* The id that the table is asked for. */
struct str models_behind(const struct models_choice *choice);

/* Abilities of a Bedrock id, into *room, which it gives back; an unknown model has the careful row
 * "*". The texts are the table's: good as long as catalogue.h says, which is not for a request. */
const struct models_caps *models_caps(struct str bedrock_id, struct models_caps *room);
/* The same for the life of the arena, which a later table of models does not end; NULL: no memory. */
const struct models_caps *models_keep(struct arena *arena, struct str bedrock_id);

#define MODELS_ID_ROOM 320 /* bytes */

/* The id that a client's name of this row leads to: with the prefix of its inference profile, as
 * one in the US has it. In room; empty: a row with an id that is none. */
struct str models_id(const struct catalogue_row *row, char room[MODELS_ID_ROOM]);

#endif
