#include "worker/door/metrics.h"

#include "server/base/clock.h"
#include "shm/memory/counters.h"
#include "shm/memory/learned.h"
#include "shm/journal/journal.h"
#include "shm/memory/scoreboard.h"
#include "shm/memory/turns.h"
#include "worker/door/lane_metrics.h"
#include "worker/turn/answer.h"
#include "worker/turn/route.h"

#define BODY_MAX 262144
#define PREFIX   METRICS_PREFIX

#define BY_TRAFFIC "route,dialect,transport"

/* X(NAME, "name", "type", "labels", "help"): the families that are no counters of counters.h, in
 * the order of the text. */
#define FAMILIES(X)                                                                                \
    X(REQUESTS_ENDED, "requests_ended_total", "counter", BY_TRAFFIC ",class",                      \
      "Requests by what was asked and what became of it")                                          \
    X(DURATION, "request_duration_seconds", "histogram", BY_TRAFFIC,                               \
      "From the headers to the end of the answer")                                                 \
    X(FIRST_BYTE, "first_byte_seconds", "histogram", BY_TRAFFIC,                                   \
      "From the headers to Bedrock's first byte")                                                  \
    X(QUEUE_WAIT, "queue_wait_seconds", "histogram", "",                                           \
      "How long requests waited for their turn at a throttled model, all their waits together")    \
    X(BUILD_INFO, "build_info", "gauge", "version", "1, labelled with the version of the program") \
    X(WORKERS_READY, "workers_ready", "gauge", "", "Workers that serve")                           \
    X(RESTARTS, "process_restarts", "gauge", "", "Processes started again since the start")        \
    X(CONNECTIONS, "connections_open", "gauge", "", "Client connections open now")                 \
    X(REQUESTS_OPEN, "requests_open", "gauge", "", "Requests open now")                            \
    X(QUEUE_WAITING, "queue_waiting", "gauge", "",                                                 \
      "Requests that wait for their turn at a throttled model now")                                \
    X(KEYS, "keys", "gauge", "", "Keys in the table")                                              \
    X(GENERATION, "key_table_generation", "gauge", "", "Publications of the key table")            \
    X(TABLE_AGE, "key_table_age_seconds", "gauge", "",                                             \
      "Since the store last confirmed the key table")                                              \
    X(LEARNED, "refusals_remembered", "gauge", "",                                                 \
      "Things that models were found not to take, known now")                                      \
    X(JOURNAL_OPEN, "usage_journal_open", "gauge", "", "Usage records of requests that run")       \
    X(JOURNAL_WAITING, "usage_journal_waiting", "gauge", "",                                       \
      "Usage records that the store does not have yet")                                            \
    X(JOURNAL_RECORDS, "usage_journal_records", "gauge", "", "Room for usage records")             \
    X(JOURNAL_MEMORY, "usage_journal_in_memory", "gauge", "",                                      \
      "1: there is no file, records would not outlive all")                                        \
    X(UPTIME, "uptime_seconds", "gauge", "", "Since the start of the master")

enum {
#define FAMILY_ENUM(name, prom, type, labels, help) FAMILY_##name,
    FAMILIES(FAMILY_ENUM)
#undef FAMILY_ENUM
        FAMILY_COUNT
};

static const struct metrics_family families[FAMILY_COUNT] = {
#define FAMILY_ROW(name, prom, type, labels, help) {prom, type, labels, help},
    FAMILIES(FAMILY_ROW)
#undef FAMILY_ROW
};

static struct metrics_family counter_family(enum counter c)
{
    const struct counters_row *row = counters_row(c);
    return (struct metrics_family){row->family, "counter", row->label ? row->label : "", row->help};
}

bool metrics_family(size_t i, struct metrics_family *out)
{
    for (enum counter c = 0; c < COUNTER_COUNT; c++) {
        if (counters_is_first(c) && i-- == 0) {
            *out = counter_family(c);
            return true;
        }
    }
    if (i >= FAMILY_COUNT) {
        return lane_metrics_family(i - FAMILY_COUNT, out);
    }
    *out = families[i];
    return true;
}

static void put_family(struct buf *out, struct metrics_family f)
{
    buf_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", f.name, f.help, f.name,
               f.type);
}

static void put_counters(const struct segment *s, struct buf *out)
{
    for (enum counter c = 0; c < COUNTER_COUNT; c++) {
        const struct counters_row *row = counters_row(c);
        if (counters_is_first(c)) {
            put_family(out, counter_family(c));
        }
        buf_printf(out, PREFIX "%s", row->family);
        if (row->label) {
            buf_printf(out, "{%s=\"%s\"}", row->label, row->value);
        }
        buf_printf(out, " %llu\n", (unsigned long long)counters_sum(s, c));
    }
}

static void put_labels(struct buf *out, enum traffic t)
{
    if (t == TRAFFIC_COUNT) {
        return;
    }
    struct traffic_labels l = traffic_labels(t);
    buf_printf(out, "{route=\"%s\",dialect=\"%s\",transport=\"%s\"", l.route, l.dialect,
               l.transport);
}

static void put_classes(const struct traffic_row rows[TRAFFIC_COUNT], struct buf *out)
{
    put_family(out, families[FAMILY_REQUESTS_ENDED]);
    for (unsigned i = 0; i < TRAFFIC_COUNT * TRAFFIC_CLASSES; i++) {
        enum traffic t = i / TRAFFIC_CLASSES;
        enum traffic_class class = i % TRAFFIC_CLASSES;
        buf_put_str(out, STR(PREFIX "requests_ended_total"));
        put_labels(out, t);
        buf_printf(out, ",class=\"%s\"} %llu\n", traffic_class_name(class),
                   (unsigned long long)atomic_load(&rows[t].requests[class]));
    }
}

/* t: whose labels it has; TRAFFIC_COUNT: none. */
static void put_histogram(const struct traffic_times *times, enum traffic t, unsigned family,
                          struct buf *out)
{
    const char *name = families[family].name;
    unsigned long long count = 0, sum = atomic_load(&times->sum_us);
    bool labelled = t < TRAFFIC_COUNT;
    for (unsigned i = 0; i <= TRAFFIC_BOUNDS; i++) {
        count += atomic_load(&times->bucket[i]);
        buf_printf(out, PREFIX "%s_bucket%s", name, labelled ? "" : "{");
        put_labels(out, t);
        buf_printf(out, "%sle=\"%s\"} %llu\n", labelled ? "," : "", traffic_bound(i), count);
    }
    const char *end = labelled ? "}" : "";
    buf_printf(out, PREFIX "%s_sum", name);
    put_labels(out, t);
    buf_printf(out, "%s %llu.%06llu\n" PREFIX "%s_count", end, sum / 1000000u, sum % 1000000u,
               name);
    put_labels(out, t);
    buf_printf(out, "%s %llu\n", end, count);
}

static void put_traffic(const struct segment *s, struct buf *out)
{
    struct traffic_row rows[TRAFFIC_COUNT];
    for (enum traffic t = 0; t < TRAFFIC_COUNT; t++) {
        counters_traffic_sum(s, t, &rows[t]);
    }
    put_classes(rows, out);
    put_family(out, families[FAMILY_DURATION]);
    for (enum traffic t = 0; t < TRAFFIC_COUNT; t++) {
        put_histogram(&rows[t].total, t, FAMILY_DURATION, out);
    }
    put_family(out, families[FAMILY_FIRST_BYTE]);
    for (enum traffic t = 0; t < TRAFFIC_COUNT; t++) {
        put_histogram(&rows[t].first, t, FAMILY_FIRST_BYTE, out);
    }
}

static void put_queue(const struct segment *s, struct buf *out)
{
    struct traffic_times waits;
    counters_waits_sum(s, &waits);
    put_family(out, families[FAMILY_QUEUE_WAIT]);
    put_histogram(&waits, TRAFFIC_COUNT, FAMILY_QUEUE_WAIT, out);
}

static void gauge(struct buf *out, unsigned family, uint64_t value)
{
    put_family(out, families[family]);
    buf_printf(out, PREFIX "%s %llu\n", families[family].name, (unsigned long long)value);
}

/* In seconds, as Prometheus has all times. */
static void gauge_ms(struct buf *out, unsigned family, uint64_t ms)
{
    put_family(out, families[family]);
    buf_printf(out, PREFIX "%s %llu.%03llu\n", families[family].name,
               (unsigned long long)(ms / 1000u), (unsigned long long)(ms % 1000u));
}

struct processes {
    uint64_t workers_ready, connections, requests_open, restarts;
};

/* Each slot is forked once; what is more was a restart (or a reload's second set). */
static struct processes sum_processes(const struct segment *s)
{
    struct processes sum = {.workers_ready = scoreboard_ready_workers(s)};
    for (uint32_t i = 0; i <= s->header->workers; i++) {
        const struct scoreboard_slot *p = &s->scoreboard[i];
        uint64_t forked = atomic_load_explicit(&p->generation, memory_order_relaxed);
        sum.restarts += forked > 1 ? forked - 1 : 0;
        sum.connections += atomic_load_explicit(&p->connections, memory_order_relaxed);
        sum.requests_open += atomic_load_explicit(&p->streams, memory_order_relaxed);
    }
    return sum;
}

static void put_journal(const struct segment *s, struct buf *out)
{
    struct journal_depth depth;
    if (!s->journal) {
        return;
    }
    journal_depth(s->journal, &depth);
    gauge(out, FAMILY_JOURNAL_OPEN, depth.open);
    gauge(out, FAMILY_JOURNAL_WAITING, depth.closed);
    gauge(out, FAMILY_JOURNAL_RECORDS, depth.records);
    gauge(out, FAMILY_JOURNAL_MEMORY, journal_in_memory(s->journal));
}

void metrics_print(const struct segment *s, const struct config_lanes *lanes, int64_t now_real_ms,
                   struct buf *out)
{
    struct processes p = sum_processes(s);
    put_counters(s, out);
    put_traffic(s, out);
    put_queue(s, out);
    put_family(out, families[FAMILY_BUILD_INFO]);
    buf_put_str(out, STR(PREFIX "build_info{version=\"" VERSION "\"} 1\n"));
    gauge(out, FAMILY_WORKERS_READY, p.workers_ready);
    gauge(out, FAMILY_RESTARTS, p.restarts);
    gauge(out, FAMILY_CONNECTIONS, p.connections);
    gauge(out, FAMILY_REQUESTS_OPEN, p.requests_open);
    gauge(out, FAMILY_QUEUE_WAITING, turns_all_waiting(s, clock_mono_ms()));
    gauge(out, FAMILY_KEYS, directory_count(s));
    gauge(out, FAMILY_GENERATION, directory_generation(s));
    gauge_ms(out, FAMILY_TABLE_AGE, directory_generation(s) ? directory_age_ms(s, now_real_ms) : 0);
    gauge(out, FAMILY_LEARNED, learned_count(s, clock_mono_ms() / 1000u));
    put_journal(s, out);
    gauge(out, FAMILY_UPTIME, (uint64_t)(now_real_ms - (int64_t)s->header->epoch) / 1000);
    lane_metrics_put(s, lanes, out);
}

static enum traffic_class class_of(const struct exchange *x)
{
    bool broke = x->outcome.err.code != STATUS_OK || (x->attempt.reply && x->attempt.reply->failed);
    /* 499: exchange_gone */
    if (x->outcome.status == 499 || x->outcome.status < 200 || (x->outcome.status < 400 && broke)) {
        return TRAFFIC_ABORTED;
    }
    return x->outcome.status < 400   ? TRAFFIC_2XX
           : x->outcome.status < 500 ? TRAFFIC_4XX
                                     : TRAFFIC_5XX;
}

static enum traffic traffic_of(const struct exchange *x)
{
    if (!x->route || x->route->serve) {
        return x->route && x->route->need == ROUTE_ANYBODY ? TRAFFIC_PUBLIC : TRAFFIC_OTHER;
    }
    if (x->route->limit == ROUTE_COUNTING) {
        return TRAFFIC_COUNT_TOKENS;
    }
    if (x->asked.dialect == DIALECT_BEDROCK) {
        return !x->attempt.number                          ? TRAFFIC_BEDROCK_NONE
               : x->asked.model.transport == MODELS_INVOKE ? TRAFFIC_BEDROCK_INVOKE
                                                           : TRAFFIC_BEDROCK_CONVERSE;
    }
    if (x->asked.dialect == DIALECT_RESPONSES) {
        return !x->attempt.number       ? TRAFFIC_RESPONSES_NONE
               : x->attempt.native.here ? TRAFFIC_RESPONSES_NATIVE
                                        : TRAFFIC_RESPONSES_CONVERSE;
    }
    if (x->asked.dialect == DIALECT_OPENAI) {
        return !x->attempt.number       ? TRAFFIC_CHAT_NONE
               : x->attempt.native.here ? TRAFFIC_CHAT_NATIVE
                                        : TRAFFIC_CHAT_CONVERSE;
    }
    if (!x->attempt.number) {
        return TRAFFIC_MESSAGES_NONE;
    }
    return x->asked.model.transport == MODELS_INVOKE ? TRAFFIC_MESSAGES_INVOKE
                                                     : TRAFFIC_MESSAGES_CONVERSE;
}

void metrics_count(const struct exchange *x)
{
    uint64_t first_us = x->attempt.transfer.first_ns > x->began_ns
                            ? (x->attempt.transfer.first_ns - x->began_ns) / 1000u
                            : 0;
    traffic_count(counters_traffic(traffic_of(x)), class_of(x), first_us,
                  (clock_now_ns() - x->began_ns) / 1000u);
}

enum verdict metrics_answer(struct exchange *x)
{
    struct buf body;
    if (x->worker->config->metrics_auth && x->caller.who != CALLER_MASTER &&
        x->caller.who != CALLER_SCRAPER) {
        x->outcome.refused = COUNTER_REFUSED_MASTER_ONLY;
        err_set(&x->outcome.err, STATUS_PERMISSION,
                "/metrics needs METRICS_TOKEN or the master key (or METRICS_TOKEN=off)");
        return VERDICT_FAIL;
    }
    buf_init(&body, BODY_MAX);
    metrics_print(x->worker->segment, &x->worker->config->lanes, clock_real_ms(), &body);
    bool whole = answer_whole(x, &body) == STATUS_OK;
    if (whole) {
        answer_begin(x, 200);
        http_out_body(x->conn, STR("text/plain; version=0.0.4; charset=utf-8"), buf_str(&body));
    }
    buf_free(&body);
    return whole ? VERDICT_DONE : VERDICT_FAIL;
}
