/* The input of a call that is no function to the client: Bedrock's JSON, taken apart. */
#include "worker/reply/output_unpack.h"

#include "server/json/scan.h"
#include "worker/reply/openai_custom.h"

/* The index of a scan is at most eight times its text, and the text is there twice. */
#define ARENA_TIMES 20
#define ARENA_MORE  65536

static const struct scan_limits limits = {
    .depth = 128, .values = 1000000, .keys = 100000, .number_len = 512};

/* What no object is stands there as a string: a client tells the model what is wrong with it. */
static void put_arguments(const struct scan *s, struct str input, struct json_out *w)
{
    if (s && scan_type(s, 0) == SCAN_OBJECT) {
        json_raw(w, scan_raw(s, 0));
    } else {
        json_str(w, input);
    }
}

static void put_if(struct json_out *w, const struct scan *s, struct str key, enum scan_type type)
{
    scan_ref v = scan_get(s, 0, key);
    if (scan_type(s, v) == type) {
        json_key(w, key);
        json_raw(w, scan_raw(s, v));
    }
}

static bool all_text(const struct scan *s, scan_ref container, enum scan_type type)
{
    bool all = scan_type(s, container) == type;
    for (scan_ref v = scan_first(s, container); all && v != SCAN_ABSENT;
         v = scan_next(s, container, v)) {
        all = scan_type(s, v) == SCAN_STRING;
    }
    return all;
}

/* {type: exec, command: [text], env: {text}} and three that may be there. A command that is none is
 * empty: nothing is run. */
static void put_action(const struct scan *s, struct json_out *w)
{
    scan_ref command = s ? SCAN_GET(s, 0, "command") : SCAN_ABSENT;
    scan_ref env = s ? SCAN_GET(s, 0, "env") : SCAN_ABSENT;
    json_object(w);
    converse_reply_str(w, STR("type"), STR("exec"));
    JSON_KEY(w, "command");
    json_raw(w, s && all_text(s, command, SCAN_ARRAY) ? scan_raw(s, command) : STR("[]"));
    JSON_KEY(w, "env");
    json_raw(w, s && all_text(s, env, SCAN_OBJECT) ? scan_raw(s, env) : STR("{}"));
    if (s) {
        put_if(w, s, STR("timeout_ms"), SCAN_NUMBER);
        put_if(w, s, STR("user"), SCAN_STRING);
        put_if(w, s, STR("working_directory"), SCAN_STRING);
    }
    json_object_end(w);
}

static bool unpack(enum output_kind kind, struct str input, struct arena *arena, struct buf *out)
{
    struct scan s;
    struct json_out w;
    if (kind == OUTPUT_CUSTOM) {
        return openai_custom_text(arena, input, out);
    }
    enum status st = scan_parse(&s, arena, input, &limits, NULL);
    const struct scan *good = st == STATUS_OK && scan_type(&s, 0) == SCAN_OBJECT ? &s : NULL;
    json_begin(&w, out);
    if (kind == OUTPUT_SEARCH) {
        put_arguments(good, input, &w);
    } else {
        put_action(good, &w);
    }
    return st != STATUS_INTERNAL && buf_ok(out);
}

/* Between quotes it is a JSON string, and that string's text is the input. */
bool output_unpack(enum output_kind kind, struct str escaped, struct buf *out)
{
    struct scan s;
    struct arena *arena = arena_new(ARENA_TIMES * escaped.n + ARENA_MORE);
    char *quoted = arena ? arena_alloc(arena, escaped.n + 2) : NULL;
    bool ok = quoted != NULL;
    if (ok) {
        quoted[0] = quoted[escaped.n + 1] = '"';
        if (escaped.n) {
            memcpy(quoted + 1, escaped.p, escaped.n);
        }
        struct str whole = {quoted, escaped.n + 2};
        ok = scan_parse(&s, arena, whole, &limits, NULL) == STATUS_OK;
    }
    struct str input = ok ? scan_text(&s, 0) : (struct str){NULL, 0};
    ok = input.p && unpack(kind, input, arena, out);
    arena_drop(arena);
    return ok;
}
