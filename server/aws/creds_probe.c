#include "server/aws/creds_probe.h"

#include <string.h>

#include "server/aws/creds.h"
#include "server/net/fetch.h"
#include "server/net/loop.h"

struct probe {
    struct loop *loop;
    bool found;
};

static void on_creds(void *owner, const struct creds_value *now, const struct err *err)
{
    struct probe *p = owner;
    (void)err;
    p->found = now && strcmp(now->source, "instance") == 0;
    loop_stop(p->loop);
}

static void out_of_time(struct loop *loop, void *owner)
{
    (void)owner;
    loop_stop(loop);
}

/* A loop of its own, as each call to DynamoDB has: whoever asks waits anyway. */
bool creds_probe_instance(uint32_t ms)
{
    static const struct fetch_options fetch_options = {.pool = 1};
    static const struct creds_options creds_options = {.region = "us-east-1"};
    struct probe p = {.loop = loop_new(NULL)};
    struct fetch_client *fetch = p.loop ? fetch_client_new(p.loop, &fetch_options, NULL) : NULL;
    struct creds *creds = fetch ? creds_new(p.loop, fetch, &creds_options, on_creds, &p) : NULL;
    struct loop_timer timer = {0};
    if (creds) {
        loop_timer_in(p.loop, &timer, ms, out_of_time, NULL);
        creds_start(creds);
        loop_run(p.loop);
        loop_timer_cancel(p.loop, &timer);
    }
    creds_drop(creds);
    if (fetch) {
        fetch_client_drop(fetch);
    }
    if (p.loop) {
        loop_drop(p.loop);
    }
    return p.found;
}
