#include "worker/reply/native_edit.h"

#include <assert.h>
#include <stdio.h>

#include "server/json/json.h"
#include "server/json/surrogates.h"

enum status native_edit_read(struct scan *s, struct arena *arena, struct str text, struct err *err)
{
    struct str whole = surrogates_mended(arena, text);
    return whole.p ? scan_parse(s, arena, whole, &relay_limits, err) : err_no_memory(err);
}

bool native_edit_only_counts(struct str id)
{
    struct str begin = STR("call_");
    if (!text_starts(id, begin) || id.n == begin.n) {
        return false;
    }
    for (size_t i = begin.n; i < id.n; i++) {
        if (id.p[i] < '0' || id.p[i] > '9') {
            return false;
        }
    }
    return true;
}

struct str native_edit_id(struct native_edit_ids *ids, uint64_t at)
{
    assert(at < NATIVE_EDIT_CALLS);
    char *id = ids->id[at];
    if (!id[0]) {
        char fresh[NATIVE_EDIT_ID_SIZE - 2];
        text_id(STR("call_"), fresh, sizeof fresh);
        snprintf(id, NATIVE_EDIT_ID_SIZE, "\"%s\"", fresh);
    }
    return text_from(id);
}

struct str native_edit_json(struct arena *arena, struct str text)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, 6 * text.n + 2); /* the longest escape is six bytes */
    json_begin(&w, &b);
    json_str(&w, text);
    struct str json = buf_ok(&b) ? arena_dup(arena, buf_str(&b)) : (struct str){NULL, 0};
    buf_free(&b);
    return json;
}

void native_edit_put(struct edits *e, scan_ref value, struct str text)
{
    if (value == SCAN_ABSENT) {
        return;
    }
    struct str json = native_edit_json(e->scan->arena, text);
    e->failed |= !json.p;
    edits_value(e, value, json);
}

struct str native_edit_error(struct reply *r, const struct scan *s, scan_ref error)
{
    scan_ref code = SCAN_GET(s, error, "code"), type = SCAN_GET(s, error, "type");
    struct str word = scan_type(s, code) == SCAN_NUMBER ? scan_raw(s, code) : scan_text(s, code);
    word = word.n > 0 ? word : scan_text(s, type);
    relay_fail(r, word, scan_text(s, SCAN_GET(s, error, "message")));
    return word;
}

enum status native_edit_fault(const struct reply *r, const struct scan *s, scan_ref error)
{
    static const struct {
        const char *word;
        bool begins; /* as all of these do */
        enum status status;
    } rows[] = {{"context_length_exceeded", false, STATUS_CONTEXT},
                {"invalid_", true, STATUS_INVALID},
                {"image_", true, STATUS_INVALID},
                {"empty_image_file", false, STATUS_INVALID},
                {"unsupported_", true, STATUS_INVALID},
                {"unknown_parameter", false, STATUS_INVALID},
                {"missing_required_parameter", false, STATUS_INVALID},
                {"content_policy_violation", false, STATUS_INVALID},
                {"validation", true, STATUS_INVALID},
                {"Validation", true, STATUS_INVALID},
                {"failed_to_download_image", false, STATUS_INVALID},
                {"400", false, STATUS_INVALID},
                {"413", false, STATUS_INVALID},
                {"422", false, STATUS_INVALID}};
    struct str code = text_from(r->error.code);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str word = text_from(rows[i].word);
        if (rows[i].begins ? text_starts(code, word) : text_eq(code, word)) {
            return rows[i].status;
        }
    }
    return SCAN_IS(s, SCAN_GET(s, error, "type"), "invalid_request_error") ? STATUS_INVALID
                                                                           : STATUS_UPSTREAM;
}

uint64_t native_edit_count(const struct scan *s, scan_ref object, const char *name)
{
    int64_t v;
    return scan_i64(s, scan_get(s, object, text_from(name)), &v) && v > 0 ? (uint64_t)v : 0;
}
