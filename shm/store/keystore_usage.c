#include "shm/store/keystore_usage.h"

#include <string.h>

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

/* Months compare as text. A late row of a month that is over belongs to that month's history. */
void keystore_budget_add(struct keystore_budget *b, const char *month, uint64_t cost_micro)
{
    int order = strcmp(month, b->month);
    b->used_micro = plus(b->used_micro, cost_micro);
    b->history_month[0] = '\0';
    b->history_micro = 0;
    if (order < 0) {
        text_copy(text_from(month), b->history_month, sizeof b->history_month);
        b->history_micro = plus(0, cost_micro);
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
    b->mtd_micro = plus(b->mtd_micro, cost_micro);
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

bool keystore_budget_correct(struct keystore_budget *b, const char *month, uint64_t was_micro,
                             uint64_t right_micro, bool in_month)
{
    int order = strcmp(month, b->month);
    int64_t by = whole(right_micro) - whole(was_micro);
    b->history_month[0] = '\0';
    b->history_micro = 0;
    if (order > 0 && was_micro > 0) {
        return false;
    }
    if (order > 0) {
        keystore_budget_add(b, month, right_micro);
        b->history_micro = (b->history_micro + 5000) / 10000 * 10000;
        return true;
    }
    b->used_micro = moved(b->used_micro, by);
    if (order < 0) {
        text_copy(text_from(month), b->history_month, sizeof b->history_month);
        b->history_micro = by;
    } else if (in_month) {
        b->mtd_micro = moved(b->mtd_micro, by);
        set_active(b);
    }
    return true;
}

void keystore_budget_reset(struct keystore_budget *b)
{
    b->history_month[0] = '\0';
    b->mtd_micro = 0;
    set_active(b);
}
