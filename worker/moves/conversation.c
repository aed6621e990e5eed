#include "worker/moves/conversation.h"

#include <string.h>

#define TEXT_MAX  2048 /* bytes of one text that count */
#define BODY_MAX  1024 /* of a body that passes unread */
#define ITEMS_MAX 8    /* messages up to the user's first, and blocks of one of them */

static uint64_t mix(uint64_t x) /* splitmix64's end */
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static void add(uint64_t *h, struct str s, size_t most)
{
    size_t n = s.n < most ? s.n : most;
    *h = mix(*h ^ s.n) + 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t part = 0;
        memcpy(&part, s.p + i, n - i < 8 ? n - i : 8);
        *h = mix(*h ^ part) + 0x9e3779b97f4a7c15u;
    }
}

/* The words alone: cache marks move from turn to turn, and a string becomes a block. Claude Code's
 * first block of system differs from request to request, and is no part of the prompt. */
static void add_words(uint64_t *h, const struct scan *s, scan_ref content)
{
    unsigned n = 0;
    if (scan_type(s, content) == SCAN_STRING) {
        add(h, scan_raw(s, content), TEXT_MAX);
        return;
    }
    for (scan_ref b = scan_first(s, content); b != SCAN_ABSENT && n < ITEMS_MAX;
         b = scan_next(s, content, b), n++) {
        scan_ref text = SCAN_GET(s, b, "text");
        struct str raw = scan_raw(s, text);
        if (text != SCAN_ABSENT && !text_starts(raw, STR("\"x-anthropic-billing-header:"))) {
            add(h, raw, TEXT_MAX);
        }
    }
}

/* Up to the user's first turn; chat's system messages stand before it. */
static void add_first_turn(uint64_t *h, const struct scan *s, scan_ref list)
{
    unsigned n = 0;
    if (scan_type(s, list) == SCAN_STRING) {
        add(h, scan_raw(s, list), TEXT_MAX);
        return;
    }
    for (scan_ref m = scan_first(s, list); m != SCAN_ABSENT && n < ITEMS_MAX;
         m = scan_next(s, list, m), n++) {
        add_words(h, s, SCAN_GET(s, m, "content"));
        if (SCAN_IS(s, SCAN_GET(s, m, "role"), "user")) {
            return;
        }
    }
}

/* What the client itself calls a session: Claude Code and Codex in a header, others in the body. */
static void add_names(uint64_t *h, const struct exchange *x)
{
    const struct scan *s = &x->asked.scan;
    add(h, x->asked.client.session, TEXT_MAX);
    add(h, x->asked.client.thread, TEXT_MAX);
    if (s->count > 0) {
        add(h, scan_raw(s, SCAN_GET(s, SCAN_GET(s, 0, "metadata"), "user_id")), TEXT_MAX);
        add(h, scan_raw(s, SCAN_GET(s, 0, "prompt_cache_key")), TEXT_MAX);
    }
}

uint64_t conversation_digest(const struct exchange *x)
{
    const struct scan *s = &x->asked.scan;
    const char *digest = (const char *)x->caller.digest;
    uint64_t h = x->worker->segment->lanes->salt;
    add(&h, (struct str){digest, sizeof x->caller.digest}, sizeof x->caller.digest);
    add(&h, x->asked.model.id, x->asked.model.id.n);
    add_names(&h, x);
    if (s->count == 0) { /* DIALECT_BEDROCK: what comes first seldom changes */
        add(&h, text_sub(x->asked.body, 0, BODY_MAX), BODY_MAX);
        return h ? h : 1;
    }
    scan_ref tools = SCAN_GET(s, 0, "tools"), messages = SCAN_GET(s, 0, "messages");
    add_words(&h, s, SCAN_GET(s, 0, "system"));
    add(&h, scan_raw(s, SCAN_GET(s, 0, "instructions")), TEXT_MAX);
    add(&h, text_sub(scan_raw(s, tools), 0, TEXT_MAX), TEXT_MAX); /* a mark may stand at the end */
    add_first_turn(&h, s, messages != SCAN_ABSENT ? messages : SCAN_GET(s, 0, "input"));
    return h ? h : 1;
}
