#include "shm/memory/traffic.h"

#include <assert.h>

static const struct traffic_labels labels[TRAFFIC_COUNT] = {
#define ROW(name, route, dialect, transport) {route, dialect, transport},
    TRAFFIC_TABLE(ROW)
#undef ROW
};

static const char *const classes[TRAFFIC_CLASSES] = {"2xx", "4xx", "5xx", "aborted"};

/* From a refusal (5 ms) to the longest answer that the default time limits allow (600 s). */
static const struct {
    uint64_t us;
    const char *seconds;
} bounds[TRAFFIC_BOUNDS] = {
    {5000, "0.005"},  {10000, "0.01"},    {25000, "0.025"},   {50000, "0.05"},
    {100000, "0.1"},  {250000, "0.25"},   {500000, "0.5"},    {1000000, "1"},
    {2500000, "2.5"}, {5000000, "5"},     {10000000, "10"},   {30000000, "30"},
    {60000000, "60"}, {120000000, "120"}, {300000000, "300"}, {600000000, "600"},
};

/* One writer a word: a plain load and store do. */
static void add(_Atomic uint64_t *word, uint64_t n)
{
    uint64_t before = atomic_load_explicit(word, memory_order_relaxed);
    atomic_store_explicit(word, before + n, memory_order_relaxed);
}

void traffic_time(struct traffic_times *t, uint64_t us)
{
    unsigned i = 0;
    while (i < TRAFFIC_BOUNDS && us > bounds[i].us) {
        i++;
    }
    add(&t->bucket[i], 1);
    add(&t->sum_us, us);
}

void traffic_count(struct traffic_row *r, enum traffic_class class, uint64_t first_us,
                   uint64_t total_us)
{
    assert(class < TRAFFIC_CLASSES);
    add(&r->requests[class], 1);
    traffic_time(&r->total, total_us);
    if (first_us) {
        traffic_time(&r->first, first_us);
    }
}

static void merge_word(const _Atomic uint64_t *from, _Atomic uint64_t *into)
{
    add(into, atomic_load_explicit(from, memory_order_relaxed));
}

void traffic_merge_times(const struct traffic_times *from, struct traffic_times *into)
{
    for (unsigned i = 0; i <= TRAFFIC_BOUNDS; i++) {
        merge_word(&from->bucket[i], &into->bucket[i]);
    }
    merge_word(&from->sum_us, &into->sum_us);
}

void traffic_merge(const struct traffic_row *from, struct traffic_row *into)
{
    for (unsigned i = 0; i < TRAFFIC_CLASSES; i++) {
        merge_word(&from->requests[i], &into->requests[i]);
    }
    traffic_merge_times(&from->first, &into->first);
    traffic_merge_times(&from->total, &into->total);
}

struct traffic_labels traffic_labels(enum traffic t)
{
    return labels[t];
}

const char *traffic_class_name(enum traffic_class class)
{
    return classes[class];
}

const char *traffic_bound(unsigned bucket)
{
    return bucket < TRAFFIC_BOUNDS ? bounds[bucket].seconds : "+Inf";
}
