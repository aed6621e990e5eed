/*
 * world.h - a whole worker (worker_run with all below it, libcurl too) in a world that follows a
 * script.
 *
 *   who          what                                                        file
 *   the worker   the real one: worker_run from start to exit worker/exchange/worker.c Linux
 * descriptors, sockets, epoll, the clock                      kernel.c, libc.c clients      up to
 * four at a time, and Bedrock, and the refresher's      stage.c, saying.c answers about keys, the
 * master's signals: a script the judge    what must be true of any run world.c, reader.c, reader_frames.c
 *
 * One run is one life of a worker. What must be true of it, whatever happens: the sanitizers are
 * silent; no loop spins; it ends when it is told to, in time; every request that began was ended
 * once, each usage record is closed, nothing is held for a key; no connection, exchange or body is
 * left; each client got well-formed answers, not more than it asked, complete or visibly cut; what
 * went to Bedrock were requests with JSON in them; log lines are JSON.
 *
 * How it ends ("end K"): 0 all is delivered and read, questions are answered, time passes until
 * every connection is closed, then SIGTERM · 1 SIGTERM · 2 SIGINT · 3 the master dies · 4 all
 * clients reset at once, then SIGTERM · 5 all clients leave and all keys are refused at once, then
 * SIGTERM.
 */
#ifndef TESTS_FUZZ_CONNECTION_WORLD_H
#define TESTS_FUZZ_CONNECTION_WORLD_H

#include "server/config/config.h"
#include "server/net/fetch.h"
#include "shm/journal/journal.h"
#include "shm/memory/segment.h"
#include "tests/fuzz/connection/kernel.h"
#include "tests/fuzz/connection/saying.h"
#include "tests/fuzz/connection/script.h"

enum { WORLD_CLIENTS = 4, WORLD_CONFIGS = 4, WORLD_NEW_KEYS = 8 };

struct world {
    struct config config[WORLD_CONFIGS];
    struct segment segment;
    struct journal journal;
    struct fetch_client *held; /* keeps libcurl as a whole from starting anew in each run */
    bool trace;                /* each line on stderr as it happens */

    /* of this run */
    struct script script, last; /* last: of the ending */
    const struct script *now;   /* one of them */
    size_t next;                /* line of that */
    const struct config *settings;
    struct kernel_file *listener, *dead, *client[WORLD_CLIENTS];
    struct http_conn_set *conns; /* the worker's; NULL until a connection was seen */
    uint32_t automatic, ending;
    unsigned stops;  /* signals to stop; after the second one, or SIGINT, nothing is promised */
    bool starved;    /* an allocation has failed */
    bool hurried;    /* a drain was over before its requests were */
    bool patient;    /* it ends with time for everything: "end 0" */
    int64_t real_ms; /* the calendar */
    uint8_t new_key[WORLD_NEW_KEYS][32];
    unsigned new_keys;
    uint32_t without;        /* this one is not in the table; SAYING_KEY_COUNT: all are */
    bool changed, unsigned_; /* key table, signing keys are not as at the start */

    /* of the loop */
    unsigned credit; /* turns that it may make before the next line */
    unsigned waits, idle_turns;
    uint32_t failing;         /* the allocation of the next turn that fails; 0: none */
    uint64_t moves, moved_ms; /* when something was last done */
    enum world_phase { WORLD_SCRIPT, WORLD_SETTLES, WORLD_ENDS } phase;
};

extern struct world world;

void world_init(void); /* once */
/* One life of a worker. Aborts, with the reason and the script on stderr, when something is not as
 * it must be. */
void world_run(struct str script);

/* world.c, for the others */
#define WORLD_CHECK(what, ...) ((what) ? (void)0 : world_fail(__VA_ARGS__))
_Noreturn void world_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void world_publish(void);      /* the key table as it is now */
void world_sign(uint32_t how); /* script.h, SIGN */
void world_store(void);        /* releases closed usage records */
void world_pass(uint64_t ms);  /* time */

/* stage.c: what the next line says; false: there is none */
bool stage_next(void);
bool stage_answer_by_itself(void);       /* AUTO; true: something was said */
void stage_give_all(void);               /* of all clients: delivered, and read */
bool stage_answer_keys(uint32_t result); /* all that wait; false: none does */
void stage_clients(void (*fn)(struct kernel_file *f));

/* reader.c, reader_frames.c */
void reader_client(const struct kernel_file *f);
void reader_frames(const struct kernel_file *f); /* of one that began with HTTP/2's preface */
bool reader_knows(unsigned status);
void reader_content(bool json, bool events, struct str body); /* a whole one */
void reader_bedrock(const struct kernel_file *f);
void reader_log(const char *line, size_t n);

#endif
