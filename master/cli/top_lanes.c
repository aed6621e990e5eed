#include "master/cli/top_lanes.h"

#include <stdio.h>

#include "server/base/clock.h"
#include "shm/memory/counters.h"
#include "shm/memory/lane_names.h"
#include "shm/memory/sticks.h"
#include "shm/memory/turns.h"

static void member(struct json_out *w, const char *name, uint64_t value)
{
    json_key(w, text_from(name));
    json_i64(w, (int64_t)value);
}

/* Now. */
static uint32_t waiting(const struct segment *s)
{
    return turns_all_waiting(s, clock_mono_ms());
}

static uint32_t conversations(const struct segment *s)
{
    return sticks_count(s, clock_mono_ms() / 1000u);
}

void top_lanes_print(const struct segment *s, const struct config_lanes *l)
{
    printf("waiting for their turn: %u of %llu that had to; moves between models: %llu", waiting(s),
           (unsigned long long)counters_sum(s, COUNTER_QUEUED),
           (unsigned long long)counters_sum(s, COUNTER_MODEL_MOVES));
    printf(l->n ? "; conversations away from home: %u\n" : "\n", conversations(s));
    for (unsigned i = 0; i < l->n; i++) {
        enum lanes_why why;
        unsigned slot = lane_names_slot(s, l->lane[i].id);
        uint32_t closed = lanes_closed_models(s, slot, clock_mono_ms(), &why);
        printf("lane %-24s", l->lane[i].name);
        for (int what = 0; what < LANES_COUNT_COUNT; what++) {
            printf(" %s %llu", lanes_count_word((enum lanes_count)what),
                   (unsigned long long)lanes_sum(s, slot, (enum lanes_count)what));
        }
        printf(closed ? ", closed to %u models (%s)\n" : ", open\n", closed, lanes_word(why));
    }
    putchar('\n');
}

void top_lanes_json(const struct segment *s, const struct config_lanes *l, struct json_out *w)
{
    member(w, "queue_waiting", waiting(s));
    if (l->n == 0) {
        return;
    }
    member(w, "conversations_moved", conversations(s));
    JSON_KEY(w, "lanes");
    json_array(w);
    for (unsigned i = 0; i < l->n; i++) {
        enum lanes_why why;
        unsigned slot = lane_names_slot(s, l->lane[i].id);
        json_object(w);
        JSON_KEY(w, "name");
        json_str(w, text_from(l->lane[i].name));
        for (int what = 0; what < LANES_COUNT_COUNT; what++) {
            member(w, lanes_count_word((enum lanes_count)what),
                   lanes_sum(s, slot, (enum lanes_count)what));
        }
        member(w, "closed_models", lanes_closed_models(s, slot, clock_mono_ms(), &why));
        JSON_KEY(w, "why");
        json_str(w, text_from(lanes_word(why)));
        json_object_end(w);
    }
    json_array_end(w);
}
