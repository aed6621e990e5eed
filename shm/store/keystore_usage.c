#include "shm/store/keystore_usage.h"

#include <string.h>

#include "server/base/clock.h"

#define MICRO_MAX 1000000000000000000ll /* a trillion dollars: sums stay inside int64_t */

static int64_t plus(int64_t sum, uint64_t micro)
{
    return micro > (uint64_t)(MICRO_MAX - sum) ? MICRO_MAX : sum + (int64_t)micro;
}

static void set_active(struct keystore_budget *b)
{
    bool spent = b->limit_micro > 0 && b->mtd_micro >= b->limit_micro;
    bool by_budget = strcmp(b->reason, "budget_exceeded") == 0;
    if (b->active && spent) {
        b->active = false;
        text_copy(STR("budget_exceeded"), b->reason, sizeof b->reason);
    } else if (!b->active && by_budget && !spent) {
        b->active = true;
        b->reason[0] = '\0';
    }
}

/* Is the request one of those whose month was set back after they had ended? order: its month's to
 * that of the sums. Of a month that is over only what was set back in it is known. */
static bool is_forgiven(const struct keystore_budget *b, const char *month, int order,
                        int64_t ended_ms)
{
    char reset_month[8];
    clock_month(b->reset_ms, reset_month);
    return ended_ms < b->reset_ms && (order >= 0 || strcmp(month, reset_month) == 0);
}

/* Months compare as text. A late row of a month that is over belongs to that month's history. */
void keystore_budget_add(struct keystore_budget *b, int64_t started_ms, int64_t ended_ms,
                         uint64_t cost_micro)
{
    char month[8];
    clock_month(started_ms, month);
    int order = strcmp(month, b->month);
    bool forgiven = is_forgiven(b, month, order, ended_ms);
    b->used_micro = plus(b->used_micro, cost_micro);
    b->history_month[0] = '\0';
    b->history_micro = 0;
    if (order < 0 && !forgiven) {
        text_copy(text_from(month), b->history_month, sizeof b->history_month);
        b->history_micro = plus(0, cost_micro);
    }
    if (order < 0) {
        return;
    }
    if (order > 0) {
        if (b->month[0] && b->mtd_micro > 0) {
            text_copy(text_from(b->month), b->history_month, sizeof b->history_month);
            b->history_micro = b->mtd_micro;
        }
        text_copy(text_from(month), b->month, sizeof b->month);
        b->mtd_micro = 0;
    }
    b->mtd_micro = plus(b->mtd_micro, forgiven ? 0 : cost_micro);
    set_active(b);
}

static int64_t moved(int64_t sum, int64_t by)
{
    sum = by > 0 ? plus(sum, (uint64_t)by) : sum + by;
    return sum > 0 ? sum : 0;
}

static int64_t whole(uint64_t micro)
{
    return micro < MICRO_MAX ? (int64_t)micro : MICRO_MAX;
}

bool keystore_budget_correct(struct keystore_budget *b, int64_t started_ms, int64_t ended_ms,
                             uint64_t was_micro, uint64_t right_micro)
{
    char month[8];
    clock_month(started_ms, month);
    int order = strcmp(month, b->month);
    int64_t by = whole(right_micro) - whole(was_micro);
    b->history_month[0] = '\0';
    b->history_micro = 0;
    if (order > 0 && was_micro > 0) {
        return false;
    }
    if (order > 0) {
        keystore_budget_add(b, started_ms, ended_ms, right_micro);
        b->history_micro = (b->history_micro + 5000) / 10000 * 10000;
        return true;
    }
    b->used_micro = moved(b->used_micro, by);
    if (is_forgiven(b, month, order, ended_ms)) {
        return true;
    }
    if (order < 0) {
        text_copy(text_from(month), b->history_month, sizeof b->history_month);
        b->history_micro = by;
    } else {
        b->mtd_micro = moved(b->mtd_micro, by);
        set_active(b);
    }
    return true;
}

void keystore_budget_reset(struct keystore_budget *b, int64_t now_ms)
{
    b->history_month[0] = '\0';
    b->mtd_micro = 0;
    b->reset_ms = now_ms;
    set_active(b);
}
