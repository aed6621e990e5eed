#include "worker/turn/wait.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/base/text.h"

#define LONG_S   60
#define VAIN     (-1) /* in retry_after_s */
#define MINUTE_S 60u
#define HOUR_S   3600u
#define DAY_S    86400u

/* Rounded up, in the largest unit of which there are more than two. */
static void how_long(uint64_t s, char *out, size_t size)
{
    static const struct {
        uint64_t s;
        const char *name;
    } units[] = {{DAY_S, "days"}, {HOUR_S, "hours"}, {MINUTE_S, "minutes"}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (s > 2 * units[i].s) {
            snprintf(out, size, "%llu %s", (unsigned long long)((s + units[i].s - 1) / units[i].s),
                     units[i].name);
            return;
        }
    }
    snprintf(out, size, "%llu s", (unsigned long long)s);
}

void wait_say(struct err *err, const char *verb, uint64_t wait_s)
{
    char length[32], when[25];
    size_t n = strlen(err->text), room = sizeof err->text - n;
    wait_s = wait_s ? wait_s : 1;
    wait_s = wait_s < INT_MAX ? wait_s : INT_MAX;
    err->retry_after_s = (int)wait_s;
    how_long(wait_s, length, sizeof length);
    if (wait_s <= LONG_S) {
        snprintf(err->text + n, room, "; %s in %s", verb, length);
        return;
    }
    clock_rfc3339(clock_real_ms() + (int64_t)wait_s * 1000, when);
    snprintf(err->text + n, room, "; %s in %s, at %.10s %.8s UTC", verb, length, when, when + 11);
}

void wait_is_vain(struct err *err)
{
    err->retry_after_s = VAIN;
}

uint64_t wait_retry_after(const struct err *err)
{
    bool busy = err->code == STATUS_BUSY && !err->retry_after_s;
    return err->retry_after_s > 0 ? (uint64_t)err->retry_after_s : busy;
}

int wait_should_retry(const struct err *err)
{
    int by_status = err_row(err->code)->should_retry;
    bool final = err->retry_after_s == VAIN || err->retry_after_s > LONG_S;
    return by_status < 0 && final ? 0 : by_status;
}
