#include "server/aws/sigv4.h"

#include <assert.h>
#include <string.h>

#define ALGORITHM    "AWS4-HMAC-SHA256"
#define QUERY_MAX    32
#define SECRET_MAX   512 /* AWS hands out 40 characters */
#define MODEL_MAX    2048
#define AMZ_DATE_LEN 16 /* 20260115T120000Z */

/*
 * Never signed: what libcurl or a proxy on the way may add or change, hop-by-hop headers included.
 * Union of the lists of botocore, aws-c-auth and @smithy/signature-v4. A trailing '*' is a prefix.
 */
static const struct str skipped[] = {
    STR("cache-control"),     STR("connection"),   STR("expect"),     STR("from"),
    STR("keep-alive"),        STR("max-forwards"), STR("pragma"),     STR("proxy-*"),
    STR("referer"),           STR("sec-*"),        STR("te"),         STR("trailer"),
    STR("transfer-encoding"), STR("upgrade"),      STR("user-agent"), STR("x-amzn-trace-id"),
};

/* A request that has one of these, as header or in its query, is signed already. */
static const struct str presigned[] = {
    STR("authorization"), STR("x-amz-algorithm"), STR("x-amz-credential"),
    STR("x-amz-expires"), STR("x-amz-signature"), STR("x-amz-signedheaders"),
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_skipped(struct str name)
{
    char first = name.n > 0 ? lower(name.p[0]) : '\0';
    for (size_t i = 0; i < COUNT_OF(skipped); i++) {
        struct str row = skipped[i];
        if (row.p[0] != first) {
            continue;
        }
        bool prefix = row.p[row.n - 1] == '*';
        if (prefix ? text_istarts(name, text_sub(row, 0, row.n - 1)) : text_ieq(name, row)) {
            return true;
        }
    }
    return false;
}

static bool is_presigned(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(presigned); i++) {
        if (text_ieq(name, presigned[i])) {
            return true;
        }
    }
    return false;
}

/* A put that finds no room sets the buf's flag, which the public functions look at in the end. */
static void put_percent(struct buf *out, struct str s)
{
    char *room = buf_reserve(out, 3 * s.n);
    if (room != NULL) {
        buf_commit(out, text_percent(s, room, 3 * s.n));
    }
}

/* --- path --- */

/* Takes the last "/segment" written after `from` off again. */
static void drop_segment(struct buf *out, size_t from)
{
    size_t n = buf_len(out);
    while (n > from && buf_data(out)[n - 1] != '/') {
        n--;
    }
    buf_truncate(out, n > from ? n - 1 : from);
}

static void put_path(struct buf *out, struct str path)
{
    size_t from = buf_len(out);
    bool closed = text_ends(path, STR("/"));
    struct str segment;
    while (text_split(&path, '/', &segment)) {
        if (segment.n == 0 || text_eq(segment, STR("."))) {
            continue;
        }
        if (text_eq(segment, STR(".."))) {
            drop_segment(out, from);
            continue;
        }
        buf_put_char(out, '/');
        put_percent(out, segment);
    }
    if (closed || buf_len(out) == from) {
        buf_put_char(out, '/');
    }
}

/* --- query --- */

struct pair {
    size_t key_at, key_n, value_at, value_n; /* in the scratch: a span would move with it */
};

/* Encoded as SigV4 wants it, however it stood on the wire; '+' is a plus. */
static bool put_reencoded(struct buf *out, struct str wire)
{
    if (wire.n == 0) {
        return true;
    }
    char *room = buf_reserve(out, 4 * wire.n);
    if (room == NULL) {
        return true; /* the flag tells */
    }
    char *decoded = room + 3 * wire.n;
    size_t n;
    if (!text_unpercent(wire, decoded, &n)) {
        return false;
    }
    buf_commit(out, text_percent((struct str){decoded, n}, room, 3 * wire.n));
    return true;
}

static int compare_spans(const char *base, size_t a, size_t a_n, size_t b, size_t b_n)
{
    size_t n = a_n < b_n ? a_n : b_n;
    int order = n == 0 ? 0 : memcmp(base + a, base + b, n);
    return order != 0 ? order : (a_n > b_n) - (a_n < b_n);
}

static int compare_pairs(const char *base, const struct pair *a, const struct pair *b)
{
    int order = compare_spans(base, a->key_at, a->key_n, b->key_at, b->key_n);
    if (order != 0) {
        return order;
    }
    return compare_spans(base, a->value_at, a->value_n, b->value_at, b->value_n);
}

static bool read_pair(struct str piece, struct buf *scratch, struct pair *pair_out)
{
    struct str key = {NULL, 0};
    text_split(&piece, '=', &key);
    pair_out->key_at = buf_len(scratch);
    bool ok = put_reencoded(scratch, key);
    pair_out->key_n = buf_len(scratch) - pair_out->key_at;
    pair_out->value_at = buf_len(scratch);
    ok = ok && put_reencoded(scratch, piece);
    pair_out->value_n = buf_len(scratch) - pair_out->value_at;
    return ok;
}

static enum status read_query(struct str query, struct buf *scratch, struct pair *pairs,
                              size_t *count_out, struct err *err)
{
    struct str piece;
    while (text_split(&query, '&', &piece)) {
        if (piece.n == 0) {
            continue;
        }
        struct pair pair;
        if (*count_out == QUERY_MAX) {
            return err_set(err, STATUS_INVALID, "too many query parameters to sign");
        }
        if (!read_pair(piece, scratch, &pair)) {
            return err_set(err, STATUS_INVALID, "malformed query to sign");
        }
        if (!buf_ok(scratch)) {
            break;
        }
        const char *base = buf_data(scratch);
        if (is_presigned((struct str){base + pair.key_at, pair.key_n})) {
            return err_set(err, STATUS_INVALID, "the request to sign is signed already");
        }
        size_t at = (*count_out)++;
        for (; at > 0 && compare_pairs(base, &pairs[at - 1], &pair) > 0; at--) {
            pairs[at] = pairs[at - 1];
        }
        pairs[at] = pair;
    }
    return STATUS_OK;
}

static enum status put_query(struct buf *out, struct str query, struct buf *scratch,
                             struct err *err)
{
    struct pair pairs[QUERY_MAX];
    size_t count = 0;
    size_t from = buf_len(scratch);
    enum status st = read_query(query, scratch, pairs, &count, err);
    for (size_t i = 0; i < count && st == STATUS_OK; i++) {
        const char *base = buf_data(scratch);
        if (i > 0) {
            buf_put_char(out, '&');
        }
        buf_put(out, base + pairs[i].key_at, pairs[i].key_n);
        buf_put_char(out, '=');
        buf_put(out, base + pairs[i].value_at, pairs[i].value_n);
    }
    buf_truncate(scratch, from);
    return st;
}

/* --- headers --- */

struct sorted {
    const struct sigv4_header *header[SIGV4_HEADERS_MAX];
    size_t count;
};

static int compare_names(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    for (size_t i = 0; i < n; i++) {
        int order = (unsigned char)lower(a.p[i]) - (unsigned char)lower(b.p[i]);
        if (order != 0) {
            return order;
        }
    }
    return (a.n > b.n) - (a.n < b.n);
}

/* Insertion sort: a dozen headers, and equal names keep their order of arrival. */
static void insert(struct sorted *sorted, const struct sigv4_header *h)
{
    size_t at = sorted->count++;
    for (; at > 0 && compare_names(sorted->header[at - 1]->name, h->name) > 0; at--) {
        sorted->header[at] = sorted->header[at - 1];
    }
    sorted->header[at] = h;
}

static enum status sort_headers(const struct sigv4_request *r, struct sorted *sorted_out,
                                struct err *err)
{
    size_t hosts = 0;
    size_t dates = 0;
    sorted_out->count = 0;
    for (size_t i = 0; i < r->header_count; i++) {
        const struct sigv4_header *h = &r->headers[i];
        if (is_presigned(h->name)) {
            return err_set(err, STATUS_INVALID, "the request to sign is signed already");
        }
        if (is_skipped(h->name)) {
            continue;
        }
        if (sorted_out->count == SIGV4_HEADERS_MAX) {
            return err_set(err, STATUS_INVALID, "too many headers to sign");
        }
        hosts += text_ieq(h->name, STR("host"));
        dates += text_ieq(h->name, STR("x-amz-date"));
        insert(sorted_out, h);
    }
    if (hosts != 1 || dates != 1) {
        return err_set(err, STATUS_INVALID,
                       "a request to sign needs host and x-amz-date, once each");
    }
    return STATUS_OK;
}

static void put_lower(struct buf *out, struct str name)
{
    char *to = buf_reserve(out, name.n);
    if (to == NULL) {
        return;
    }
    for (size_t i = 0; i < name.n; i++) {
        to[i] = lower(name.p[i]);
    }
    buf_commit(out, name.n);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* No blanks at the ends, one space for each run inside; a folded line is such a run. */
static void put_value(struct buf *out, struct str value)
{
    bool due = false;
    size_t n = 0;
    char *to = buf_reserve(out, value.n); /* it never grows */
    if (to == NULL) {
        return;
    }
    for (size_t i = 0; i < value.n; i++) {
        if (is_blank(value.p[i])) {
            due = n > 0;
            continue;
        }
        if (due) {
            to[n++] = ' ';
        }
        due = false;
        to[n++] = value.p[i];
    }
    buf_commit(out, n);
}

static void put_headers(const struct sorted *sorted, struct buf *out, struct buf *names_out)
{
    for (size_t i = 0; i < sorted->count; i++) {
        const struct sigv4_header *h = sorted->header[i];
        if (i > 0 && text_ieq(h->name, sorted->header[i - 1]->name)) {
            buf_put_char(out, ',');
        } else {
            if (i > 0) {
                buf_put_char(out, '\n');
                buf_put_char(names_out, ';');
            }
            put_lower(out, h->name);
            put_lower(names_out, h->name);
            buf_put_char(out, ':');
        }
        put_value(out, h->value);
    }
    buf_put_char(out, '\n');
}

/* --- canonical request --- */

enum status sigv4_canonical(const struct sigv4_request *r, struct buf *out,
                            struct buf *signed_headers_out, struct err *err)
{
    struct sorted sorted;
    enum status st = sort_headers(r, &sorted, err);
    if (st != STATUS_OK) {
        return st;
    }
    buf_put_str(out, r->method);
    buf_put_char(out, '\n');
    put_path(out, r->path);
    buf_put_char(out, '\n');
    st = put_query(out, r->query, signed_headers_out, err);
    if (st != STATUS_OK) {
        return st;
    }
    buf_put_char(out, '\n');
    size_t names_at = buf_len(signed_headers_out);
    put_headers(&sorted, out, signed_headers_out);
    if (!buf_ok(out) || !buf_ok(signed_headers_out)) {
        return err_set(err, STATUS_INTERNAL, "no room for the request to sign");
    }
    struct str names = buf_str(signed_headers_out);
    buf_put_char(out, '\n');
    buf_put_str(out, text_sub(names, names_at, names.n - names_at));
    buf_put_char(out, '\n');
    buf_put(out, r->body_sha256, sizeof r->body_sha256);
    return buf_ok(out) ? STATUS_OK
                       : err_set(err, STATUS_INTERNAL, "no room for the request to sign");
}

/* --- signature --- */

void sigv4_key(struct str secret, const struct sigv4_scope *scope, uint8_t key_out[SHA256_SIZE])
{
    char seed[4 + SECRET_MAX] = "AWS4";
    assert(secret.n <= SECRET_MAX);
    memcpy(seed + 4, secret.p, secret.n);
    sha256_hmac(seed, 4 + secret.n, scope->date, strlen(scope->date), key_out);
    text_wipe(seed, sizeof seed);
    const struct str rest[] = {scope->region, scope->service, STR("aws4_request")};
    for (size_t i = 0; i < COUNT_OF(rest); i++) {
        sha256_hmac(key_out, SHA256_SIZE, rest[i].p, rest[i].n, key_out);
    }
}

static void put_scope(struct buf *out, const struct sigv4_scope *scope)
{
    buf_put_str(out, text_from(scope->date));
    buf_put_char(out, '/');
    buf_put_str(out, scope->region);
    buf_put_char(out, '/');
    buf_put_str(out, scope->service);
    BUF_LIT(out, "/aws4_request");
}

/* scratch goes from canonical request to string to sign. */
static void put_signature(struct buf *out, struct buf *scratch, const struct sigv4_scope *scope,
                          struct str amz_date, const uint8_t key[SHA256_SIZE])
{
    char hash[2 * SHA256_SIZE];
    sha256_hex(buf_data(scratch), buf_len(scratch), hash);
    buf_clear(scratch);
    BUF_LIT(scratch, ALGORITHM "\n");
    buf_put_str(scratch, amz_date);
    buf_put_char(scratch, '\n');
    put_scope(scratch, scope);
    buf_put_char(scratch, '\n');
    buf_put(scratch, hash, sizeof hash);
    uint8_t mac[SHA256_SIZE];
    sha256_hmac(key, SHA256_SIZE, buf_data(scratch), buf_len(scratch), mac);
    text_hex(mac, sizeof mac, hash);
    buf_put(out, hash, sizeof hash);
}

/* The key is made for one UTC day: a request signed with yesterday's gets a 403 that hides why. */
static bool same_day(const struct sigv4_request *r, const struct sigv4_scope *scope,
                     struct str amz_date)
{
    if (amz_date.n != AMZ_DATE_LEN || !text_starts(amz_date, text_from(scope->date))) {
        return false;
    }
    for (size_t i = 0; i < r->header_count; i++) {
        if (text_ieq(r->headers[i].name, STR("x-amz-date")) &&
            !text_eq(r->headers[i].value, amz_date)) {
            return false;
        }
    }
    return true;
}

static enum status put_authorization(const struct sigv4_request *r, const struct sigv4_scope *scope,
                                     const uint8_t key[SHA256_SIZE], struct str access_key_id,
                                     struct str amz_date, struct buf *scratch, struct buf *out,
                                     struct err *err)
{
    BUF_LIT(out, ALGORITHM " Credential=");
    buf_put_str(out, access_key_id);
    buf_put_char(out, '/');
    put_scope(out, scope);
    BUF_LIT(out, ", SignedHeaders=");
    enum status st = sigv4_canonical(r, scratch, out, err);
    if (st != STATUS_OK) {
        return st;
    }
    BUF_LIT(out, ", Signature=");
    put_signature(out, scratch, scope, amz_date, key);
    if (!buf_ok(out) || !buf_ok(scratch)) {
        return err_set(err, STATUS_INTERNAL, "no room for the request to sign");
    }
    return STATUS_OK;
}

enum status sigv4_sign(const struct sigv4_request *r, const struct sigv4_scope *scope,
                       const uint8_t key[SHA256_SIZE], struct str access_key_id,
                       struct str amz_date, struct buf *scratch, struct buf *authorization_out,
                       struct err *err)
{
    if (!same_day(r, scope, amz_date)) {
        return err_set(err, STATUS_INVALID, "x-amz-date and the day of the signing key differ");
    }
    size_t from = buf_len(authorization_out);
    buf_clear(scratch);
    enum status st =
        put_authorization(r, scope, key, access_key_id, amz_date, scratch, authorization_out, err);
    if (st != STATUS_OK) {
        buf_truncate(authorization_out, from); /* all of it or nothing */
    }
    return st;
}

/* --- model path --- */

static bool is_model_id(struct str id)
{
    if (id.n == 0 || id.n > MODEL_MAX || text_eq(id, STR(".")) || text_eq(id, STR(".."))) {
        return false; /* the dots would be taken out of the canonical path, but not of the wire's */
    }
    return text_only_of(id, "._:/-");
}

enum status sigv4_model_path(struct str model_id, struct str suffix, struct buf *out,
                             struct err *err)
{
    if (!is_model_id(model_id)) {
        return err_set(err, STATUS_INVALID,
                       "the model id has characters outside [A-Za-z0-9._:/-] "
                       "or is not 1 to 2048 long");
    }
    BUF_LIT(out, "/model/");
    put_percent(out, model_id);
    buf_put_str(out, suffix);
    return buf_ok(out) ? STATUS_OK : err_set(err, STATUS_INTERNAL, "no room for the model path");
}
