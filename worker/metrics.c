#include "worker/metrics.h"

#include "server/clock.h"
#include "shm/counters.h"
#include "shm/journal.h"
#include "shm/scoreboard.h"
#include "worker/answer.h"

#define BODY_MAX 65536
#define PREFIX   "llm_api_converter_"

static void put_counters(const struct segment *s, struct buf *out)
{
    for (enum counter c = 0; c < COUNTER_COUNT; c++) {
        const char *name = counters_name(c);
        buf_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s counter\n" PREFIX "%s %llu\n",
                   name, counters_help(c), name, name, (unsigned long long)counters_sum(s, c));
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

enum verdict metrics_answer(struct exchange *x)
{
    struct buf body;
    if (x->worker->config->metrics_auth && x->who != EXCHANGE_MASTER) {
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
