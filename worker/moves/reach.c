#include "worker/moves/reach.h"

#include <string.h>

#include "shm/catalogue/region.h"
#include "shm/memory/lane_names.h"

static uint8_t serving(const struct config_lanes *l, struct str id)
{
    uint8_t lanes = 0;
    for (unsigned i = 0; i < l->n; i++) {
        bool serves =
            region_serves(text_from(l->lane[i].region), id, text_from(l->lane[LANES_HOME].region));
        lanes |= (uint8_t)(serves ? 1u << i : 0);
    }
    return lanes;
}

static uint8_t of_account(const struct config_lanes *l, unsigned lane)
{
    uint8_t lanes = 0;
    for (unsigned i = 0; i < l->n; i++) {
        bool same = strcmp(l->lane[i].account, l->lane[lane].account) == 0;
        lanes |= (uint8_t)(same ? 1u << i : 0);
    }
    return lanes;
}

void reach_keep(const struct exchange *x, struct reach *out)
{
    const struct config_lanes *l = &x->worker->config->lanes;
    const struct attempt_lane *a = &x->attempt.lane;
    *out = (struct reach){0};
    if (l->n > 0 && a->able) {
        *out = (struct reach){.own = a->bound ? a->able & of_account(l, a->origin) : a->able,
                              .others = serving(l, x->asked.model.id),
                              .model = a->model};
    }
}

/* Of those the ones that can be signed for, by their slots in shared memory. */
static unsigned slots_of(const struct worker *w, uint8_t lanes)
{
    const struct config_lanes *l = &w->config->lanes;
    unsigned slots = 0;
    for (unsigned i = 0; i < l->n; i++) {
        if (lanes >> i & 1 &&
            (w->config->bedrock_api_key[0] || keyring_has(w->segment, w->config, i))) {
            slots |= 1u << lane_names_slot(w->segment, l->lane[i].id);
        }
    }
    return slots;
}

bool reach_is_shut(const struct worker *w, const struct reach *r, uint64_t now_ms)
{
    uint64_t until_ms;
    if (r->own == r->others || !lanes_any(w->segment, now_ms)) { /* as all others are */
        return false;
    }
    unsigned others = slots_of(w, r->others);
    return lanes_all_closed(w->segment, slots_of(w, r->own), r->model, now_ms, &until_ms) &&
           others != 0 && !lanes_all_closed(w->segment, others, r->model, now_ms, &until_ms);
}
