#include "shm/memory/segment.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/net/loop.h"
#include "shm/memory/bucket.h"
#include "shm/memory/counters.h"
#include "shm/memory/directory.h"
#include "shm/memory/edition.h"
#include "shm/memory/holds.h"
#include "shm/memory/keymiss.h"
#include "shm/memory/lanes.h"
#include "shm/memory/learned.h"
#include "shm/memory/scoreboard.h"
#include "shm/memory/signing.h"
#include "shm/memory/profiles.h"
#include "shm/memory/standing.h"
#include "shm/memory/turns.h"
#include "shm/memory/sticks.h"
#include "shm/memory/thoughts.h"

/* The byte map. Both the maker and the attacher compute it, so a header that disagrees
 * is refused. */
static struct segment_header lay_out(uint32_t workers, uint32_t max_keys)
{
    struct segment_header h = {.magic = SEGMENT_MAGIC,
                               .version = SEGMENT_VERSION,
                               .workers = workers,
                               .max_keys = max_keys,
                               .max_mappings = SEGMENT_MAPPINGS_MAX};
    h.directory.at = segment_layout_page_up(sizeof h);
    h.directory.size = directory_area_size(max_keys, h.max_mappings);
    h.edition.at = segment_layout_page_up(h.directory.at + h.directory.size);
    h.edition.size = edition_area_size();
    h.bucket.at = segment_layout_page_up(h.edition.at + h.edition.size);
    h.bucket.size = bucket_area_size(max_keys);
    h.scoreboard.at = segment_layout_page_up(h.bucket.at + h.bucket.size);
    h.scoreboard.size = scoreboard_area_size(workers);
    h.counters.at = segment_layout_page_up(h.scoreboard.at + h.scoreboard.size);
    h.counters.size = counters_area_size(workers);
    h.learned.at = h.counters.at + h.counters.size; /* blocks of 128 bytes */
    h.learned.size = learned_area_size();
    h.lanes.at = h.learned.at + h.learned.size;
    h.lanes.size = lanes_area_size();
    h.sticks.at = h.lanes.at + h.lanes.size;
    h.sticks.size = sticks_area_size();
    h.holds.at = segment_layout_page_up(h.sticks.at + h.sticks.size);
    h.holds.size = holds_area_size(workers, max_keys);
    h.turns.at = segment_layout_page_up(h.holds.at + h.holds.size);
    h.turns.size = turns_area_size();
    h.thoughts.at = segment_layout_page_up(h.turns.at + h.turns.size);
    h.thoughts.size = thoughts_area_size();
    h.size = segment_layout_page_up(h.thoughts.at + h.thoughts.size);
    return h;
}

static void clear(struct segment *s)
{
    *s = (struct segment){.fd = -1, .read_fd = -1, .wake_refresher = -1};
    for (uint32_t i = 0; i < SEGMENT_WORKERS_MAX; i++) {
        s->wake_worker[i] = -1;
    }
}

static void point_into(struct segment *s, char *base, const struct segment_header *h)
{
    s->header = (struct segment_header *)(void *)base;
    s->directory = (struct directory_area *)(void *)(base + h->directory.at);
    s->edition = (struct edition_area *)(void *)(base + h->edition.at);
    s->buckets = (struct bucket *)(void *)(base + h->bucket.at);
    s->scoreboard = (struct scoreboard_slot *)(void *)(base + h->scoreboard.at);
    s->counters = (struct counters_block *)(void *)(base + h->counters.at);
    s->learned = (struct learned_area *)(void *)(base + h->learned.at);
    s->lanes = (struct lanes_area *)(void *)(base + h->lanes.at);
    s->sticks = (struct sticks_area *)(void *)(base + h->sticks.at);
    s->holds = (struct holds_row *)(void *)(base + h->holds.at);
    s->turns = (struct turns_area *)(void *)(base + h->turns.at);
    s->thoughts = (struct thoughts_area *)(void *)(base + h->thoughts.at);
    s->size = h->size;
}

/* Every page from `from` on gets its memory now: what cannot be had fails here and not as SIGBUS
 * under load. */
static bool claim(const struct segment *s, uint64_t from, uint64_t to)
{
    return fallocate(s->fd, 0, (off_t)from, (off_t)(to - from)) == 0;
}

/* What is mapped through such a descriptor can never be made writable. */
static void open_again(struct segment *s)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", s->fd);
    s->read_fd = open(path, O_RDONLY | O_CLOEXEC);
}

/*
 * All but the directory, the edition, the buckets, the holds, the turns and the thoughts is claimed. These
 * are sized for MAX_KEYS, or for a day when all wait, and their pages come as keys do: a server with ten keys does not pay for 16,384.
 */
static enum status make_shared(struct segment *s, const struct segment_header *h, struct err *err)
{
    s->fd = memfd_create("llm-api-converter", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (s->fd < 0 || ftruncate(s->fd, (off_t)h->size) != 0) {
        return err_set(err, STATUS_UNAVAILABLE, "shared memory of %llu MiB: %m (MAX_KEYS is %u)",
                       (unsigned long long)(h->size >> 20), h->max_keys);
    }
    void *base = mmap(NULL, h->size, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
    if (base == MAP_FAILED) {
        return err_set(err, STATUS_UNAVAILABLE, "mapping shared memory: %m");
    }
    if (!claim(s, 0, h->directory.at) || !claim(s, h->scoreboard.at, h->holds.at)) {
        return err_set(err, STATUS_UNAVAILABLE, "memory for %u keys: %m (MAX_KEYS)", h->max_keys);
    }
    point_into(s, base, h);
    open_again(s);
    if (fcntl(s->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return err_set(err, STATUS_UNAVAILABLE, "sealing shared memory: %m");
    }
    *s->header = *h;
    learned_init(s);
    lanes_init(s);
    thoughts_init(s);
    return STATUS_OK;
}

/* Signing keys and clear keys on their way: no descriptor that others could open, not in core
 * files. */
static enum status make_secret(struct segment *s, uint32_t workers, struct err *err)
{
    uint64_t keymiss_at = segment_layout_page_up(signing_area_size());
    uint64_t standing_at = keymiss_at + keymiss_area_size(workers);
    uint64_t profiles_at = (standing_at + standing_area_size() + 127) / 128 * 128;
    size_t size = segment_layout_page_up(profiles_at + profiles_area_size());
    char *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) {
        return err_set(err, STATUS_UNAVAILABLE, "mapping memory for signing keys: %m");
    }
    s->secret_size = size;
    s->signing = (struct signing_area *)(void *)base;
    s->keymiss = (struct keymiss_area *)(void *)(base + keymiss_at);
    s->standing = (struct standing_area *)(void *)(base + standing_at);
    s->profiles = (struct profiles_area *)(void *)(base + profiles_at);
    if (madvise(base, size, MADV_DONTDUMP) != 0) {
        return err_set(err, STATUS_UNAVAILABLE, "keeping signing keys out of core files: %m");
    }
    return STATUS_OK;
}

static enum status make_wakers(struct segment *s, uint32_t workers, struct err *err)
{
    s->wake_refresher = loop_eventfd(err);
    bool ok = s->wake_refresher >= 0;
    for (uint32_t i = 0; ok && i < workers; i++) {
        s->wake_worker[i] = loop_eventfd(err);
        ok = s->wake_worker[i] >= 0;
    }
    return ok ? STATUS_OK : STATUS_UNAVAILABLE;
}

enum status segment_create(struct segment *s, uint32_t workers, uint32_t max_keys, struct err *err)
{
    assert(workers >= 1 && workers <= SEGMENT_WORKERS_MAX && max_keys >= 1);
    clear(s);
    struct segment_header h = lay_out(workers, max_keys);
    h.epoch = (uint64_t)clock_real_now_ms();
    enum status status = make_shared(s, &h, err);
    if (status == STATUS_OK) {
        status = make_secret(s, workers, err);
    }
    if (status == STATUS_OK) {
        status = make_wakers(s, workers, err);
    }
    if (status != STATUS_OK) {
        segment_drop(s);
    }
    return status;
}

/* The header comes from another program: every figure must be the one this build would
 * have chosen. */
static bool same_build(const struct segment_header *h, uint64_t file_size)
{
    if (h->magic != SEGMENT_MAGIC || h->version != SEGMENT_VERSION || h->workers < 1 ||
        h->workers > SEGMENT_WORKERS_MAX || h->max_keys < 1 || h->size != file_size) {
        return false;
    }
    struct segment_header mine = lay_out(h->workers, h->max_keys);
    mine.epoch = h->epoch;
    mine.slots_high = h->slots_high;
    mine.service = h->service;
    return memcmp(&mine, h, sizeof mine) == 0;
}

enum status segment_attach(struct segment *s, const char *path, struct err *err)
{
    clear(s);
    struct segment_header h;
    struct stat st;
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &st) != 0) {
        enum status status = err_set(err, STATUS_NOT_FOUND, "shared memory %s: %m", path);
        segment_drop(s);
        return status;
    }
    if (pread(s->fd, &h, sizeof h, 0) != sizeof h || !same_build(&h, (uint64_t)st.st_size)) {
        segment_drop(s);
        return err_set(err, STATUS_INVALID, "%s is not shared memory of this version", path);
    }
    void *base = mmap(NULL, h.size, PROT_READ, MAP_SHARED, s->fd, 0);
    if (base == MAP_FAILED) {
        enum status status = err_set(err, STATUS_UNAVAILABLE, "mapping %s: %m", path);
        segment_drop(s);
        return status;
    }
    point_into(s, base, &h);
    return STATUS_OK;
}

void segment_set_service(struct segment *s, enum segment_service service)
{
    atomic_store(&s->header->service, service);
}

enum segment_service segment_service(const struct segment *s)
{
    return (enum segment_service)atomic_load_explicit(&s->header->service, memory_order_relaxed);
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

enum status segment_enter_worker(struct segment *s, struct err *err)
{
    size_t n = s->header->bucket.at;
    bool ok = s->read_fd < 0 ? mprotect(s->header, n, PROT_READ) == 0
                             : mmap(s->header, n, PROT_READ, MAP_SHARED | MAP_FIXED, s->read_fd,
                                    0) == s->header;
    if (!ok) {
        return err_set(err, STATUS_UNAVAILABLE, "protecting the key table: %m");
    }
    close_fd(s->read_fd);
    close_fd(s->fd);
    s->fd = s->read_fd = -1;
    return STATUS_OK;
}

void segment_drop(struct segment *s)
{
    if (s->header) {
        munmap(s->header, s->size);
    }
    if (s->signing) {
        munmap(s->signing, s->secret_size);
    }
    close_fd(s->fd);
    close_fd(s->read_fd);
    close_fd(s->wake_refresher);
    for (uint32_t i = 0; i < SEGMENT_WORKERS_MAX; i++) {
        close_fd(s->wake_worker[i]);
    }
    clear(s);
}
