#include "worker/door/metrics.h"

#include "server/base/clock.h"
#include "shm/memory/counters.h"
#include "shm/memory/journal.h"
#include "shm/memory/scoreboard.h"
#include "worker/turn/answer.h"
#include "worker/exchange/routes.h"

#define BODY_MAX 262144
#define PREFIX   "llm_api_converter_"

static void put_family(struct buf *out, const char *name, const char *help, const char *type)
{
    buf_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

static void put_counters(const struct segment *s, struct buf *out)
{
    for (enum counter c = 0; c < COUNTER_COUNT; c++) {
        const struct counters_row *row = counters_row(c);
        if (counters_is_first(c)) {
            put_family(out, row->family, row->help, "counter");
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
    struct traffic_labels l = traffic_labels(t);
    buf_printf(out, "{route=\"%s\",dialect=\"%s\",transport=\"%s\"", l.route, l.dialect,
               l.transport);
}

static void put_classes(const struct traffic_row rows[TRAFFIC_COUNT], struct buf *out)
{
    put_family(out, "requests_ended_total", "Requests by what was asked and what became of it",
               "counter");
    for (unsigned i = 0; i < TRAFFIC_COUNT * TRAFFIC_CLASSES; i++) {
        enum traffic t = i / TRAFFIC_CLASSES;
        enum traffic_class class = i % TRAFFIC_CLASSES;
        buf_put_str(out, STR(PREFIX "requests_ended_total"));
        put_labels(out, t);
        buf_printf(out, ",class=\"%s\"} %llu\n", traffic_class_name(class),
                   (unsigned long long)atomic_load(&rows[t].requests[class]));
    }
}

static void put_histogram(const struct traffic_times *times, enum traffic t, const char *name,
                          struct buf *out)
{
    unsigned long long count = 0, sum = atomic_load(&times->sum_us);
    for (unsigned i = 0; i <= TRAFFIC_BOUNDS; i++) {
        count += atomic_load(&times->bucket[i]);
        buf_printf(out, PREFIX "%s_bucket", name);
        put_labels(out, t);
        buf_printf(out, ",le=\"%s\"} %llu\n", traffic_bound(i), count);
    }
    buf_printf(out, PREFIX "%s_sum", name);
    put_labels(out, t);
    buf_printf(out, "} %llu.%06llu\n" PREFIX "%s_count", sum / 1000000u, sum % 1000000u, name);
    put_labels(out, t);
    buf_printf(out, "} %llu\n", count);
}

static void put_traffic(const struct segment *s, struct buf *out)
{
    struct traffic_row rows[TRAFFIC_COUNT];
    for (enum traffic t = 0; t < TRAFFIC_COUNT; t++) {
        counters_traffic_sum(s, t, &rows[t]);
    }
    put_classes(rows, out);
    put_family(out, "request_duration_seconds", "From the headers to the end of the answer",
               "histogram");
    for (enum traffic t = 0; t < TRAFFIC_COUNT; t++) {
        put_histogram(&rows[t].total, t, "request_duration_seconds", out);
    }
    put_family(out, "first_byte_seconds", "From the headers to Bedrock's first byte", "histogram");
    for (enum traffic t = 0; t < TRAFFIC_COUNT; t++) {
        put_histogram(&rows[t].first, t, "first_byte_seconds", out);
    }
}

static void gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
    buf_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s gauge\n" PREFIX "%s %llu\n", name,
               help, name, name, (unsigned long long)value);
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
    gauge(out, "usage_journal_open", "Usage records of requests that run", depth.open);
    gauge(out, "usage_journal_waiting", "Usage records that the store does not have yet",
          depth.closed);
    gauge(out, "usage_journal_records", "Room for usage records", depth.records);
    gauge(out, "usage_journal_in_memory", "1: there is no file, records would not outlive all",
          journal_in_memory(s->journal));
}

void metrics_print(const struct segment *s, int64_t now_real_ms, struct buf *out)
{
    struct processes p = sum_processes(s);
    put_counters(s, out);
    put_traffic(s, out);
    put_family(out, "build_info", "1, labelled with the version of the program", "gauge");
    buf_put_str(out, STR(PREFIX "build_info{version=\"" VERSION "\"} 1\n"));
    gauge(out, "workers_ready", "Workers that serve", p.workers_ready);
    gauge(out, "process_restarts", "Processes started again since the start", p.restarts);
    gauge(out, "connections_open", "Client connections open now", p.connections);
    gauge(out, "requests_open", "Requests open now", p.requests_open);
    gauge(out, "keys", "Keys in the table", directory_count(s));
    gauge(out, "key_table_generation", "Publications of the key table", directory_generation(s));
    gauge(out, "key_table_age_milliseconds", "Since the store last confirmed the key table",
          directory_generation(s) ? directory_age_ms(s, now_real_ms) : 0);
    put_journal(s, out);
    gauge(out, "uptime_seconds", "Since the start of the master",
          (uint64_t)(now_real_ms - (int64_t)s->header->epoch) / 1000);
}

static enum traffic_class class_of(const struct exchange *x)
{
    bool broke = x->err.code != STATUS_OK || (x->reply && x->reply->failed);
    /* 499: exchange_gone */
    if (x->status == 499 || x->status < 200 || (x->status < 400 && broke)) {
        return TRAFFIC_ABORTED;
    }
    return x->status < 400 ? TRAFFIC_2XX : x->status < 500 ? TRAFFIC_4XX : TRAFFIC_5XX;
}

static enum traffic traffic_of(const struct exchange *x)
{
    if (!x->route || x->route->answer) {
        return x->route && !x->route->needs_key ? TRAFFIC_PUBLIC : TRAFFIC_OTHER;
    }
    if (x->route->limit == ROUTE_COUNTING) {
        return TRAFFIC_COUNT_TOKENS;
    }
    if (x->dialect == DIALECT_OPENAI) {
        return x->attempts ? TRAFFIC_CHAT_CONVERSE : TRAFFIC_CHAT_NONE;
    }
    if (!x->attempts) {
        return TRAFFIC_MESSAGES_NONE;
    }
    return x->model.transport == MODELS_INVOKE ? TRAFFIC_MESSAGES_INVOKE
                                               : TRAFFIC_MESSAGES_CONVERSE;
}

void metrics_count(const struct exchange *x)
{
    uint64_t first_us = x->first_ns > x->began_ns ? (x->first_ns - x->began_ns) / 1000u : 0;
    traffic_count(counters_traffic(traffic_of(x)), class_of(x), first_us,
                  (clock_now_ns() - x->began_ns) / 1000u);
}

enum verdict metrics_answer(struct exchange *x)
{
    struct buf body;
    if (x->worker->config->metrics_auth && x->who != EXCHANGE_MASTER) {
        x->refused = COUNTER_REFUSED_MASTER_ONLY;
        err_set(&x->err, STATUS_PERMISSION, "/metrics needs the master key (or METRICS_AUTH=off)");
        return VERDICT_FAIL;
    }
    buf_init(&body, BODY_MAX);
    metrics_print(x->worker->segment, clock_real_ms(), &body);
    answer_begin(x, 200);
    http_out_body(x->conn, STR("text/plain; version=0.0.4; charset=utf-8"), buf_str(&body));
    buf_free(&body);
    return VERDICT_DONE;
}
