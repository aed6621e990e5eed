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
 * not synced: what has to be outlived is killed processes).
 *
 * Others may write into the file or cut it. So each record carries two checksums (journal_seal.c):
 *
 *   opened   of what never changes while it is OPEN, written before that state; bury asks it. But for
 *            the model and its rates, which journal_rename_model and journal_move_model change:
 *            meanwhile `closed` stands for it
 *   closed   of the rest and of `opened`, written before CLOSED; collect asks both, of a copy
 *
 * What does not agree is never believed: it is kept aside in FILE.damaged and counted. A file that
 * was cut is made whole again by whoever touches it first (journal_guard.c), of zeros, which are
 * FREE records: a worker opens the record of a running request anew (journal_holds says when), and
 * the refresher writes the header again. Sizes are this process's own, never read from the file
 * again.
 *
 * When the file cannot be made (disk full, read-only) the records are in anonymous shared memory:
 * they still outlive workers and the refresher, but not the master.
 */
#ifndef SHM_MEMORY_JOURNAL_H
#define SHM_MEMORY_JOURNAL_H

#include <stdatomic.h>
#include "server/config/config.h"
#include "shm/catalogue/rates.h"
#include "shm/catalogue/tokens.h"
#include "shm/memory/segment_layout.h"

#define JOURNAL_MAGIC 0x6c6c6d61706a726eull /* "llmapjrn" */
/* 1 had no checksums, 1 and 2 a price of four words and its tier apart: read, and made new */
#define JOURNAL_VERSION 3u

enum journal_state { JOURNAL_FREE, JOURNAL_OPEN, JOURNAL_CLOSED };
enum journal_who { JOURNAL_KEY, JOURNAL_MASTER, JOURNAL_ANONYMOUS };
enum { JOURNAL_SUCCESS = 1, JOURNAL_STREAM = 2, JOURNAL_BURIED = 4 /* the worker died */ };

struct journal_record {     /* 512 bytes; texts are NUL-terminated, cut */
    _Atomic uint32_t state; /* enum journal_state; who may change it: see above */
    uint16_t status;        /* what the client got; 0: nothing yet */
    uint8_t who;            /* enum journal_who */
    uint8_t tier;           /* enum tier */
    uint64_t owner;         /* of the worker that opened it; with number unique for all time */
    uint64_t number;
    uint64_t sequence;  /* refresher, before the store sees it first; 0: not yet */
    int64_t started_ms; /* real time */
    uint32_t duration_ms;
    uint32_t flags;
    struct tokens tokens; /* grow while OPEN */
    struct rates rates;   /* of its tier; fixed when its model is chosen */
    uint64_t cost_micro;  /* once CLOSED */
    uint8_t digest[32];   /* of the key; zero unless JOURNAL_KEY */
    char request_id[72];
    char model[96];          /* as the client asked */
    char bedrock_model[160]; /* as it was used */
    char error[16];          /* name of the status, "" on success */
    uint32_t opened, closed; /* checksums: see above */
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

#define JOURNAL_STACK     256u
#define JOURNAL_PATH_SIZE 512

struct journal { /* this process's view */
    struct journal_header *header;
    struct journal_block *blocks;
    struct journal_record *records;
    size_t size;
    int fd;                  /* carries the lock; -1: in memory */
    uint32_t blocks_in_file; /* and how many records each has: header->blocks, ->records */
    uint32_t records_a_block;
    char path[JOURNAL_PATH_SIZE]; /* of this file; "" in memory */
    /* --- worker --- */
    struct journal_block *mine;
    uint32_t first;                 /* number of its block's first record */
    uint32_t unused[JOURNAL_STACK]; /* known to be FREE, the lowest on top */
    uint32_t unused_count;
    uint64_t full_until_ms; /* do not look again before */
    uint64_t owner, number;
    /* --- refresher --- */
    uint64_t seen_closed;       /* sum of the blocks' closed when last collected */
    uint32_t damaged, kept;     /* records, since the last line about them */
    uint64_t flusher, sequence; /* as in the header, which may be lost; 0, 0: not read yet */
};

struct journal_entry { /* what the refresher works with: a copy, which nobody can change any more */
    struct journal_record *at;
    struct journal_record copy;
};

/* USAGE_JOURNAL as a path: "" for no file. */
void journal_path(const struct config *c, char *out, size_t size);
/* Master, before fork. path "" or a file that cannot be used: the records are in memory, and the
 * status with err says why (OK for ""). A file that another process has locked is left alone for
 * path.1, path.2 ... INTERNAL: there is not even memory. */
MUST_CHECK enum status journal_open(struct journal *j, const char *path, uint32_t workers,
                                    uint32_t records, struct err *err);
/* Refresher: the n-th file of the family of path, when nobody has it; false: there is none, or it
 * is in use. A copy of own (cp, log rotation) is left alone while own has all that is in it, and
 * gives what own has lost: nothing that a worker of own still has open. journal_finish it when it
 * is empty. */
bool journal_adopt(struct journal *j, const char *path, uint32_t n, const struct journal *own);
void journal_finish(struct journal *j, const char *path, uint32_t n); /* removes n > 0; drops */
void journal_drop(struct journal *j);                                 /* unmaps, unlocks */
bool journal_in_memory(const struct journal *j);
enum journal_health {
    JOURNAL_WHOLE,
    JOURNAL_MENDED,
    JOURNAL_CUT /* and errno says why it stays */
};
/* Any process: a file that has become too short gets its size and its room on the disk again. */
enum journal_health journal_mend(const struct journal *j);
/* Worker and refresher, after fork: touching the file when it is too short mends it, instead of a
 * SIGBUS. */
void journal_guard(const struct journal *j);
#define JOURNAL_FAMILY 8u

/* --- worker --- */
/* Once after fork, before its first record. */
void journal_enter(struct journal *j, uint32_t worker);
/* A FREE record to be filled, everything but its state zero; NULL: all are in use. */
struct journal_record *journal_begin_record(struct journal *j);
void journal_open_record(struct journal *j, struct journal_record *r);
/* Still the OPEN record with that number. False: others have written into the file or cut it; the
 * record is nobody's, take another. */
bool journal_holds(const struct journal *j, const struct journal_record *r, uint64_t number);
/* The model was another than at the opening: a prompt router chose it. Of an OPEN record; whoever is
 * killed in it leaves a good record that names the one, the other or nobody. */
void journal_rename_model(struct journal_record *r, struct str id);
/* Another model is to answer, of which nobody has seen a token: r->tokens is all 0. Likewise. */
void journal_move_model(struct journal_record *r, struct str id, const struct rates *rates);
/* False: as above. */
bool journal_close_record(struct journal *j, struct journal_record *r);

/* --- refresher ----------------------------------------------------------------------------- */
/* Closes what dead workers left open: not successful, with the tokens seen. Returns how many. s
 * NULL: nobody of the journal is alive. */
uint32_t journal_bury(struct journal *j, const struct segment *s);
/* CLOSED records for the store, each with a sequence: those that have been tried before alone and
 * in their order; else new ones. all: look even if nobody has closed any. */
uint32_t journal_collect(struct journal *j, struct journal_entry *out, uint32_t max, bool all);
void journal_release(const struct journal_entry *e); /* the store has it */
/* Each CLOSED record through fn. */
void journal_each_closed(const struct journal *j,
                         void (*fn)(void *ctx, const struct journal_record *r), void *ctx);

/* --- checksums: for journal*.c ------------------------------------------------------------- */
#define JOURNAL_SEAL_SALTED  3u /* since this version a seal says which one it is of */
#define JOURNAL_SEAL_UNNAMED 0x103u
#define JOURNAL_SEAL_MOVED   0x203u
uint32_t journal_seal_opened(const struct journal_record *r);
uint32_t journal_seal_elder(const struct journal_record *r); /* opened, as version 2 had it */
uint32_t journal_seal_closed(const struct journal_record *r);
uint32_t journal_seal_unnamed(const struct journal_record *r); /* `closed` while it is renamed */
uint32_t journal_seal_moved(const struct journal_record *r);   /* or moved */
bool journal_seal_is_good(const struct journal_record *r, enum journal_state state);
/* Refresher: a record that is not believed goes to FILE.damaged, is counted and becomes FREE. tell:
 * one line in the log for all of them since the last. */
void journal_seal_put_aside(struct journal *j, struct journal_record *r);
void journal_seal_tell(struct journal *j);

struct journal_depth {
    uint64_t open, closed, records; /* records: room for so many */
};
void journal_depth(const struct journal *j, struct journal_depth *out); /* any process */
void journal_usage_id(const struct journal_record *r, char out[33]);    /* 32 hex, NUL */

#endif
