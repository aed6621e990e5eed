/* The file behind the journal: making, locking, checking, growing; memory instead of it. */
#include "shm/journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/log.h"
#include "shm/catalogue/prices.h"

#define PAGE      4096u
#define PATH_SIZE JOURNAL_PATH_SIZE
#define ASIDE_MAX 100u /* files of another version that are kept */
#define HEAD_SIZE                                                                                 \
    ((sizeof(struct journal_header) + SEGMENT_WORKERS_MAX * sizeof(struct journal_block) + PAGE - \
      1) /                                                                                        \
     PAGE * PAGE)

static size_t file_size(uint64_t blocks, uint64_t records)
{
    return HEAD_SIZE + (size_t)(blocks * records * sizeof(struct journal_record));
}

static bool family_path(const char *path, uint32_t n, char out[PATH_SIZE])
{
    int length =
        n ? snprintf(out, PATH_SIZE, "%s.%u", path, n) : snprintf(out, PATH_SIZE, "%s", path);
    return length > 0 && length < PATH_SIZE;
}

static void point_into(struct journal *j, void *base, size_t size)
{
    char *bytes = base;
    j->header = base;
    j->blocks = (struct journal_block *)(void *)(bytes + sizeof(struct journal_header));
    j->records = (struct journal_record *)(void *)(bytes + HEAD_SIZE);
    j->size = size;
}

static bool map(struct journal *j, size_t size)
{
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, j->fd, 0);
    if (base == MAP_FAILED) {
        return false; /* GCOVR_EXCL_LINE: no address space for a file that the disk had room for */
    }
    /* One page at a time: the kernel would read, clear and map dozens around each, at every start,
     * and there is nothing in them. */
    (void)madvise(base, size, MADV_RANDOM);
    point_into(j, base, size);
    return true;
}

/* --- a file that is there ------------------------------------------------------------------ */

/* Every figure that later code relies on; the file may be anything. */
static bool is_journal(const struct journal_header *h, uint64_t size)
{
    return h->magic == JOURNAL_MAGIC && h->version >= 1 && h->version <= JOURNAL_VERSION &&
           h->record_size == sizeof(struct journal_record) && h->blocks >= 1 &&
           h->blocks <= SEGMENT_WORKERS_MAX && h->records >= 1 &&
           h->records <= UINT32_MAX / SEGMENT_WORKERS_MAX &&
           size >= file_size(h->blocks, h->records);
}

/* From here on the figures of this process count: the file's may be overwritten by others. */
static void take_figures(struct journal *j, uint32_t blocks, uint32_t records)
{
    j->blocks_in_file = blocks;
    j->records_a_block = records;
}

/* Until version 2: four words, whatever the tier. The kinds of cache write were one price. */
static void renew_rates(struct journal_record *r)
{
    uint64_t elder[4];
    struct prices_tariff tariff;
    struct str id = {r->bedrock_model, strnlen(r->bedrock_model, sizeof r->bedrock_model)};
    memcpy(elder, &r->rates, sizeof elder);
    _Static_assert(sizeof elder == sizeof r->rates, "they lie in the same place");
    struct price price = {elder[0], elder[1], elder[2], elder[3]};
    prices_own(id, &price, &tariff);
    r->rates = prices_rates(&tariff, (enum tier)r->tier);
}

/* Version 1 had no checksums: its records get them as they are, the version comes last. What was
 * sealed anew before this process's predecessor was killed says so by its seal; what neither seal
 * fits is left for journal_collect. */
static void seal_elder(struct journal *j)
{
    bool sealed = j->header->version > 1;
    for (size_t i = 0; i < (size_t)j->blocks_in_file * j->records_a_block; i++) {
        struct journal_record *r = &j->records[i];
        uint32_t state = atomic_load(&r->state);
        bool used = state == JOURNAL_OPEN || state == JOURNAL_CLOSED;
        if (used && !journal_seal_is_good(r, (enum journal_state)state) &&
            (!sealed || r->opened == journal_seal_elder(r))) {
            renew_rates(r);
            r->opened = journal_seal_opened(r);
            r->closed = journal_seal_closed(r);
        }
    }
    atomic_thread_fence(memory_order_release);
    j->header->version = JOURNAL_VERSION;
}

/* What is above a high mark was never used and is not looked at, so the pages of a roomy file stay
 * on the disk. A state that does not exist is damage: journal_collect finds it. */
static uint32_t repair(struct journal *j)
{
    uint32_t kept = 0;
    if (j->header->version < JOURNAL_VERSION) {
        seal_elder(j);
    }
    for (uint32_t b = 0; b < j->blocks_in_file; b++) {
        uint32_t high = 0, mark = atomic_load(&j->blocks[b].high);
        for (uint32_t i = 0; i < mark && i < j->records_a_block; i++) {
            if (atomic_load(&j->records[(size_t)b * j->records_a_block + i].state) !=
                JOURNAL_FREE) {
                high = i + 1;
                kept++;
            }
        }
        atomic_store(&j->blocks[b].high, high);
        atomic_store(&j->blocks[b].owner, 0);
        atomic_store(&j->blocks[b].pid, 0);
    }
    return kept;
}

/* Blocks for more workers than the last run had go behind: nothing moves. */
static bool grow(struct journal *j, uint32_t workers)
{
    size_t size = file_size(workers, j->records_a_block);
    if (workers <= j->blocks_in_file) {
        return true;
    }
    if (posix_fallocate(j->fd, 0, (off_t)size) != 0) {
        return false;
    }
    munmap(j->header, j->size);
    j->header = NULL;
    if (!map(j, size)) {
        return false; /* GCOVR_EXCL_LINE: as in map */
    }
    j->header->blocks = workers;
    j->blocks_in_file = workers;
    return true;
}

/* True: it has the new name, which nobody had. */
static bool rename_new(const char *path, const char *name)
{
    if (link(path, name) == 0) {
        return unlink(path) == 0;
    }
    bool links = errno == EEXIST || (errno != EPERM && errno != EOPNOTSUPP); /* not on every disk */
    return !links && access(name, F_OK) != 0 && rename(path, name) == 0;
}

static void set_aside(const char *path)
{
    char aside[PATH_SIZE + 16];
    for (unsigned n = 0; n < ASIDE_MAX; n++) {
        snprintf(aside, sizeof aside, n ? "%s.bad.%u" : "%s.bad", path, n);
        if (rename_new(path, aside)) {
            log_line(LOG_ERROR, "usage", "%s is no usage journal of this version: kept as %s", path,
                     aside);
            return;
        }
    }
    log_line(LOG_ERROR, "usage", "%s is no usage journal of this version, and it cannot be renamed",
             path);
    errno = EEXIST;
}

/* --- opening ------------------------------------------------------------------------------- */

/* A whole file of zeros is a journal of free records; the magic comes last. All of its blocks are
 * on the disk from the beginning: a full disk later would be a SIGBUS. */
static bool make(struct journal *j, uint32_t workers, uint32_t records)
{
    size_t size = file_size(workers, records);
    int failed = posix_fallocate(j->fd, 0, (off_t)size);
    if (failed) {
        errno = failed;
        return false;
    }
    if (!map(j, size)) {
        return false; /* GCOVR_EXCL_LINE: as in map */
    }
    take_figures(j, workers, records);
    j->header->version = JOURNAL_VERSION;
    j->header->record_size = sizeof(struct journal_record);
    j->header->blocks = workers;
    j->header->records = records;
    text_random(&j->header->flusher, sizeof j->header->flusher);
    atomic_thread_fence(memory_order_release);
    j->header->magic = JOURNAL_MAGIC;
    return true;
}

static void close_file(struct journal *j)
{
    if (j->header) {
        munmap(j->header, j->size);
        j->header = NULL;
    }
    if (j->fd >= 0) {
        close(j->fd);
    }
    j->fd = -1;
}

enum found { FOUND_JOURNAL, FOUND_EMPTY, FOUND_OTHER, FOUND_LOCKED, FOUND_ERROR };

/* The lock is on the open file that all processes of a run share: it ends with the last of them. */
static enum found look(struct journal *j, const char *path, int flags)
{
    struct stat st;
    struct journal_header h;
    j->fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
    if (j->fd < 0 || fstat(j->fd, &st) != 0) {
        return FOUND_ERROR;
    }
    if (flock(j->fd, LOCK_EX | LOCK_NB) != 0 || fstat(j->fd, &st) != 0 || st.st_nlink == 0) {
        return FOUND_LOCKED; /* or finished by another while we waited to open it */
    }
    ssize_t n = pread(j->fd, &h, sizeof h, 0);
    if (n < 0) {
        return FOUND_ERROR;
    }
    if (n == 0 ||
        (n == (ssize_t)sizeof h && h.magic == 0)) { /* its maker died: nothing was in it */
        return FOUND_EMPTY;
    }
    if (n != (ssize_t)sizeof h || !is_journal(&h, (uint64_t)st.st_size)) {
        return FOUND_OTHER;
    }
    take_figures(j, h.blocks, h.records);
    return map(j, file_size(h.blocks, h.records)) ? FOUND_JOURNAL : FOUND_ERROR;
}

/* Other room for records than wished is kept while there is something in the old ones. */
static bool reuse(struct journal *j, uint32_t workers, uint32_t records)
{
    uint32_t kept = repair(j);
    if (kept) {
        log_line(LOG_INFO, "usage", "%u records of an earlier run go to the store", kept);
    }
    if (kept || j->records_a_block == records) {
        return grow(j, workers);
    }
    munmap(j->header, j->size);
    j->header = NULL;
    return ftruncate(j->fd, 0) == 0 && make(j, workers, records);
}

/* mkdir -p of what the file is in; whether it went well the opening shows. */
static void make_directories(const char *path)
{
    char part[PATH_SIZE];
    for (size_t i = 0; path[i] && i < PATH_SIZE; i++) {
        if (i && path[i] == '/') {
            text_copy((struct str){path, i}, part, sizeof part);
            mkdir(part, 0700);
        }
    }
}

static bool open_one(struct journal *j, const char *path, uint32_t workers, uint32_t records,
                     bool *locked_out)
{
    enum found found = look(j, path, O_CREAT);
    if (found == FOUND_OTHER) {
        set_aside(path);
        close_file(j);
        found = look(j, path, O_CREAT);
    }
    *locked_out = found == FOUND_LOCKED;
    bool ok = found == FOUND_JOURNAL ? reuse(j, workers, records)
                                     : found == FOUND_EMPTY && make(j, workers, records);
    text_copy(text_from(path), j->path, sizeof j->path);
    if (!ok) {
        int reason = errno;
        close_file(j);
        errno = reason;
    }
    return ok;
}

static enum status in_memory(struct journal *j, uint32_t workers, uint32_t records, struct err *err)
{
    size_t size = file_size(workers, records);
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) {
        return err_set(err, STATUS_INTERNAL, "memory for usage records: %m");
    }
    point_into(j, base, size);
    *j->header = (struct journal_header){.magic = JOURNAL_MAGIC,
                                         .version = JOURNAL_VERSION,
                                         .record_size = sizeof(struct journal_record),
                                         .blocks = workers,
                                         .records = records};
    text_random(&j->header->flusher, sizeof j->header->flusher);
    take_figures(j, workers, records);
    j->path[0] = '\0';
    return STATUS_OK;
}

void journal_path(const struct config *c, char *out, size_t size)
{
    if (strcmp(c->usage_journal, "memory") == 0) {
        out[0] = '\0';
    } else if (c->usage_journal[0]) {
        text_copy(text_from(c->usage_journal), out, size);
    } else {
        snprintf(out, size, "%s/usage.journal", c->state_dir);
    }
}

enum status journal_open(struct journal *j, const char *path, uint32_t workers, uint32_t records,
                         struct err *err)
{
    char file[PATH_SIZE];
    bool locked = true;
    *j = (struct journal){.fd = -1};
    make_directories(path);
    errno = ENAMETOOLONG;
    for (uint32_t n = 0; path[0] && locked && n < JOURNAL_FAMILY; n++) {
        if (!family_path(path, n, file) || open_one(j, file, workers, records, &locked)) {
            break;
        }
    }
    if (j->header) {
        return STATUS_OK;
    }
    struct err why;
    err_set(&why, STATUS_UNAVAILABLE, "usage journal %s: %m", path);
    enum status status = in_memory(j, workers, records, err);
    if (status == STATUS_OK && path[0]) {
        *err = why;
        status = STATUS_UNAVAILABLE;
    }
    return status;
}

static bool is_ours(const struct journal *own, uint64_t owner)
{
    for (uint32_t b = 0; b < own->blocks_in_file; b++) {
        if (atomic_load(&own->blocks[b].owner) == owner) {
            return true;
        }
    }
    return false;
}

/* In a copy: what our own workers have open they will close in our own file. */
static void leave_out_open_ones(struct journal *j, const struct journal *own)
{
    for (uint32_t i = 0; i < j->blocks_in_file * j->records_a_block; i++) {
        struct journal_record *r = &j->records[i];
        if (atomic_load(&r->state) == JOURNAL_OPEN && is_ours(own, r->owner)) {
            atomic_store(&r->state, JOURNAL_FREE);
        }
    }
}

bool journal_adopt(struct journal *j, const char *path, uint32_t n, const struct journal *own)
{
    char file[PATH_SIZE];
    *j = (struct journal){.fd = -1};
    if (!path[0] || !family_path(path, n, file) || look(j, file, 0) != FOUND_JOURNAL ||
        j->header->flusher == own->header->flusher) {
        close_file(j);
        return false;
    }
    text_copy(text_from(file), j->path, sizeof j->path);
    leave_out_open_ones(j, own);
    repair(j);
    return true;
}

/* The name goes while the lock is held; one that has it open already and gets the lock then finds
 * no link to it (look). */
void journal_finish(struct journal *j, const char *path, uint32_t n)
{
    char file[PATH_SIZE];
    if (n && family_path(path, n, file)) {
        unlink(file);
    }
    journal_drop(j);
}

void journal_drop(struct journal *j)
{
    close_file(j);
}

bool journal_in_memory(const struct journal *j)
{
    return j->fd < 0;
}
