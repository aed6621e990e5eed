#include "worker/turn/wait.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "server/base/clock.h"

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

/* --- what others say ----------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "1.25": thousandths; *s then begins behind it. */
static bool cut_number(struct str *s, uint64_t *thousandths_out)
{
    uint64_t n = 0, part = 100;
    size_t i = 0;
    for (; i < s->n && is_digit(s->p[i]); i++) {
        n = n < DAY_S * 1000u ? n * 10 + (uint64_t)(s->p[i] - '0') : n;
    }
    bool any = i > 0;
    n *= 1000;
    if (any && i + 1 < s->n && s->p[i] == '.' && is_digit(s->p[i + 1])) {
        for (i++; i < s->n && is_digit(s->p[i]); i++, part /= 10) {
            n += part * (uint64_t)(s->p[i] - '0');
        }
    }
    *thousandths_out = n;
    *s = text_sub(*s, i, s->n);
    return any;
}

/* "s", " seconds", "ms": how many milliseconds one has; 0: none is named. */
static uint64_t cut_unit(struct str *s)
{
    *s = text_sub(*s, s->n > 0 && s->p[0] == ' ', s->n);
    size_t n = 0;
    while (n < s->n && ((s->p[n] | 0x20) >= 'a' && (s->p[n] | 0x20) <= 'z')) {
        n++;
    }
    struct str word = text_sub(*s, 0, n);
    *s = text_sub(*s, n, s->n);
    return text_ieq(word, STR("ms")) || text_istarts(word, STR("milli")) ? 1
           : text_istarts(word, STR("s"))                                ? 1000
           : text_istarts(word, STR("m"))                                ? MINUTE_S * 1000
           : text_istarts(word, STR("h"))                                ? HOUR_S * 1000
                                                                         : 0;
}

static uint64_t read_span(struct str s)
{
    uint64_t ms = 0, thousandths, unit;
    while (cut_number(&s, &thousandths) && (unit = cut_unit(&s)) > 0) {
        ms += thousandths * unit / 1000;
        if (ms >= DAY_S * 1000u) {
            return DAY_S * 1000u;
        }
    }
    return ms;
}

uint64_t wait_told_ms(struct str sentence)
{
    static const struct str words[] = {STR("try again in "), STR("retry after "), STR("retry in ")};
    for (size_t at = 0; at < sentence.n; at++) {
        for (size_t i = 0; i < COUNT_OF(words); i++) {
            if (text_istarts(text_sub(sentence, at, sentence.n), words[i])) {
                return read_span(text_sub(sentence, at + words[i].n, sentence.n));
            }
        }
    }
    return 0;
}
