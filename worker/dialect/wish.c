#include "worker/dialect/wish.h"

#include <string.h>

#define STOPS_MAX   2500 /* API_runtime_InferenceConfiguration */
#define OTHERS_MORE 8    /* parts of fields: wish_lose */

/* --- words --------------------------------------------------------------------------------- */

static const struct str efforts[] = {
#define WISH_EFFORT_TEXT(name, word) [WISH_EFFORT_##name] = STR(word),
    WISH_EFFORTS(WISH_EFFORT_TEXT)
#undef WISH_EFFORT_TEXT
        [WISH_EFFORT_OTHER] = {NULL, 0},
};

struct str wish_effort_word(enum wish_effort effort)
{
    return efforts[effort];
}

enum wish_effort wish_effort_find(struct str word)
{
    unsigned e = WISH_EFFORT_UNSET;
    while (e < WISH_EFFORT_OTHER && !text_eq(word, efforts[e])) {
        e++;
    }
    return (enum wish_effort)e;
}

bool wish_thinks(enum wish_thinking thinking)
{
    return thinking != WISH_THINKING_UNSET && thinking != WISH_THINKING_OFF;
}

/* Bytes of the blank that s begins with: itself, or an escape like \n or \u0009; 0: no blank. */
static size_t blank_step(struct str s)
{
    static const char *const hex[] = {"\\u0009", "\\u000a", "\\u000A", "\\u000b", "\\u000B",
                                      "\\u000c", "\\u000C", "\\u000d", "\\u000D", "\\u0020"};
    if (s.p[0] == ' ') {
        return 1;
    }
    if (s.n >= 2 && s.p[0] == '\\' && s.p[1] && strchr("ntrf", s.p[1])) {
        return 2;
    }
    for (size_t i = 0; i < sizeof hex / sizeof *hex; i++) {
        if (text_starts(s, text_from(hex[i]))) {
            return 6;
        }
    }
    return 0;
}

bool wish_is_blank(struct str raw)
{
    struct str s = raw.n >= 2 ? text_sub(raw, 1, raw.n - 2) : (struct str){NULL, 0};
    while (s.n > 0) {
        size_t step = blank_step(s);
        if (step == 0) {
            return false;
        }
        s = text_sub(s, step, s.n - step);
    }
    return true;
}

bool wish_is_nothing(const struct scan *s, scan_ref r)
{
    enum scan_type t = scan_type(s, r);
    double number;
    if (t == SCAN_ARRAY || t == SCAN_OBJECT) {
        return scan_size(s, r) == 0;
    }
    if (scan_f64(s, r, &number)) {
        return number == 0;
    }
    return t == SCAN_NONE || t == SCAN_NULL || t == SCAN_FALSE || SCAN_IS(s, r, "");
}

bool wish_shows_deferred(const struct wish *w, struct str name)
{
    return (w->choice.name.n > 0 && text_eq(w->choice.name, name)) ||
           tool_references_has(&w->tools.references, name);
}

/* --- faults -------------------------------------------------------------------------------- */

void wish_fault(struct wish *w, enum err_fault fault, const char *param, const char *text)
{
    if (w->fault.code != STATUS_OK) {
        return;
    }
    if (fault == ERR_FAULT_NONE) {
        err_set(&w->fault, STATUS_INVALID, "%s", text);
    } else {
        err_set_param(&w->fault, fault, param, "%s", text);
    }
}

static void no_memory(struct wish *w)
{
    err_no_memory(&w->fault);
}

struct str wish_text(struct wish *w, scan_ref r)
{
    struct str text = scan_text(w->scan, r);
    if (!text.p && scan_type(w->scan, r) == SCAN_STRING) {
        no_memory(w);
    }
    return text;
}

/* --- stop sequences ------------------------------------------------------------------------ */

bool wish_make_stops(struct wish *w, uint32_t most)
{
    w->stops.list = arena_alloc(w->scan->arena, (most + 1) * sizeof *w->stops.list);
    if (!w->stops.list) {
        no_memory(w);
    }
    return w->stops.list != NULL;
}

void wish_add_stop(struct wish *w, struct str raw)
{
    if (wish_is_blank(raw) || w->stops.count == STOPS_MAX) {
        w->stops.lost = true;
    } else {
        w->stops.list[w->stops.count++] = raw;
    }
}

/* --- plain fields -------------------------------------------------------------------------- */

#define NO_NAME \
    {           \
        NULL, 0 \
    }
#define ONLY_MESSAGES(name)                                \
    {                                                      \
        STR(name), NO_NAME, WISH_LOST, 0, NO_NAME, NO_NAME \
    }
#define ONLY_CHAT(name)                                    \
    {                                                      \
        NO_NAME, STR(name), WISH_LOST, 0, NO_NAME, NO_NAME \
    }
#define REFUSED(name)                                           \
    {                                                           \
        STR(name), STR(name), WISH_REFUSED, 0, NO_NAME, NO_NAME \
    }

/* What only concerns OpenAI's own service (store, user, metadata, safety_identifier ...) is not
 * here: it goes without a word. */
const struct wish_plain wish_plain[] = {
    ONLY_MESSAGES("billing_policy"),
    {STR("compaction"), NO_NAME, WISH_LOST, 0, NO_NAME, WISH_BETA_COMPACTION},
    REFUSED("container"),
    ONLY_MESSAGES("diagnostics"),
    ONLY_MESSAGES("fallback_credit_token"),
    REFUSED("fallbacks"),
    ONLY_CHAT("frequency_penalty"),
    ONLY_MESSAGES("inference_geo"),
    ONLY_CHAT("logit_bias"),
    ONLY_CHAT("logprobs"),
    REFUSED("mcp_servers"),
    ONLY_CHAT("prediction"),
    ONLY_CHAT("presence_penalty"),
    {STR("safeguards"), STR("safeguards"), WISH_REFUSED, 0, NO_NAME,
     STR("dangerous-tool-use-2026-09-03")},
    ONLY_CHAT("seed"),
    {STR("speed"), NO_NAME, WISH_LOST, 0, STR("standard"), NO_NAME},
    ONLY_MESSAGES("tags"),
    ONLY_CHAT("top_logprobs"),
    ONLY_MESSAGES("user_profile_id"),
    ONLY_CHAT("verbosity"),
    ONLY_CHAT("web_search_options"),
};
const size_t wish_plain_count = sizeof wish_plain / sizeof *wish_plain;
_Static_assert(sizeof wish_plain / sizeof *wish_plain <= WISH_PLAIN_MAX, "room in struct wish");

void wish_need(struct wish *w, struct str beta, struct str tool)
{
    for (uint32_t i = 0; i < w->betas.need_count; i++) {
        if (text_eq(w->betas.needs[i].beta, beta) && text_eq(w->betas.needs[i].tool, tool)) {
            return;
        }
    }
    if (beta.n > 0 && w->betas.need_count < WISH_NEEDS_MAX) {
        w->betas.needs[w->betas.need_count++] = (struct wish_need){beta, tool};
    }
}

struct str wish_edit_beta(const struct scan *s, scan_ref edit)
{
    scan_ref type = SCAN_GET(s, edit, "type");
    return SCAN_IS(s, type, "clear_tool_uses_20250919") ? WISH_BETA_CONTEXT
           : SCAN_IS(s, type, "compact_20260112")       ? WISH_BETA_COMPACT
                                                        : STR("");
}

void wish_begin(struct wish *w, const struct scan *s, const struct wish_names *called)
{
    *w = (struct wish){.scan = s,
                       .called = called,
                       .sampling.top_k = SCAN_ABSENT,
                       .betas.members = {SCAN_ABSENT, SCAN_ABSENT},
                       .tools.allowed.at = SCAN_ABSENT,
                       .cache.top = SCAN_ABSENT,
                       .thinking.binding.at = SCAN_ABSENT,
                       .context = SCAN_ABSENT};
    for (size_t i = 0; i < WISH_PLAIN_MAX; i++) {
        w->fields.plain[i] = SCAN_ABSENT;
    }
}

/* A member's name, ready to be compared with many. */
struct name {
    const struct scan *scan;
    scan_ref key;
    size_t n; /* its length; 0: it has escapes */
};

static struct name name_of(const struct scan *s, scan_ref key)
{
    struct str raw = scan_raw(s, key);
    bool escapes = memchr(raw.p, '\\', raw.n) != NULL;
    return (struct name){s, key, escapes ? 0 : raw.n - 2};
}

/* Most differ in length already. */
static bool is_named(struct name m, struct str name)
{
    return (m.n == name.n || m.n == 0) && scan_text_is(m.scan, m.key, name);
}

/* Its row; the number of rows when it has none. */
static size_t find_plain(struct name m, enum dialect dialect)
{
    size_t i = 0;
    for (; i < wish_plain_count; i++) {
        struct str name =
            dialect == DIALECT_ANTHROPIC ? wish_plain[i].messages : wish_plain[i].chat;
        if (name.n > 0 && is_named(m, name)) {
            break;
        }
    }
    return i;
}

static bool is_known(struct name m, const struct str *known, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (is_named(m, known[i])) {
            return true;
        }
    }
    return false;
}

static bool add_other(struct wish *w, scan_ref value)
{
    if (!w->fields.others) {
        w->fields.other_room = scan_size(w->scan, 0) + OTHERS_MORE;
        w->fields.others =
            arena_alloc(w->scan->arena, w->fields.other_room * sizeof *w->fields.others);
    }
    if (!w->fields.others || w->fields.other_count == w->fields.other_room) {
        return false;
    }
    w->fields.others[w->fields.other_count++] = value;
    return true;
}

enum status wish_read_fields(struct wish *w, enum dialect dialect, const struct str *known,
                             size_t known_count, struct err *err)
{
    const struct scan *s = w->scan;
    for (scan_ref v = scan_first(s, 0); v != SCAN_ABSENT; v = scan_next(s, 0, v)) {
        struct name m = name_of(s, scan_key(s, v));
        bool other = !is_known(m, known, known_count);
        size_t row = other ? find_plain(m, dialect) : wish_plain_count;
        if ((row == wish_plain_count && !other) || wish_is_nothing(s, v)) {
            continue;
        }
        if (row < wish_plain_count) {
            if (w->fields.plain[row] == SCAN_ABSENT &&
                !scan_text_is(s, v, wish_plain[row].neutral)) {
                w->fields.plain[row] = v;
                wish_need(w, wish_plain[row].beta, (struct str)NO_NAME);
            }
        } else if (!add_other(w, v)) {
            return err_no_memory(err);
        }
    }
    return STATUS_OK;
}

void wish_lose(struct wish *w, scan_ref value)
{
    if (!add_other(w, value)) {
        no_memory(w);
    }
}

void wish_take(struct wish *w, scan_ref value)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < w->fields.other_count; i++) {
        if (w->fields.others[i] != value) {
            w->fields.others[kept++] = w->fields.others[i];
        }
    }
    w->fields.other_count = kept;
}

enum status wish_refuse_thread(const struct scan *s, struct err *err)
{
    enum scan_type t = scan_type(s, SCAN_GET(s, 0, "thread"));
    if (t == SCAN_NONE || t == SCAN_NULL) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_THREAD,
                   "thread: message threads are not kept here; send the whole conversation");
}
