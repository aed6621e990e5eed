#include "worker/door/lane_metrics.h"

#include "server/base/clock.h"
#include "shm/memory/lane_names.h"
#include "shm/memory/sticks.h"

#define LABEL "lane"

static const struct metrics_family families[] = {
#define FAMILY(name, prom, help) {prom, "counter", LABEL, help},
    LANES_COUNTS(FAMILY)
#undef FAMILY
        {"lane_closed_models", "gauge", LABEL ",why", "Models to which the lane is closed now"},
    {"conversations_moved", "gauge", "",
     "Conversations that stay on a lane to which they had to move"},
};

bool lane_metrics_family(size_t i, struct metrics_family *out)
{
    if (i < COUNT_OF(families)) {
        *out = families[i];
    }
    return i < COUNT_OF(families);
}

static const struct metrics_family *put_head(size_t i, struct buf *out)
{
    const struct metrics_family *f = &families[i];
    buf_printf(out, "# HELP " METRICS_PREFIX "%s %s\n# TYPE " METRICS_PREFIX "%s %s\n", f->name,
               f->help, f->name, f->type);
    return f;
}

static unsigned slot_of(const struct segment *s, const struct config_lanes *l, unsigned lane)
{
    return lane_names_slot(s, l->lane[lane].id);
}

static void put_closed(const struct segment *s, const struct config_lanes *lanes, struct buf *out)
{
    const struct metrics_family *f = put_head(LANES_COUNT_COUNT, out);
    for (unsigned lane = 0; lane < lanes->n; lane++) {
        enum lanes_why why;
        uint32_t n = lanes_closed_models(s, slot_of(s, lanes, lane), clock_mono_ms(), &why);
        buf_printf(out, METRICS_PREFIX "%s{lane=\"%s\",why=\"%s\"} %u\n", f->name,
                   lanes->lane[lane].name, lanes_word(why), n);
    }
}

void lane_metrics_put(const struct segment *s, const struct config_lanes *lanes, struct buf *out)
{
    if (lanes->n == 0) {
        return;
    }
    for (size_t i = 0; i < LANES_COUNT_COUNT; i++) {
        const struct metrics_family *f = put_head(i, out);
        for (unsigned lane = 0; lane < lanes->n; lane++) {
            buf_printf(
                out, METRICS_PREFIX "%s{lane=\"%s\"} %llu\n", f->name, lanes->lane[lane].name,
                (unsigned long long)lanes_sum(s, slot_of(s, lanes, lane), (enum lanes_count)i));
        }
    }
    put_closed(s, lanes, out);
    buf_printf(out, METRICS_PREFIX "%s %u\n", put_head(LANES_COUNT_COUNT + 1, out)->name,
               sticks_count(s, clock_mono_ms() / 1000u));
}
