#include "worker/exchange/cure.h"

#include <string.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/memory/counters.h"

bool cure_allowed(const struct exchange *x)
{
    return !x->worker->config->strict_fields && !x->asked.counting &&
           x->asked.dialect != DIALECT_BEDROCK;
}

void cure_note(struct exchange *x, struct str sentence)
{
    if (cure_allowed(x) && !x->outcome.told && !attempt_is_cured(&x->attempt)) {
        x->attempt.transfer.cure = cures_find(sentence, &x->attempt.sent);
    }
}

static void hash_body(const struct exchange *x, uint8_t out[SHA256_SIZE])
{
    sha256(buf_data(&x->attempt.body), buf_len(&x->attempt.body), out);
}

bool cure_try(struct exchange *x)
{
    struct attempt *a = &x->attempt;
    if (a->transfer.cure.what == LEARNED_NOTHING || attempt_is_cured(a)) {
        return false;
    }
    a->cure = a->transfer.cure;
    a->refused = x->outcome.err;
    hash_body(x, a->refused_sha256);
    a->pause_ms = 0;
    return true;
}

bool cure_still(struct exchange *x)
{
    uint8_t now[SHA256_SIZE];
    if (!attempt_is_cured(&x->attempt)) {
        return false;
    }
    hash_body(x, now);
    if (memcmp(now, x->attempt.refused_sha256, sizeof now) != 0) {
        return false;
    }
    x->outcome.err = x->attempt.refused;
    return true;
}

/* The log says which model; the memory has only a digest of it. */
static void keep(struct exchange *x)
{
    const struct cure *c = &x->attempt.cure;
    struct worker *w = x->worker;
    uint32_t ttl_s = w->config->bounds.learned_s;
    if (ttl_s == 0) {
        return;
    }
    learned_keep(w->segment, x->attempt.shape, c->what, text_from(c->name), c->value,
                 clock_mono_ms() / 1000u, ttl_s);
    counters_add(COUNTER_LEARNED, 1);
    log_line(LOG_WARN, "learned", "%.*s: %.*s does not take %s%s%s; left out for %u s",
             STR_ARG(x->asked.id), STR_ARG(x->asked.model.id), learned_word(c->what),
             c->name[0] ? " " : "", c->name, ttl_s);
}

void cure_prove(struct exchange *x)
{
    struct attempt *a = &x->attempt;
    if (!attempt_is_cured(a) || a->proved) {
        return;
    }
    a->proved = true;
    counters_add((enum counter)(COUNTER_CURED_SAMPLING + (a->cure.what - LEARNED_SAMPLING)), 1);
    if (a->cure.kept) {
        keep(x);
    }
}
