#include "worker/moves/thinker.h"

#include <string.h>

#include "server/base/base64.h"
#include "server/base/clock.h"
#include "shm/memory/thoughts.h"

#define SEAL_MIN 16 /* bytes: "" and other words are no seal */

/* Members that seal a thought: in InvokeModel's messages (the second of redacted_thinking), Converse's,
 * and Responses'. */
static const struct str seals[] = {STR("\"signature\""), STR("\"data\""),
                                   STR("\"redactedContent\""), STR("\"encrypted_content\"")};

uint64_t thinker_account(const struct config_lane *lane)
{
    uint64_t n = 0;
    return text_u64(text_from(lane->account), &n) ? n : 0;
}

/* --- in a request -------------------------------------------------------------------------- */

static bool has(struct str s, struct str word)
{
    return memmem(s.p, s.n, word.p, word.n) != NULL;
}

bool thinker_is_bound(struct exchange *x)
{
    static const struct str words[] = {STR("\"signature\""), STR("redacted_thinking"),
                                       STR("reasoningContent"),
                                       STR("\"encrypted_content\"")}; /* not what include asks */
    struct attempt_lane *a = &x->attempt.lane;
    for (size_t i = 0; !a->bound_known && !a->bound && i < COUNT_OF(words); i++) {
        a->bound = has(buf_str(&x->attempt.body), words[i]);
    }
    a->bound_known = true;
    return a->bound;
}

static size_t skip_spaces(struct str s, size_t at)
{
    while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\n' || s.p[at] == '\r' || s.p[at] == '\t')) {
        at++;
    }
    return at;
}

static bool is_escaped(const char *from, const char *quote)
{
    size_t n = 0;
    while (quote - n > from && quote[-1 - (ptrdiff_t)n] == '\\') {
        n++;
    }
    return n % 2 == 1;
}

/* The string behind a member's name, or nothing. s: from behind the name on. */
static struct str value_of(struct str s)
{
    size_t at = skip_spaces(s, 0);
    if (at == s.n || s.p[at] != ':') {
        return (struct str){NULL, 0};
    }
    at = skip_spaces(s, at + 1);
    if (at == s.n || s.p[at] != '"') {
        return (struct str){NULL, 0};
    }
    size_t from = ++at;
    const char *end;
    while ((end = memchr(s.p + at, '"', s.n - at)) && is_escaped(s.p + from, end)) {
        at = (size_t)(end - s.p) + 1;
    }
    return end ? text_sub(s, from, (size_t)(end - s.p) - from) : (struct str){NULL, 0};
}

/* The next value that name stands before; *rest: what is behind the name. In a JSON text no string has
 * a quote in it that no '\' stands before, so what is found is a member, or a whole string. */
static bool next_value(struct str *rest, struct str name, struct str *value_out)
{
    const char *at;
    while ((at = memmem(rest->p, rest->n, name.p, name.n))) {
        *rest = text_sub(*rest, (size_t)(at - rest->p) + name.n, rest->n);
        *value_out = value_of(*rest);
        if (value_out->n >= SEAL_MIN) {
            return true;
        }
    }
    return false;
}

/* What is no thought is not known. */
bool thinker_find(struct exchange *x, uint64_t *account_out, uint64_t *mark_out)
{
    const struct segment *s = x->worker->segment;
    struct str body = buf_str(&x->attempt.body), value;
    const char *last = NULL;
    if (!thoughts_any(s) || !thinker_is_bound(x)) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(seals); i++) {
        struct str rest = body;
        while (next_value(&rest, seals[i], &value)) {
            uint64_t account, mark = thoughts_mark(s, value);
            if ((!last || value.p > last) && thoughts_find(s, mark, &account)) {
                last = value.p;
                *account_out = account;
                *mark_out = mark;
            }
        }
    }
    return last != NULL;
}

void thinker_use(struct exchange *x, uint64_t mark, uint64_t account)
{
    thoughts_keep(x->worker->segment, mark, account, clock_mono_ms() / 1000u);
}

/* --- in an answer -------------------------------------------------------------------------- */

/* Where it comes from home's account, nobody has to know. */
static bool is_kept(const struct exchange *x, uint64_t *account_out)
{
    const struct config_lanes *l = &x->worker->config->lanes;
    *account_out = thinker_account(&l->lane[x->attempt.lane.now]);
    return l->n > 1 && *account_out != thinker_account(&l->lane[LANES_HOME]);
}

static void keep(const struct exchange *x, struct str seal, uint64_t account)
{
    struct segment *s = x->worker->segment;
    if (seal.n >= SEAL_MIN) {
        thoughts_keep(s, thoughts_mark(s, seal), account, clock_mono_ms() / 1000u);
    }
}

/* In a stream the input of a tool is a string, so these are members of a thought. */
static void keep_all(const struct exchange *x, struct str json, uint64_t account)
{
    for (size_t i = 0; i < COUNT_OF(seals); i++) {
        struct str rest = json, value;
        while (next_value(&rest, seals[i], &value)) {
            keep(x, value, account);
        }
    }
}

void thinker_note_event(const struct exchange *x, struct str payload)
{
    uint64_t account;
    struct str frame = payload, bytes;
    size_t n;
    if (!is_kept(x, &account)) {
        return;
    }
    if (!next_value(&frame, STR("\"bytes\""), &bytes)) { /* of InvokeModel they are in base64 */
        keep_all(x, payload, account);
        return;
    }
    char *json = heap_new(bytes.n / 4 * 3 + 4);
    if (json && base64_decode(bytes, (uint8_t *)json, &n)) {
        keep_all(x, (struct str){json, n}, account);
    }
    heap_drop(json);
}

static void keep_block(const struct exchange *x, const struct scan *s, scan_ref block,
                       uint64_t account)
{
    scan_ref type = SCAN_GET(s, block, "type"), reasoning = SCAN_GET(s, block, "reasoningContent");
    scan_ref text = SCAN_GET(s, reasoning, "reasoningText"), of[5] = {SCAN_ABSENT};
    of[0] = SCAN_IS(s, type, "thinking") ? SCAN_GET(s, block, "signature") : SCAN_ABSENT;
    of[1] = SCAN_IS(s, type, "redacted_thinking") ? SCAN_GET(s, block, "data") : SCAN_ABSENT;
    of[2] = SCAN_GET(s, text, "signature");
    of[3] = SCAN_GET(s, reasoning, "redactedContent");
    of[4] = SCAN_IS(s, type, "reasoning") ? SCAN_GET(s, block, "encrypted_content") : SCAN_ABSENT;
    for (size_t i = 0; i < COUNT_OF(of); i++) {
        struct str raw = scan_raw(s, of[i]);
        if (scan_type(s, of[i]) == SCAN_STRING && raw.n >= 2) {
            keep(x, text_sub(raw, 1, raw.n - 2), account);
        }
    }
}

void thinker_note_whole(const struct exchange *x, struct str body)
{
    uint64_t account;
    struct scan s;
    if (!is_kept(x, &account) || scan_parse(&s, x->arena, body, &relay_limits, NULL) != STATUS_OK) {
        return;
    }
    scan_ref message = SCAN_GET(&s, SCAN_GET(&s, 0, "output"), "message");
    const scan_ref lists[] = {SCAN_GET(&s, 0, "content"), SCAN_GET(&s, 0, "output"),
                              SCAN_GET(&s, message, "content")};
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        if (scan_type(&s, lists[i]) != SCAN_ARRAY) {
            continue;
        }
        for (scan_ref b = scan_first(&s, lists[i]); b != SCAN_ABSENT;
             b = scan_next(&s, lists[i], b)) {
            keep_block(x, &s, b, account);
        }
    }
}
