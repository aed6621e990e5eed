#include "master/supervise/ending.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "master/supervise/sandbox.h"
#include "worker/exchange/exchange.h"

const char *ending_exchange(const struct scoreboard_end *e)
{
    bool known = e->exchange >= 1 && e->exchange <= 1 + EXCHANGE_DONE; /* a worker's word */
    return known ? exchange_state_name((enum exchange_state)(e->exchange - 1)) : NULL;
}

/* Appends to out. */
static void add(char *out, const char *before, const char *text)
{
    size_t n = strlen(out);
    snprintf(out + n, ENDING_MAX - n, "%s%s", before, text);
}

void ending_describe(const struct scoreboard_end *e, char out[ENDING_MAX])
{
    const char *exchange = ending_exchange(e);
    if (WIFSIGNALED(e->status)) {
        const char *name = sigabbrev_np(WTERMSIG(e->status));
        snprintf(out, ENDING_MAX, "was killed by SIG%s%s", name ? name : "?",
                 sandbox_explain(WTERMSIG(e->status)));
    } else {
        snprintf(out, ENDING_MAX, "ended with code %d", WEXITSTATUS(e->status));
    }
    if (exchange) {
        add(out, "; its last exchange was in ", exchange);
    }
    if (e->panic[0]) {
        add(out, "; ", e->panic);
    }
}
