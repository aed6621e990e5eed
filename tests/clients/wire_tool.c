/*
 * wire-tool sign|decode|encode: the AWS wire code behind JSON lines, so that other implementations
 * can be set against it (tests/clients/smithy.test.mjs). One request a line in, one answer a line
 * out.
 *
 *   sign    {method,path,query,headers:[[name,value]],body,region,service,date,akid,secret}
 *           -> {authorization} or {error}
 *   decode  {hex,piece?} -> {frames:[{kind,type,message,payload}],bad,partial}; piece: bytes per
 * call encode  {kind,type,payload} -> {hex}
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "server/base/arena.h"
#include "server/aws/eventstream.h"
#include "server/json/json.h"
#include "server/aws/sigv4.h"

#define LINE_MAX_BYTES ((size_t)32 << 20)
#define FRAME_MAX      ((size_t)16 << 20)

static const char *const kind_names[] = {"event", "exception", "error"};

/* --- sign --- */

static size_t read_headers(const struct cJSON *list, struct sigv4_header *out, size_t max)
{
    size_t n = 0;
    for (const struct cJSON *pair = json_child(list); pair != NULL && n < max;
         pair = json_next(pair)) {
        const struct cJSON *name = json_child(pair);
        out[n++] = (struct sigv4_header){json_text(name), json_text(json_next(name))};
    }
    return n;
}

static void sign(const struct cJSON *in, struct json_out *w)
{
    struct sigv4_header headers[2 * SIGV4_HEADERS_MAX];
    struct sigv4_request r = {
        .method = json_get_text(in, "method"),
        .path = json_get_text(in, "path"),
        .query = json_get_text(in, "query"),
        .headers = headers,
        .header_count = read_headers(json_get(in, "headers"), headers, 2 * SIGV4_HEADERS_MAX),
    };
    struct str body = json_get_text(in, "body");
    struct str date = json_get_text(in, "date");
    sha256_hex(body.p, body.n, r.body_sha256);
    struct sigv4_scope scope = {.region = json_get_text(in, "region"),
                                .service = json_get_text(in, "service")};
    text_copy(date, scope.date, sizeof scope.date);
    uint8_t key[SHA256_SIZE];
    sigv4_key(json_get_text(in, "secret"), &scope, key);

    struct buf scratch, authorization;
    struct err err;
    buf_init(&scratch, LINE_MAX_BYTES);
    buf_init(&authorization, LINE_MAX_BYTES);
    enum status st = sigv4_sign(&r, &scope, key, json_get_text(in, "akid"), date, &scratch,
                                &authorization, &err);
    json_key(w, st == STATUS_OK ? STR("authorization") : STR("error"));
    json_str(w, st == STATUS_OK ? buf_str(&authorization) : text_from(err.text));
    buf_free(&scratch);
    buf_free(&authorization);
}

/* --- frames --- */

static void put_frame(struct json_out *w, const struct eventstream_frame *f)
{
    json_object(w);
    JSON_KEY(w, "kind");
    json_str(w, text_from(kind_names[f->kind]));
    JSON_KEY(w, "type");
    json_str(w, f->type);
    JSON_KEY(w, "message");
    json_str(w, f->message);
    JSON_KEY(w, "payload");
    json_str(w, f->payload);
    json_object_end(w);
}

static bool put_frames(struct eventstream *es, struct str stream, size_t piece, struct json_out *w)
{
    enum eventstream_next got = EVENTSTREAM_MORE;
    for (size_t at = 0; at < stream.n && got != EVENTSTREAM_BAD; at += piece) {
        struct str in = text_sub(stream, at, piece);
        struct eventstream_frame f;
        while ((got = eventstream_next(es, &in, &f, NULL)) == EVENTSTREAM_FRAME)
            put_frame(w, &f);
    }
    return got != EVENTSTREAM_BAD;
}

static void decode(const struct cJSON *in, struct json_out *w)
{
    struct str hex = json_get_text(in, "hex");
    int64_t piece = (int64_t)hex.n + 1;
    json_get_i64(in, "piece", &piece);
    uint8_t *bytes = heap_new(hex.n / 2 + 1);
    assert(bytes != NULL && piece > 0 && text_unhex(hex, bytes, hex.n / 2));
    struct eventstream es;
    eventstream_init(&es, FRAME_MAX);
    JSON_KEY(w, "frames");
    json_array(w);
    bool good = put_frames(&es, (struct str){(const char *)bytes, hex.n / 2}, (size_t)piece, w);
    json_array_end(w);
    JSON_KEY(w, "bad");
    json_bool(w, !good);
    JSON_KEY(w, "partial");
    json_bool(w, eventstream_partial(&es));
    eventstream_free(&es);
    heap_drop(bytes);
}

static void encode(const struct cJSON *in, struct json_out *w)
{
    struct str kind = json_get_text(in, "kind");
    size_t k = 0;
    while (k < 3 && !text_eq(kind, text_from(kind_names[k])))
        k++;
    assert(k < 3);
    struct buf frame;
    buf_init(&frame, FRAME_MAX);
    eventstream_encode(&frame, (enum eventstream_kind)k, json_get_text(in, "type"),
                       json_get_text(in, "payload"));
    assert(buf_ok(&frame));
    char *hex = heap_new(2 * buf_len(&frame));
    assert(hex != NULL);
    text_hex((const uint8_t *)buf_data(&frame), buf_len(&frame), hex);
    JSON_KEY(w, "hex");
    json_str(w, (struct str){hex, 2 * buf_len(&frame)});
    heap_drop(hex);
    buf_free(&frame);
}

/* --- lines --- */

static const struct command {
    const char *name;
    void (*run)(const struct cJSON *in, struct json_out *w);
} commands[] = {{"decode", decode}, {"encode", encode}, {"sign", sign}};

static int answer(const struct command *command, struct str line)
{
    struct err err;
    struct cJSON *in = json_parse(line, &err);
    if (in == NULL) {
        fprintf(stderr, "wire-tool: %s\n", err.text);
        return 1;
    }
    struct buf out;
    struct json_out w;
    buf_init(&out, LINE_MAX_BYTES);
    json_begin(&w, &out);
    json_object(&w);
    command->run(in, &w);
    json_object_end(&w);
    assert(buf_ok(&out));
    printf("%.*s\n", STR_ARG(buf_str(&out)));
    buf_free(&out);
    json_free(in);
    return 0;
}

/* All of stdin: the test closes it before it reads the answers. */
static void read_all(struct buf *in)
{
    size_t n;
    do {
        char *room = buf_reserve(in, 65536);
        assert(room != NULL);
        n = fread(room, 1, 65536, stdin);
        buf_commit(in, n);
    } while (n > 0);
}

static const struct command *find_command(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const struct command *command = find_command(argc, argv);
    if (command == NULL) {
        fprintf(stderr, "usage: wire-tool sign|decode|encode <lines >lines\n");
        return 2;
    }
    struct buf in;
    buf_init(&in, 4 * LINE_MAX_BYTES);
    read_all(&in);
    int status = 0;
    struct str rest = buf_str(&in);
    struct str line;
    while (status == 0 && text_split(&rest, '\n', &line))
        status = line.n == 0 ? 0 : answer(command, line);
    buf_free(&in);
    return status;
}
