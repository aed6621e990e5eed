#include "tests/fuzz/connection/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/sha256.h"
#include "server/http/http_state.h"
#include "shm/memory/bucket.h"
#include "shm/memory/counters.h"
#include "shm/memory/directory.h"
#include "shm/memory/holds.h"
#include "shm/memory/lane_names.h"
#include "shm/memory/scoreboard.h"
#include "shm/memory/signing.h"
#include "worker/exchange/worker.h"

#define REAL_MS   1768478400000 /* 2026-01-15T12:00:00Z */
#define DAY_MS    86400000
#define NEW_SLOTS (BUCKET_FIRST_KEY + SAYING_KEY_COUNT) /* of keys that the refresher has found */

enum {
    RECORDS = 16,     /* of the journal: a script can fill it */
    TURNS_IDLE = 300, /* without anything done, though something is ready: the loop spins */
    SETTLE_MS = 120000,
    END_MS = 60000
};

struct world world;

/* ---- once --------------------------------------------------------------------------------- */

#define COMMON                                                                               \
    {"BEDROCK_ENDPOINT_URL", "http://127.0.0.1:9"}, {"AWS_REGION", "us-west-2"},             \
        {"MASTER_API_KEY", SAYING_MASTER}, {"CORS_ORIGINS", "https://app.example"},          \
        {"HEADER_TIMEOUT", "2"}, {"KEEPALIVE_TIMEOUT", "3"}, {"UPSTREAM_IDLE_TIMEOUT", "6"}, \
        {"BEDROCK_TIMEOUT", "8"}, {"PING_SECONDS", "2"}, {"SHUTDOWN_TIMEOUT", "3"},          \
    {                                                                                        \
        "LOG_LEVEL", "info"                                                                  \
    }
#define BEARER                                      \
    {                                               \
        "AWS_BEARER_TOKEN_BEDROCK", "bearer-secret" \
    }

/* "config K": 0 as usual, 1 tight limits and signatures, 2 open to anybody, 3 signatures, and a
 * long body time. */
static const struct config_override settings[WORLD_CONFIGS][32] = {
    {COMMON, BEARER},
    {COMMON, {"MAX_REQUEST_SECONDS", "5"}, {"METRICS_AUTH", "false"}},
    {COMMON,
     BEARER,
     {"REQUIRE_API_KEY", "false"},
     {"RATE_LIMIT_REQUESTS_PER_WINDOW", "6"},
     {"COUNT_TOKENS_FALLBACK", "refuse"},
     {"STRICT_FIELDS", "true"}},
    {COMMON, {"SHUTDOWN_TIMEOUT", "20"}},
};

/* What is no setting. The third has a body time longer than what its rate leaves. */
static void tighten(struct config_bounds *b, unsigned i)
{
    b->write_stall_ms = 4000;
    b->connect_ms = 2000;
    b->body_ms = i == 3 ? 12000 : 4000;
    if (i == 1) {
        b->body_bytes = 20000;
        b->head_line = 1024;
        b->head_bytes = 4096;
        b->head_fields = 16;
        b->connections = 2;
        b->conn_requests = 2;
        b->frame_bytes = 65536;
    } else if (i == 2) {
        b->bodies = 1048576;
        b->attempts = 1;
    }
    if (i == 1 || i == 2)
        b->output_high = 8192;
}

static void load_settings(void)
{
    for (unsigned i = 0; i < WORLD_CONFIGS; i++) {
        struct err err = {0};
        size_t n = 0;
        while (settings[i][n].name)
            n++;
        WORLD_CHECK(config_load(&world.config[i], "/dev/null", settings[i], n, &err) == STATUS_OK,
                    "settings %u: %s", i, err.text);
        tighten(&world.config[i].bounds, i);
    }
}

void world_init(void)
{
    struct err err = {0};
    world.trace = getenv("CONNECTION_TRACE") != NULL;
    clock_freeze_real_ms(REAL_MS);
    clock_tick();
    load_settings();
    bool made = segment_create(&world.segment, 1, 64, &err) == STATUS_OK &&
                journal_open(&world.journal, "", 1, RECORDS, &err) == STATUS_OK;
    WORLD_CHECK(made, "%s", err.text);
    lane_names_enter(&world.segment, &world.config[0].lanes, NULL);
    world.segment.journal = &world.journal;
    /* Without it the worker takes mprotect, which libc.c leaves to the refresher of this process. */
    close(world.segment.read_fd);
    world.segment.read_fd = -1;
    world.changed = world.unsigned_ = true;
    struct kernel_file *log = kernel_new(KERNEL_PLAIN);
    log->is_log = true;
    log_to(log->fd);
    log_init(LOG_INFO, LOG_FORMAT_JSON, "worker 1");
    /* libcurl's and OpenSSL's own start, which costs milliseconds, is not repeated in each run. */
    struct fetch_options options = {.pool = 1};
    world.held = fetch_client_new(NULL, &options, &err);
    WORLD_CHECK(world.held, "%s", err.text);
    kernel_keep();
    kernel_on_log = reader_log;
}

/* ---- the refresher's side ----------------------------------------------------------------- */

static void add_key(const uint8_t digest[32], uint32_t slot, struct directory_key k)
{
    memcpy(k.digest, digest, sizeof k.digest);
    k.slot = slot;
    k.tag = slot + 7;
    if (atomic_load(&world.segment.buckets[slot].tag) != k.tag)
        bucket_give(&world.segment, slot, k.tag);
    WORLD_CHECK(directory_add(&world.segment, &k), "the key table is full");
}

static const struct directory_key keys[SAYING_KEY_COUNT] = {
    [SAYING_GOOD] = {.flags = DIRECTORY_ACTIVE},
    [SAYING_TWO] = {.flags = DIRECTORY_ACTIVE, .rate_limit = 2},
    [SAYING_ONE] = {.flags = DIRECTORY_ACTIVE, .max_concurrency = 1},
    [SAYING_POOR] = {.flags = DIRECTORY_ACTIVE | DIRECTORY_BUDGET_RESERVE, .budget_micro = 900},
    [SAYING_SLOW] = {.flags = DIRECTORY_ACTIVE, .tpm_limit = 10},
    [SAYING_OLD] = {.flags = DIRECTORY_ACTIVE, .expires_ms = REAL_MS - 1000},
    [SAYING_OFF] = {.flags = 0},
    [SAYING_HAIKU] = {.flags = DIRECTORY_ACTIVE, .models_len = 14, .models = "claude-haiku-*"},
    [SAYING_SPENT] = {.flags = DIRECTORY_BUDGET_EXCEEDED, .budget_micro = 1},
};

void world_publish(void)
{
    uint8_t digest[32];
    directory_begin(&world.segment);
    for (uint32_t i = 0; i < SAYING_KEY_COUNT; i++) {
        struct str text = text_from(saying_key((enum saying_key)i));
        sha256(text.p, text.n, digest);
        if (i != world.without)
            add_key(digest, BUCKET_FIRST_KEY + i, keys[i]);
    }
    for (uint32_t i = 0; i < world.new_keys; i++)
        add_key(world.new_key[i], NEW_SLOTS + i, keys[SAYING_GOOD]);
    directory_publish(&world.segment, world.real_ms);
    world.changed = true;
}

void world_sign(uint32_t how)
{
    char amz[17];
    struct signing_keys k = {.lane = world.config[0].lanes.lane[LANES_HOME].id,
                             .region = "us-west-2",
                             .access_key_id = "AKIDEXAMPLE"};
    if (how % 3 == 1) {
        k = (struct signing_keys){.lane = k.lane, .trouble = "no credentials"};
    } else {
        k.expires_ms = how % 3 == 2 ? world.real_ms + 1500 : 0;
        for (int day = 0; day < 2; day++) {
            clock_amz(world.real_ms + day * (int64_t)DAY_MS, amz);
            memcpy(k.date[day], amz, 8);
            memset(k.key[SIGNING_BEDROCK][day], 7 + day, sizeof k.key[SIGNING_BEDROCK][day]);
        }
    }
    signing_publish(&world.segment, LANES_HOME, &k);
    world.unsigned_ = true;
}

void world_store(void)
{
    static struct journal_entry batch[RECORDS];
    uint32_t n = journal_collect(&world.journal, batch, RECORDS, true);
    for (uint32_t i = 0; i < n; i++)
        journal_release(&batch[i]);
}

void world_pass(uint64_t ms)
{
    kernel_clock_add(ms);
    world.real_ms += (int64_t)ms;
    clock_freeze_real_ms(world.real_ms);
}

/* ---- one run ------------------------------------------------------------------------------ */

static void begin(struct str script)
{
    kernel_begin();
    script_read(&world.script, script);
    const struct script_line *first = &world.script.line[0];
    bool told = world.script.n > 0 && first->op == SCRIPT_CONFIG;
    world.settings = &world.config[told ? first->arg[0] % WORLD_CONFIGS : 0];
    world.next = world.new_keys = 0;
    world.now = &world.script;
    world.conns = NULL;
    world.automatic = world.ending = 0;
    world.stops = 0;
    world.starved = world.patient = world.hurried = false;
    world.real_ms = REAL_MS;
    world.without = SAYING_KEY_COUNT;
    world.phase = WORLD_SCRIPT;
    world.credit = 64;
    world.waits = world.idle_turns = world.failing = 0;
    for (unsigned i = 0; i < WORLD_CLIENTS; i++)
        world.client[i] = NULL;
    world_pass(0);
    if (world.changed)
        world_publish();
    if (world.unsigned_)
        world_sign(0);
    world.changed = world.unsigned_ = false;
    signing_set_skew(&world.segment, 0);
    for (uint32_t slot = 0; slot < NEW_SLOTS + WORLD_NEW_KEYS; slot++) {
        struct bucket *b = &world.segment.buckets[slot];
        b->requests = b->counting = b->tokens = 0;
        for (size_t month = 0; month < sizeof b->spent / sizeof b->spent[0]; month++)
            b->spent[month] = 0;
    }
    memset(world.segment.counters, 0, counters_area_size(1));
    world.listener = kernel_new(KERNEL_LISTENER);
    world.dead = kernel_new(KERNEL_PLAIN);
    world.moved_ms = kernel_clock_ms();
}

_Noreturn void world_fail(const char *fmt, ...)
{
    struct buf text;
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "\nconnection: ");
    vfprintf(stderr, fmt, args);
    va_end(args);
    buf_init(&text, 1 << 20);
    script_print(&world.script, &text);
    fprintf(stderr, "\nat line %zu of %s\n%.*s", world.next,
            world.now == &world.script ? "the script" : "its ending", STR_ARG(buf_str(&text)));
    abort();
}

/* The linker brings the worker's call here: its set is static in the worker's body. */
struct http_conn *__real_http_conn_new(struct loop *loop, int fd,
                                       const struct http_conn_limits *limits,
                                       const struct http_conn_ops *ops, void *ctx,
                                       struct http_conn_set *set);
struct http_conn *__wrap_http_conn_new(struct loop *loop, int fd,
                                       const struct http_conn_limits *limits,
                                       const struct http_conn_ops *ops, void *ctx,
                                       struct http_conn_set *set);

struct http_conn *__wrap_http_conn_new(struct loop *loop, int fd,
                                       const struct http_conn_limits *limits,
                                       const struct http_conn_ops *ops, void *ctx,
                                       struct http_conn_set *set)
{
    world.conns = set;
    return __real_http_conn_new(loop, fd, limits, ops, ctx, set);
}

static void watch_worker(void)
{
    if (world.moves != kernel_moves || world.moved_ms != kernel_clock_ms()) {
        world.moves = kernel_moves;
        world.moved_ms = kernel_clock_ms();
        world.idle_turns = 0;
    }
    WORLD_CHECK(world.idle_turns++ < TURNS_IDLE, "the loop spins: %u turns without anything done",
                TURNS_IDLE);
}

/* To the next deadline of the worker. */
static bool wait_for_it(void)
{
    uint64_t now = kernel_clock_ms(), due = kernel_deadline_ms();
    WORLD_CHECK(due != UINT64_MAX, "the worker waits for ever");
    if (world.trace)
        fprintf(stderr, "%10llu  (%llu ms pass)\n", (unsigned long long)now % 1000000000,
                (unsigned long long)(due - now));
    world_pass(due > now ? due - now : 0);
    world.credit = 64;
    return true;
}

static uint64_t phase_ms;

static void enter(enum world_phase phase)
{
    world.phase = phase;
    phase_ms = kernel_clock_ms();
    world.credit = 64;
}

static bool settled(void)
{
    return !world.conns || world.conns->open == 0;
}

static void begin_end(void)
{
    static const char *const last[] = {"term\n", "term\n", "int\n", "orphan\n", "term\n", "term\n"};
    world.ending %= 6;
    enter(world.ending == 0 ? WORLD_SETTLES : WORLD_ENDS);
    if (world.ending == 0) {
        world.patient = world.stops < 2;
        world.automatic = 1;
        stage_give_all();
        return;
    }
    if (world.ending >= 4)
        stage_clients(world.ending == 4 ? kernel_reset : kernel_fin);
    if (world.ending == 5)
        stage_answer_keys(2);
    script_read(&world.last, text_from(last[world.ending]));
    world.now = &world.last;
    world.next = 0;
}

/* All is said; the worker has nothing to do now. */
static bool go_on(void)
{
    uint64_t past = kernel_clock_ms() - phase_ms;
    if (stage_next())
        return false;
    switch (world.phase) {
    case WORLD_SCRIPT:
        begin_end();
        return false;
    case WORLD_SETTLES:
        WORLD_CHECK(past < SETTLE_MS, "a connection is open for ever");
        if (stage_answer_keys(3))
            return false;
        if (!settled())
            return wait_for_it();
        world.ending = 1;
        begin_end();
        return false;
    case WORLD_ENDS:
        WORLD_CHECK(past < END_MS, "the worker does not end");
    }
    return wait_for_it();
}

static bool may_turn(unsigned ready, bool expired)
{
    watch_worker();
    if (stage_answer_by_itself())
        return false;
    if (world.credit > 0 && (ready > 0 || expired)) {
        world.credit--;
        return true;
    }
    if (world.waits > 0) {
        world.waits--;
        return wait_for_it();
    }
    return go_on();
}

/* Only the worker's allocations fail, not those of the world, which uses the same buffers. */
static bool on_wait(unsigned ready, bool expired)
{
    heap_fail_after(0);
    bool turns = may_turn(ready, expired);
    if (turns) {
        heap_fail_after(world.failing);
        world.failing = 0;
    }
    return turns;
}

/* ---- afterwards --------------------------------------------------------------------------- */

static uint64_t ended_requests(void)
{
    uint64_t n = 0;
    for (unsigned t = 0; t < TRAFFIC_COUNT; t++) {
        struct traffic_row sum;
        counters_traffic_sum(&world.segment, (enum traffic)t, &sum);
        for (unsigned class = 0; class < TRAFFIC_CLASSES; class ++)
            n += sum.requests[class];
    }
    return n;
}

static void judge_memory(void)
{
    const struct scoreboard_slot *slot = &world.segment.scoreboard[1];
    const struct http_conn_set *s = world.conns;
    struct journal_depth depth;
    uint64_t begun = counters_sum(&world.segment, COUNTER_REQUESTS), ended = ended_requests();
    WORLD_CHECK(begun == ended, "%llu requests began, %llu ended", (unsigned long long)begun,
                (unsigned long long)ended);
    WORLD_CHECK(!s || (s->open == 0 && s->idle == 0), "connections left: %u open, %u idle", s->open,
                s->idle);
    WORLD_CHECK(!s || s->bodies.held == 0, "bytes of bodies left: %zu", s->bodies.held);
    WORLD_CHECK(!s || !s->first, "a connection is left");
    WORLD_CHECK(slot->connections == 0 && slot->streams == 0,
                "the scoreboard shows %u connections, %u requests", slot->connections,
                slot->streams);
    journal_depth(&world.journal, &depth);
    WORLD_CHECK(depth.open == 0, "%llu usage records are open", (unsigned long long)depth.open);
    for (uint32_t i = BUCKET_FIRST_KEY; i < NEW_SLOTS + WORLD_NEW_KEYS; i++) {
        struct holds held = holds_sum(&world.segment, i);
        WORLD_CHECK(held.count == 0 && held.micro == 0, "something is held for key slot %u", i);
    }
}

static void judge_files(void)
{
    for (struct kernel_file *f = NULL; (f = kernel_each(f));) {
        if (f->kind != KERNEL_STREAM)
            continue;
        WORLD_CHECK(f->fd < 0, "descriptor %d of a connection is open", f->fd);
        if (f->dialled)
            reader_bedrock(f);
        else
            reader_client(f);
    }
}

void world_run(struct str script)
{
    begin(script);
    scoreboard_forked(&world.segment, 1, (uint32_t)getpid());
    scoreboard_enter(&world.segment, 1);
    kernel_on_wait = on_wait;
    int code = worker_run(world.settings, &world.segment, 1, world.listener->fd, world.dead->fd);
    kernel_on_wait = NULL;
    heap_fail_after(0);
    WORLD_CHECK(code == 0, "the worker ended with code %d", code);
    judge_memory();
    judge_files();
    stage_answer_keys(3); /* the successor's refresher: no cell stays taken */
    world_store();
    kernel_begin(); /* memory goes with the run that took it: libFuzzer counts */
}
