/*
 * journal.h - usage records, in a file that outlives every process.
 *
 *   file: | page(s): header, one block head a worker slot | records of slot 1 | of slot 2 | ...
 *
 *   record:  FREE --worker: journal_open_record--> OPEN --worker: journal_close_record--> CLOSED
 *              ^                                     |                                      |
 *              |                                     +--refresher, worker is dead: bury-----+
 *              +------------------refresher: journal_release, the store has it--------------+
 *
 * The file is mapped shared by the master before any fork and inherited. Each transition is one
 * store to one word by the one process that may make it, so any process may be SIGKILLed between
 * any two instructions: a record is then in the state before or after, and what it says is there.
 * Records of an earlier run, also with another number of workers, are found at the start and go to
 * the store like any other. A machine that loses its power may lose the last seconds (pages are
 * not synced; ROBUSTNESS asks for killed processes).
 *
 * When the file cannot be made (disk full, read-only) the records are in anonymous shared memory:
 * they still outlive workers and the refresher, but not the master.
 */
#ifndef SHM_MEMORY_JOURNAL_H
#define SHM_MEMORY_JOURNAL_H

#include <stdatomic.h>
#include "server/base/config.h"
#include "shm/catalogue/prices.h"
#include "shm/memory/segment_layout.h"

#define JOURNAL_MAGIC   0x6c6c6d61706a726eull /* "llmapjrn" */
#define JOURNAL_VERSION 1u

enum journal_state { JOURNAL_FREE, JOURNAL_OPEN, JOURNAL_CLOSED };
enum journal_who { JOURNAL_KEY, JOURNAL_MASTER, JOURNAL_ANONYMOUS };
enum { JOURNAL_SUCCESS = 1, JOURNAL_STREAM = 2, JOURNAL_BURIED = 4 /* the worker died */ };

struct journal_record {     /* 512 bytes; texts are NUL-terminated, cut */
    _Atomic uint32_t state; /* enum journal_state; who may change it: see above */
    uint16_t status;        /* what the client got; 0: nothing yet */
    uint8_t who;            /* enum journal_who */
    uint8_t tier;           /* enum directory_tier */
    uint64_t owner;         /* of the worker that opened it; with number unique for all time */
    uint64_t number;
    uint64_t sequence;  /* refresher, before the store sees it first; 0: not yet */
    int64_t started_ms; /* real time */
    uint32_t duration_ms;
    uint32_t flags;
    struct prices_tokens tokens;  /* grow while OPEN */
    struct directory_price price; /* fixed at admission */
    uint64_t cost_micro;          /* once CLOSED */
    uint8_t digest[32];           /* of the key; zero unless JOURNAL_KEY */
    char request_id[72];
    char model[96];          /* as the client asked */
    char bedrock_model[160]; /* as it was used */
    char error[24];          /* name of the status, "" on success */
};
_Static_assert(sizeof(struct journal_record) == 512, "no padding, eight a page");

struct journal_header { /* 128 bytes */
    uint64_t magic;
    uint32_t version;
    uint32_t record_size;
    uint32_t blocks;   /* of the file: at least the slots of this run */
    uint32_t records;  /* of each block */
    uint64_t flusher;  /* random, of this file: says to a store whose sequence it is */
    uint64_t sequence; /* refresher: the last one given */
    uint64_t reserved[11];
};
_Static_assert(sizeof(struct journal_header) == 128, "no padding");

struct journal_block {       /* 128 bytes: no false sharing */
    _Atomic uint64_t owner;  /* the worker that has the slot: random */
    _Atomic uint32_t pid;    /* its process */
    _Atomic uint32_t high;   /* records from here on were never used since it started */
    _Atomic uint64_t closed; /* how many it has closed: the refresher looks only after a change */
    uint64_t reserved[13];
};
_Static_assert(sizeof(struct journal_block) == 128, "no false sharing");

#define JOURNAL_STACK 256u

struct journal { /* this process's view */
    struct journal_header *header;
    struct journal_block *blocks;
    struct journal_record *records;
    size_t size;
    int fd; /* carries the lock; -1: in memory */
    /* --- worker --- */
    struct journal_block *mine;
    uint32_t first;                 /* number of its block's first record */
    uint32_t unused[JOURNAL_STACK]; /* known to be FREE, the lowest on top */
    uint32_t unused_count;
    uint64_t full_until_ms; /* do not look again before */
    uint64_t owner, number;
    /* --- refresher --- */
    uint64_t seen_closed; /* sum of the blocks' closed when last collected */
};

/* USAGE_JOURNAL as a path: "" for no file. */
void journal_path(const struct config *c, char *out, size_t size);
/* Master, before fork. path "" or a file that cannot be used: the records are in memory, and the
 * status with err says why (OK for ""). A file that another process has locked is left alone for
 * path.1, path.2 ... INTERNAL: there is not even memory. */
MUST_CHECK enum status journal_open(struct journal *j, const char *path, uint32_t workers,
                                    uint32_t records, struct err *err);
/* Refresher: the n-th file of the family of path, when nobody has it; false: there is none, or it
 * is in use. journal_finish it when it is empty. */
bool journal_adopt(struct journal *j, const char *path, uint32_t n);
void journal_finish(struct journal *j, const char *path, uint32_t n); /* removes n > 0; drops */
void journal_drop(struct journal *j);                                 /* unmaps, unlocks */
bool journal_in_memory(const struct journal *j);
#define JOURNAL_FAMILY 8u

/* --- worker --- */
/* Once after fork, before its first record. */
void journal_enter(struct journal *j, uint32_t worker);
/* A FREE record to be filled, everything but its state zero; NULL: all are in use. */
struct journal_record *journal_begin_record(struct journal *j);
void journal_open_record(struct journal *j, struct journal_record *r);
void journal_close_record(struct journal *j, struct journal_record *r);

/* --- refresher --- */
/* Closes what dead workers left open: not successful, with the tokens seen. Returns how many. s
 * NULL: nobody of the journal is alive. */
uint32_t journal_bury(struct journal *j, const struct segment *s);
/* CLOSED records for the store, each with a sequence: those that have been tried before alone and
 * in their order; else new ones. all: look even if nobody has closed any. */
uint32_t journal_collect(struct journal *j, struct journal_record **out, uint32_t max, bool all);
void journal_release(struct journal_record *r);
/* Each CLOSED record through fn. */
void journal_each_closed(const struct journal *j,
                         void (*fn)(void *ctx, const struct journal_record *r), void *ctx);

struct journal_depth {
    uint64_t open, closed, records; /* records: room for so many */
};
void journal_depth(const struct journal *j, struct journal_depth *out); /* any process */
void journal_usage_id(const struct journal_record *r, char out[33]);    /* 32 hex, NUL */

#endif
