#include "server/base/clock.h"

#include <assert.h>
#include <string.h>
#include <time.h>

static uint64_t mono_ns;
static int64_t real_ms;
static int64_t frozen_ms;

static const char day_names[] = "SunMonTueWedThuFriSat";
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

uint64_t clock_now_ns(void)
{
    struct timespec t;
    int rc = clock_gettime(CLOCK_MONOTONIC, &t);
    assert(rc == 0);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

int64_t clock_real_now_ms(void)
{
    if (frozen_ms != 0) {
        return frozen_ms;
    }
    struct timespec t;
    int rc = clock_gettime(CLOCK_REALTIME, &t);
    assert(rc == 0);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void clock_tick(void)
{
    mono_ns = clock_now_ns();
    real_ms = clock_real_now_ms();
}

uint64_t clock_mono_ns(void)
{
    return mono_ns;
}

uint64_t clock_mono_ms(void)
{
    return mono_ns / 1000000U;
}

int64_t clock_real_ms(void)
{
    return real_ms;
}

void clock_freeze_real_ms(int64_t ms)
{
    frozen_ms = ms;
    real_ms = clock_real_now_ms();
}

/* Floor, so that the rest of the second is 0..999 before 1970 too. */
static int64_t whole_seconds(int64_t ms)
{
    return (ms - (ms % 1000 + 1000) % 1000) / 1000;
}

static struct tm calendar(int64_t ms)
{
    time_t seconds = (time_t)whole_seconds(ms);
    struct tm tm;
    struct tm *ok = gmtime_r(&seconds, &tm);
    assert(ok);
    return tm;
}

static char *put_digits(char *out, int value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + digits;
}

/* Fills each run of a letter in the picture: y year, n month, d day, h, m, s, z milliseconds; N and
 * W are the names of month and weekday. Other characters are copied. strftime would obey the
 * locale. */
static void print(int64_t ms, const char *picture, char *out)
{
    struct tm tm = calendar(ms);
    while (*picture) {
        size_t run = strspn(picture, (const char[]){*picture, '\0'});
        int digits = (int)run;
        switch (*picture) {
        case 'y':
            out = put_digits(out, (tm.tm_year + 1900) % 10000, digits);
            break;
        case 'n':
            out = put_digits(out, tm.tm_mon + 1, digits);
            break;
        case 'd':
            out = put_digits(out, tm.tm_mday, digits);
            break;
        case 'h':
            out = put_digits(out, tm.tm_hour, digits);
            break;
        case 'm':
            out = put_digits(out, tm.tm_min, digits);
            break;
        case 's':
            out = put_digits(out, tm.tm_sec, digits);
            break;
        case 'z':
            out = put_digits(out, (int)(ms - whole_seconds(ms) * 1000), digits);
            break;
        case 'N':
            out = mempcpy(out, month_names + 3 * tm.tm_mon, 3);
            break;
        case 'W':
            out = mempcpy(out, day_names + 3 * tm.tm_wday, 3);
            break;
        default:
            out = mempcpy(out, picture, run);
        }
        picture += run;
    }
    *out = '\0';
}

/* Signatures and lines of the log: many of one second. */
struct printed {
    char text[25];
    int64_t second;
};

static const char *print_once(int64_t ms, const char *picture, struct printed *last)
{
    if (!last->text[0] || whole_seconds(ms) != last->second) {
        last->second = whole_seconds(ms);
        print(ms, picture, last->text);
    }
    return last->text;
}

void clock_amz(int64_t ms, char out[17])
{
    static struct printed last;
    memcpy(out, print_once(ms, "yyyynnddThhmmssZ", &last), 17);
}

void clock_rfc3339(int64_t ms, char out[25])
{
    static struct printed last;
    memcpy(out, print_once(ms, "yyyy-nn-ddThh:mm:ss.zzzZ", &last), 25);
    put_digits(out + 20, (int)(ms - last.second * 1000), 3);
}

void clock_http(int64_t ms, char out[30])
{
    print(ms, "W, dd N yyyy hh:mm:ss GMT", out);
}

void clock_month(int64_t ms, char out[8])
{
    print(ms, "yyyy-nn", out);
}

static int digits_at(struct str s, size_t from, size_t n)
{
    uint64_t value = 0;
    return text_u64(text_sub(s, from, n), &value) ? (int)value : -1;
}

/* Only turns fields into an instant; the callers print it again and compare, which finds every
 * field out of range and every wrong separator at once. */
static int64_t instant(int year, int month, int day, struct str hms)
{
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = digits_at(hms, 0, 2),
                    .tm_min = digits_at(hms, 3, 2),
                    .tm_sec = digits_at(hms, 6, 2)};
    return (int64_t)timegm(&tm) * 1000;
}

/* ".123456": takes it off *s; milliseconds out, further digits dropped. */
static bool cut_fraction(struct str *s, int64_t *ms_out)
{
    *ms_out = 0;
    if (s->n == 0 || s->p[0] != '.') {
        return true;
    }
    int64_t scale = 100;
    size_t i = 1;
    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
        *ms_out += scale * (s->p[i] - '0');
        scale /= 10;
    }
    *s = text_sub(*s, i, s->n);
    return i > 1;
}

/* "Z" or "+hh:mm" */
static bool parse_offset(struct str s, int64_t *ms_out)
{
    *ms_out = 0;
    if (text_eq(s, STR("Z"))) {
        return true;
    }
    int hours = digits_at(s, 1, 2);
    int minutes = digits_at(s, 4, 2);
    if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':' || hours < 0 || hours > 23 ||
        minutes < 0 || minutes > 59) {
        return false;
    }
    *ms_out = (s.p[0] == '-' ? -60000 : 60000) * (int64_t)(hours * 60 + minutes);
    return true;
}

bool clock_parse_rfc3339(struct str s, int64_t *real_ms_out)
{
    const size_t date_time = sizeof("2026-01-15T12:00:00") - 1;
    int64_t base =
        instant(digits_at(s, 0, 4), digits_at(s, 5, 2), digits_at(s, 8, 2), text_sub(s, 11, 8));
    char again[25];
    clock_rfc3339(base, again);
    struct str rest = text_sub(s, date_time, s.n);
    int64_t fraction = 0;
    int64_t offset = 0;
    if (s.n <= date_time || memcmp(again, s.p, date_time) != 0 || !cut_fraction(&rest, &fraction) ||
        !parse_offset(rest, &offset)) {
        return false;
    }
    *real_ms_out = base + fraction - offset;
    return true;
}

/* 1 to 12, or 0 */
static int month_number(struct str name)
{
    for (int i = 0; i < 12; i++) {
        if (text_eq(name, (struct str){month_names + 3 * i, 3})) {
            return i + 1;
        }
    }
    return 0;
}

bool clock_parse_http(struct str s, int64_t *real_ms_out)
{
    int64_t base = instant(digits_at(s, 12, 4), month_number(text_sub(s, 8, 3)), digits_at(s, 5, 2),
                           text_sub(s, 17, 8));
    char again[30];
    clock_http(base, again);
    *real_ms_out = base;
    return text_eq(s, text_from(again));
}

uint64_t clock_seconds_up(uint64_t ns)
{
    return (ns + 999999999u) / 1000000000u;
}
