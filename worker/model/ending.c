#include "worker/model/ending.h"

#include <stdio.h>

#include "shm/catalogue/catalogue.h"
#include "shm/catalogue/region.h"

#define NEAR_DAYS 90
#define DAY_MS    86400000ll

/* Since 1 January 1970. No calendar of the C library, which has a time zone: a year begins in March
 * here, which puts the leap day at its end. */
static int64_t day_number(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + in_year - 719468;
}

static int64_t day_begins(struct str date)
{
    uint64_t year, month, day;
    if (date.n != 10 || !text_u64(text_sub(date, 0, 4), &year) ||
        !text_u64(text_sub(date, 5, 2), &month) || !text_u64(text_sub(date, 8, 2), &day)) {
        return 0;
    }
    return day_number((int64_t)year, (int64_t)month, (int64_t)day) * DAY_MS;
}

bool ending_is_near(int64_t ends_ms, int64_t now_ms)
{
    return ends_ms && ends_ms - now_ms <= NEAR_DAYS * DAY_MS;
}

/* 0: it has no row of its own, or that has no end. */
static int64_t look(struct str id, struct catalogue_status *out)
{
    const struct catalogue_row *row = catalogue_find(id);
    if (!catalogue_is_exact(row, id)) {
        return 0;
    }
    catalogue_status(row, out);
    return out->state == CATALOGUE_ACTIVE ? 0 : day_begins(out->date);
}

int64_t ending_at(struct str id)
{
    struct catalogue_status status;
    return look(id, &status);
}

static void describe(struct str id, const struct catalogue_status *s, int64_t days,
                     char text_out[ENDING_TEXT_MAX])
{
    char when[40] = "";
    if (days > 0) {
        snprintf(when, sizeof when, ", in %lld day%s", (long long)days, days == 1 ? "" : "s");
    }
    snprintf(text_out, ENDING_TEXT_MAX, "%.*s %s on %.*s%s%s%.*s", (int)(id.n < 160 ? id.n : 160),
             id.p, days > 0 ? "ends" : "ended", STR_ARG(s->date), when, s->use.n ? "; use " : "",
             (int)(s->use.n < 100 ? s->use.n : 0), s->use.p);
}

bool ending_tell(struct str id, int64_t now_ms, char text_out[ENDING_TEXT_MAX])
{
    struct catalogue_status status;
    int64_t ends_ms = look(id, &status);
    if (!ending_is_near(ends_ms, now_ms)) {
        return false;
    }
    describe(region_base(id), &status, (ends_ms - now_ms + DAY_MS - 1) / DAY_MS, text_out);
    return true;
}
