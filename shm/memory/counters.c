#include "shm/memory/counters.h"

#include <assert.h>
#include <string.h>

static const struct counters_row rows[COUNTER_COUNT] = {
#define ROW(name, prom, help) {prom, help, NULL, NULL, NULL},
    COUNTERS_TABLE(ROW)
#undef ROW
#define ROW(name, word, meaning)                                                              \
    {"refusals_cured_total", "Refusals of Bedrock's that an attempt without the thing cured", \
     "what", word, meaning},
        LEARNED_TABLE(ROW)
#undef ROW
#define ROW(name, reason, meaning)                                                              \
    {"refusals_total", "Requests that the gateway itself refused, by reason", "reason", reason, \
     meaning},
            COUNTERS_REFUSALS(ROW)
#undef ROW
#define ROW(name, type, meaning)                                                              \
    {"upstream_errors_total", "Attempts that Bedrock or the network failed, by type", "type", \
     type, meaning},
                COUNTERS_UPSTREAM(ROW)
#undef ROW
};

/* Until counters_enter (subcommands, unit tests) nobody reads what is counted. */
static struct counters_block nobody;
static struct counters_block *mine = &nobody;

size_t counters_area_size(uint32_t workers)
{
    return (workers + 1) * sizeof(struct counters_block);
}

void counters_enter(struct segment *s, uint32_t slot)
{
    assert(slot <= s->header->workers);
    mine = &s->counters[slot];
}

/* One writer a word: a plain load and store do, without the bus lock of an atomic add. */
void counters_add(enum counter c, uint64_t n)
{
    uint64_t before = atomic_load_explicit(&mine->value[c], memory_order_relaxed);
    atomic_store_explicit(&mine->value[c], before + n, memory_order_relaxed);
}

void counters_set(enum counter c, uint64_t n)
{
    atomic_store_explicit(&mine->value[c], n, memory_order_relaxed);
}

uint64_t counters_sum(const struct segment *s, enum counter c)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i <= s->header->workers; i++) {
        sum += atomic_load_explicit(&s->counters[i].value[c], memory_order_relaxed);
    }
    return sum;
}

struct traffic_row *counters_traffic(enum traffic t)
{
    return &mine->traffic[t];
}

void counters_traffic_sum(const struct segment *s, enum traffic t, struct traffic_row *sum_out)
{
    *sum_out = (struct traffic_row){0};
    for (uint32_t i = 0; i <= s->header->workers; i++) {
        traffic_merge(&s->counters[i].traffic[t], sum_out);
    }
}

void counters_wait(uint64_t us)
{
    traffic_time(&mine->waits, us);
}

void counters_waits_sum(const struct segment *s, struct traffic_times *sum_out)
{
    *sum_out = (struct traffic_times){0};
    for (uint32_t i = 0; i <= s->header->workers; i++) {
        traffic_merge_times(&s->counters[i].waits, sum_out);
    }
}

void counters_note_ending(uint64_t hash)
{
    for (size_t i = 0; i < COUNTERS_ENDING; i++) {
        uint64_t there = atomic_load_explicit(&mine->ending[i], memory_order_relaxed);
        if (there == hash) {
            return;
        }
        if (there == 0) {
            atomic_store_explicit(&mine->ending[i], hash, memory_order_relaxed);
            return;
        }
    }
}

bool counters_noted_ending(const struct segment *s, uint64_t hash)
{
    for (uint32_t i = 0; i <= s->header->workers; i++) {
        for (size_t k = 0; k < COUNTERS_ENDING; k++) {
            if (atomic_load_explicit(&s->counters[i].ending[k], memory_order_relaxed) == hash) {
                return true;
            }
        }
    }
    return false;
}

const struct counters_row *counters_row(enum counter c)
{
    assert(c < COUNTER_COUNT);
    return &rows[c];
}

bool counters_is_first(enum counter c)
{
    return c == 0 || strcmp(rows[c].family, rows[c - 1].family) != 0;
}
