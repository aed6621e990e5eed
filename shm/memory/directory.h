/*
 * directory.h - the table of keys, model mappings, prices and beta rules: two banks and two
 * generation words.
 *
 * Writer (the refresher, exactly one): building = published+1, rebuild bank (published+1)&1 from
 * scratch, published++. Reader: g = published; copy the cell out of bank g&1; valid iff building -
 * g < 2, else again. A dead writer leaves nothing to repair. Cells are moved as 64-bit relaxed
 * atomic words; the fences order them (measured: 0 torn reads, 1 retry in 39 M). Keys
 * are found by SHA-256 digest in open addressing; the whole digest is compared in constant time.
 * Counters never live here: a cell carries a stable slot number into the buckets. A cell also
 * carries a CRC: one that does not match is answered as DIRECTORY_STALE (503), never as a refusal
 * or a hit.
 */
#ifndef SHM_MEMORY_DIRECTORY_H
#define SHM_MEMORY_DIRECTORY_H

#include <stddef.h>

#include "shm/catalogue/price.h"
#include "shm/memory/segment_layout.h"

enum { /* flags of a key */
       DIRECTORY_ACTIVE = 1,
       DIRECTORY_BUDGET_EXCEEDED = 2, /* deactivated_reason was budget_exceeded */
       DIRECTORY_BUDGET_RESERVE = 4,
       DIRECTORY_CLEAR = 8,  /* stored in clear by an older tool */
       DIRECTORY_TERMS = 16, /* there is a struct directory_terms of it */
};
enum directory_ttl { DIRECTORY_TTL_NONE, DIRECTORY_TTL_5M, DIRECTORY_TTL_1H };

struct directory_key {  /* 256 bytes: one cell, and what a reader gets */
    uint8_t digest[32]; /* SHA-256 of the key text */
    uint32_t slot;      /* bucket number, stable over generations */
    uint32_t tag;       /* digest-derived; must equal the bucket's tag */
    uint32_t flags;
    uint32_t rate_limit;      /* requests per window; 0: the configured default */
    uint32_t tpm_limit;       /* tokens a minute; 0: none */
    uint32_t max_concurrency; /* 0: none */
    uint64_t budget_micro;    /* monthly budget in millionths of a dollar; 0: none */
    int64_t expires_ms;       /* real time; 0: never */
    uint8_t tier;             /* enum tier */
    uint8_t cache_ttl;        /* enum directory_ttl */
    uint8_t user_len, name_len, models_len, reason_len;
    uint8_t reserved[2];
    char user[48];   /* owner, cut */
    char name[40];   /* label, cut */
    char models[72]; /* allow-list "a,b*,c"; empty: all. A longer list makes the row invalid, never
                        wider */
    char reason[16]; /* deactivated_reason, cut */
};
_Static_assert(sizeof(struct directory_key) == 256, "cell size");

/* What few keys have; of its own, so that the others' requests do not copy it. */
struct directory_terms { /* 256 bytes: one cell, and what a reader gets */
    uint8_t digest[32];
    char guardrail[112]; /* as BEDROCK_GUARDRAIL, or "off"; "": the server's */
    char project[112];   /* as BEDROCK_PROJECT; "": the server's */
};
_Static_assert(sizeof(struct directory_terms) == 256 &&
                   offsetof(struct directory_terms, digest) == 0 &&
                   offsetof(struct directory_key, digest) == 0,
               "cell size; found by digest");

#define DIRECTORY_MAPPING_TO 688
struct directory_mapping {         /* 1024 bytes */
    char from[200];                /* client's model name, NUL-terminated */
    char to[DIRECTORY_MAPPING_TO]; /* Bedrock id or ARN, or a chain of them, comma-separated */
    char as[128]; /* what stands behind the first, as the operator says; "": nothing is said */
    uint64_t reserved;
};
_Static_assert(sizeof(struct directory_mapping) == 1024 &&
                   offsetof(struct directory_mapping, from) == 0,
               "cell size; found by name");

struct directory_price_row { /* 256 bytes: one cell */
    char model[216];         /* Bedrock id, NUL-terminated */
    struct price price;
    uint64_t reserved;
};
_Static_assert(sizeof(struct directory_price_row) == 256 &&
                   offsetof(struct directory_price_row, model) == 0,
               "cell size; found by name");

#define DIRECTORY_BETA_TO 184
struct directory_beta {         /* 256 bytes: one cell */
    char name[64];              /* anthropic-beta value, NUL-terminated */
    char to[DIRECTORY_BETA_TO]; /* Bedrock's values, comma-separated; empty: blocked */
    uint64_t reserved;
};
_Static_assert(sizeof(struct directory_beta) == 256 && offsetof(struct directory_beta, name) == 0,
               "cell size; found by name");

enum directory_found {
    DIRECTORY_HIT,
    DIRECTORY_MISS,  /* not in the table: ask the refresher (keymiss.h) */
    DIRECTORY_EMPTY, /* nothing was ever published: the store was never reached */
    DIRECTORY_STALE  /* the store has been unreachable longer than MAX_STALE_SECONDS */
};

/* --- readers: worker, top --- */
enum directory_found directory_find(const struct segment *s, const uint8_t digest[32],
                                    struct directory_key *out);
/* Of a key with DIRECTORY_TERMS. MISS: it has none any more, or it is gone. */
enum directory_found directory_find_terms(const struct segment *s, const uint8_t digest[32],
                                          struct directory_terms *out);
bool directory_map(const struct segment *s, struct str model, struct directory_mapping *out);
/* The operator's own price of a model. */
bool directory_price(const struct segment *s, struct str model, struct price *out);
/* The operator's rule for an anthropic-beta value; to_out empty: blocked. */
bool directory_beta(const struct segment *s, struct str name, char to_out[DIRECTORY_BETA_TO]);
uint64_t directory_generation(const struct segment *s); /* 0: never published */
/* Since the store last confirmed the table. */
uint64_t directory_age_ms(const struct segment *s, int64_t now_real_ms);
uint32_t directory_count(const struct segment *s);
/* Each published key through fn. false: the bank was rebuilt meanwhile, what fn saw
 * is incomplete. */
bool directory_each(const struct segment *s, void (*fn)(void *ctx, const struct directory_key *key),
                    void *ctx);
/* Each published mapping, likewise; in the order of the store. */
bool directory_each_mapping(const struct segment *s,
                            void (*fn)(void *ctx, const struct directory_mapping *mapping),
                            void *ctx);

/* --- the writer: refresher only --- */
void directory_begin(struct segment *s); /* opens the other bank, empty */
bool directory_add(struct segment *s, const struct directory_key *key); /* false: table full */
bool directory_add_terms(struct segment *s, const struct directory_terms *terms);
bool directory_add_mapping(struct segment *s, struct str from, struct str to, struct str as);
/* false: empty, too long, there already, or the table is full. */
bool directory_add_price(struct segment *s, struct str model, const struct price *price);
/* to may be empty. false: name empty, one too long, there already, or the table is full. */
bool directory_add_beta(struct segment *s, struct str name, struct str to);
void directory_publish(struct segment *s,
                       int64_t confirmed_real_ms);            /* workers see it from here on */
void directory_confirm(struct segment *s, int64_t real_ms);   /* the store answered: not stale */
void directory_set_max_stale(struct segment *s, uint64_t ms); /* 0: never stale */

size_t directory_area_size(uint32_t max_keys, uint32_t max_mappings);

#endif
