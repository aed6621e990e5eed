/* The checksums of a record, and where one goes whose checksum is wrong. */
#include "shm/journal/journal.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/crc32.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "shm/memory/counters.h"

#define ASIDE_MAX (1 << 20) /* bytes of FILE.damaged: then the log line alone says it */

#define ADD(crc, r, from, to)                                                   \
    crc32_add((crc), (const char *)(r) + offsetof(struct journal_record, from), \
              offsetof(struct journal_record, to) - offsetof(struct journal_record, from))

/* Without state and sequence, which are the refresher's, and what grows or comes at the end. */
static uint32_t opened_of(const struct journal_record *r, uint32_t salt)
{
    uint32_t crc = crc32_add(salt, &r->who, sizeof r->who);
    crc = ADD(crc, r, owner, sequence);
    crc = crc32_add(crc, &r->started_ms, sizeof r->started_ms);
    crc = ADD(crc, r, rates, cost_micro);
    return ADD(crc, r, digest, error);
}

uint32_t journal_seal_opened(const struct journal_record *r)
{
    return opened_of(r, JOURNAL_SEAL_SALTED);
}

/* Of an opened record whose model is being renamed: all but its name. */
uint32_t journal_seal_unnamed(const struct journal_record *r)
{
    uint32_t crc = crc32_add(JOURNAL_SEAL_UNNAMED, &r->who, sizeof r->who);
    crc = ADD(crc, r, owner, sequence);
    crc = crc32_add(crc, &r->started_ms, sizeof r->started_ms);
    crc = ADD(crc, r, rates, cost_micro);
    return ADD(crc, r, digest, bedrock_model);
}

/* And of one whose rates change, too. */
uint32_t journal_seal_moved(const struct journal_record *r)
{
    uint32_t crc = crc32_add(JOURNAL_SEAL_MOVED, &r->who, sizeof r->who);
    crc = ADD(crc, r, owner, sequence);
    crc = crc32_add(crc, &r->started_ms, sizeof r->started_ms);
    return ADD(crc, r, digest, bedrock_model);
}

/* Each step is done before the next begins: a kill leaves what came before it. */
static void step(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

/* The first byte goes first and comes last: no name is ever half of one and half of another. */
static void rename_model(struct journal_record *r, struct str id)
{
    char name[sizeof r->bedrock_model] = {0};
    text_copy(id, name, sizeof name);
    step();
    r->bedrock_model[0] = '\0';
    step();
    memcpy(r->bedrock_model + 1, name + 1, sizeof name - 1);
    step();
    r->bedrock_model[0] = name[0];
    step();
    r->opened = journal_seal_opened(r);
    step();
    r->closed = 0;
}

/* `closed` is free until the record is. */
void journal_rename_model(struct journal_record *r, struct str id)
{
    r->closed = journal_seal_unnamed(r);
    rename_model(r, id);
}

/* Whatever the rates are when it is killed: no tokens cost nothing. */
void journal_move_model(struct journal_record *r, struct str id, const struct rates *rates)
{
    r->closed = journal_seal_moved(r);
    step();
    r->rates = *rates;
    rename_model(r, id);
}

uint32_t journal_seal_closed(const struct journal_record *r)
{
    uint32_t crc = crc32_add(r->opened, &r->status, sizeof r->status);
    crc = crc32_add(crc, &r->tier, sizeof r->tier);
    crc = ADD(crc, r, duration_ms, rates);
    crc = crc32_add(crc, &r->cost_micro, sizeof r->cost_micro);
    return ADD(crc, r, error, opened);
}

/* The owner is random and the first number 1: zeros are no record, whatever their checksum. */
bool journal_seal_is_good(const struct journal_record *r, enum journal_state state)
{
    bool opened = r->opened == journal_seal_opened(r);
    bool rest = state == JOURNAL_OPEN ? opened || r->closed == journal_seal_unnamed(r) ||
                                            r->closed == journal_seal_moved(r)
                                      : opened && r->closed == journal_seal_closed(r);
    return r->owner && r->number && rest;
}

uint32_t journal_seal_elder(const struct journal_record *r)
{
    return opened_of(r, 0);
}

static void aside_path(const struct journal *j, char out[JOURNAL_PATH_SIZE + 8])
{
    snprintf(out, JOURNAL_PATH_SIZE + 8, "%s.damaged", j->path);
}

static bool keep(const struct journal *j, const struct journal_record *r)
{
    char path[JOURNAL_PATH_SIZE + 8];
    struct stat st;
    aside_path(j, path);
    int fd = j->path[0] ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    bool kept = fd >= 0 && fstat(fd, &st) == 0 && st.st_size < ASIDE_MAX &&
                write(fd, r, sizeof *r) == (ssize_t)sizeof *r;
    if (fd >= 0) {
        close(fd);
    }
    return kept;
}

void journal_seal_put_aside(struct journal *j, struct journal_record *r)
{
    struct journal_record copy;
    memcpy(&copy, r, sizeof copy);
    counters_add(COUNTER_USAGE_DAMAGED, 1);
    if (j->kept == j->damaged && keep(j, &copy)) { /* not again once it was full */
        j->kept++;
    }
    j->damaged++;
    atomic_store_explicit(&r->state, JOURNAL_FREE, memory_order_release);
}

void journal_seal_tell(struct journal *j)
{
    char path[JOURNAL_PATH_SIZE + 8];
    if (j->damaged) {
        aside_path(j, path);
        log_line(LOG_ERROR, "usage", "%u damaged records are no rows; %u of them are kept in %s",
                 j->damaged, j->kept, j->path[0] ? path : "nothing: there is no file");
    }
    j->damaged = j->kept = 0;
}
