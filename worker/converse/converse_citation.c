#include "worker/converse/converse_citation.h"

#include <assert.h>

/* A location in Converse and its type at Anthropic, with the names of its three numbers. */
static const struct place {
    const char *converse;
    const char *type;
    const char *index_in;
    const char *index;
    const char *start;
    const char *end;
    bool search; /* names a search result, not a document */
} places[] = {
    {"documentChar", "char_location", "documentIndex", "document_index", "start_char_index",
     "end_char_index", false},
    {"documentPage", "page_location", "documentIndex", "document_index", "start_page_number",
     "end_page_number", false},
    {"documentChunk", "content_block_location", "documentIndex", "document_index",
     "start_block_index", "end_block_index", false},
    {"searchResultLocation", "search_result_location", "searchResultIndex", "search_result_index",
     "start_block_index", "end_block_index", true},
};

struct span {
    int64_t source, start, end;
};

static bool read_span(const struct scan *s, scan_ref at, const struct place *p, struct span *out)
{
    return scan_i64(s, scan_get(s, at, text_from(p->index_in)), &out->source) &&
           scan_i64(s, SCAN_GET(s, at, "start"), &out->start) &&
           scan_i64(s, SCAN_GET(s, at, "end"), &out->end);
}

static const struct place *find_place(const struct scan *s, scan_ref citation, struct span *out)
{
    scan_ref location = SCAN_GET(s, citation, "location");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        scan_ref at = scan_get(s, location, text_from(places[i].converse));
        if (at != SCAN_ABSENT && read_span(s, at, &places[i], out)) {
            return &places[i];
        }
    }
    return NULL;
}

bool converse_citation_known(const struct scan *s, scan_ref citation)
{
    struct span span;
    return find_place(s, citation, &span) != NULL;
}

/* A JSON string goes over as it is; anything else is null. */
static void put_string_or_null(struct json_out *w, struct str key, const struct scan *s, scan_ref v)
{
    json_key(w, key);
    if (scan_type(s, v) == SCAN_STRING) {
        json_raw(w, scan_raw(s, v));
    } else {
        json_null(w);
    }
}

/* The pieces are valid JSON strings, so what stands between their quotes can be joined unread. */
static void put_cited_text(struct json_out *w, const struct scan *s, scan_ref pieces)
{
    JSON_KEY(w, "cited_text");
    json_raw(w, STR("\"")); /* opens the string */
    for (scan_ref v = scan_first(s, pieces); v != SCAN_ABSENT; v = scan_next(s, pieces, v)) {
        struct str raw = scan_raw(s, SCAN_GET(s, v, "text"));
        if (raw.n > 2 && raw.p[0] == '"') {
            buf_put(w->b, raw.p + 1, raw.n - 2);
        }
    }
    buf_put_char(w->b, '"');
}

static void put_number(struct json_out *w, const char *key, int64_t v)
{
    json_key(w, text_from(key));
    json_i64(w, v);
}

static void put_source(struct json_out *w, const struct scan *s, scan_ref citation)
{
    scan_ref source = SCAN_GET(s, citation, "source");
    put_string_or_null(w, STR("title"), s, SCAN_GET(s, citation, "title"));
    JSON_KEY(w, "source"); /* required by Anthropic's shape, optional in Converse */
    json_raw(w, scan_type(s, source) == SCAN_STRING ? scan_raw(s, source) : STR("\"\""));
}

void converse_citation_put(struct json_out *w, const struct scan *s, scan_ref citation)
{
    struct span span;
    const struct place *p = find_place(s, citation, &span);
    assert(p);
    json_object(w);
    JSON_KEY(w, "type");
    json_str(w, text_from(p->type));
    put_cited_text(w, s, SCAN_GET(s, citation, "sourceContent"));
    put_number(w, p->index, span.source);
    if (p->search) {
        put_source(w, s, citation);
    } else {
        put_string_or_null(w, STR("document_title"), s, SCAN_GET(s, citation, "title"));
    }
    put_number(w, p->start, span.start);
    put_number(w, p->end, span.end);
    if (!p->search) {
        JSON_KEY(w, "file_id"); /* files of Anthropic's file API: Bedrock has none */
        json_null(w);
    }
    json_object_end(w);
}

/* --- the way back -------------------------------------------------------------------------- */

static bool read_anthropic(const struct scan *s, scan_ref citation, const struct place *p,
                           struct span *out)
{
    return scan_text_is(s, SCAN_GET(s, citation, "type"), text_from(p->type)) &&
           scan_i64(s, scan_get(s, citation, text_from(p->index)), &out->source) &&
           scan_i64(s, scan_get(s, citation, text_from(p->start)), &out->start) &&
           scan_i64(s, scan_get(s, citation, text_from(p->end)), &out->end) && out->source >= 0 &&
           out->start >= 0 && out->end >= 0;
}

static void put_if_string(struct json_out *w, struct str key, const struct scan *s, scan_ref v)
{
    if (scan_type(s, v) != SCAN_STRING) {
        return;
    }
    json_key(w, key);
    json_raw(w, scan_raw(s, v));
}

static void put_location(struct json_out *w, const struct place *p, const struct span *span)
{
    JSON_KEY(w, "location");
    json_object(w);
    json_key(w, text_from(p->converse));
    json_object(w);
    put_number(w, p->index_in, span->source);
    put_number(w, "start", span->start);
    put_number(w, "end", span->end);
    json_object_end(w);
    json_object_end(w);
}

bool converse_citation_take(struct json_out *w, const struct scan *s, scan_ref citation)
{
    const struct place *p = NULL;
    struct span span;
    for (size_t i = 0; i < sizeof places / sizeof *places && !p; i++) {
        if (read_anthropic(s, citation, &places[i], &span)) {
            p = &places[i];
        }
    }
    if (!p) {
        return false;
    }
    scan_ref cited = SCAN_GET(s, citation, "cited_text");
    json_object(w);
    put_if_string(w, STR("title"), s,
                  scan_get(s, citation, p->search ? STR("title") : STR("document_title")));
    put_if_string(w, STR("source"), s, SCAN_GET(s, citation, "source"));
    JSON_KEY(w, "sourceContent");
    json_array(w);
    json_object(w);
    JSON_KEY(w, "text");
    json_raw(w, scan_type(s, cited) == SCAN_STRING ? scan_raw(s, cited) : STR("\"\""));
    json_object_end(w);
    json_array_end(w);
    put_location(w, p, &span);
    json_object_end(w);
    return true;
}
