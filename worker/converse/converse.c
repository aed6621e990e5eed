#include "worker/converse/converse.h"

#include <stdio.h>
#include <string.h>

#include "server/base/sha256.h"

#define TOOL_NAME_MAX     64
#define DOCUMENT_NAME_MAX 200
#define SHORT_HEX         32 /* of the hash in a made name */
#define JOIN_BYTES        "\x1f\x1f\x1f\x1f\x1f\x1f\x1f"

/* --- characters ---------------------------------------------------------------------------- */

static bool alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c);
}

static bool all_of(struct str s, size_t max, const char *others)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!alphanumeric(s.p[i]) && !one_of(s.p[i], others)) {
            return false;
        }
    }
    return s.n > 0 && s.n <= max;
}

bool converse_is_base64(struct str s)
{
    size_t pad = 0;
    if (s.n == 0 || s.n % 4 != 0) {
        return false;
    }
    while (pad < 2 && s.p[s.n - 1 - pad] == '=') {
        pad++;
    }
    for (size_t i = 0; i < s.n - pad; i++) {
        if (!alphanumeric(s.p[i]) && s.p[i] != '+' && s.p[i] != '/') {
            return false;
        }
    }
    return true;
}

/* --- tool names ---------------------------------------------------------------------------- */

#define BUCKETS 256

/* In buckets by the last byte of the made name, which is as good as random: a request with very
 * many odd names must not cost their number squared. */
struct pair {
    struct str client, bedrock;
    struct pair *next;
};

struct tool {
    struct str client; /* joined */
    struct str space, name;
    enum converse_call kind;
    bool put;
    struct tool *next;
};

struct converse_names {
    struct arena *arena;
    struct pair **pairs; /* BUCKETS, from the first pair on: most requests have none */
    struct tool **tools; /* marked or joined; likewise */
};

struct converse_names *converse_names_new(struct arena *arena)
{
    struct converse_names *names = arena_alloc(arena, sizeof *names);
    if (names) {
        names->arena = arena;
    }
    return names;
}

/* A client's own tool that looks like one of our names is mapped too: two names never meet. */
static bool looks_made(struct str name)
{
    uint8_t ignored[SHORT_HEX / 2];
    return name.n > SHORT_HEX + 2 && text_starts(name, STR("t_")) &&
           text_unhex(text_sub(name, name.n - SHORT_HEX, SHORT_HEX), ignored, sizeof ignored);
}

/* "t_" + legal characters of the name's end + "_" + 32 hex of its SHA-256: the model still sees
 * what the tool is about, and the same name always gives the same result. */
static struct str short_name(struct arena *arena, struct str client)
{
    char legible[25], hex[64];
    size_t n = 0;
    struct str tail = client.n > 24 ? text_sub(client, client.n - 24, 24) : client;
    for (size_t i = 0; i < tail.n; i++) {
        if (alphanumeric(tail.p[i]) || tail.p[i] == '_') {
            legible[n++] = tail.p[i];
        }
    }
    sha256_hex(client.p, client.n, hex);
    return text_from(arena_printf(arena, "t_%.*s_%.*s", (int)n, legible, SHORT_HEX, hex));
}

static struct pair *find(const struct converse_names *names, struct str bedrock,
                         uint8_t *bucket_out)
{
    *bucket_out = 0;
    if (!looks_made(bedrock) || !text_unhex(text_sub(bedrock, bedrock.n - 2, 2), bucket_out, 1)) {
        return NULL;
    }
    for (struct pair *p = names->pairs ? names->pairs[*bucket_out] : NULL; p; p = p->next) {
        if (text_eq(p->bedrock, bedrock)) {
            return p;
        }
    }
    return NULL;
}

struct str converse_name_out(struct converse_names *names, struct str client)
{
    uint8_t bucket;
    if (all_of(client, TOOL_NAME_MAX, "_-") && !looks_made(client)) {
        return client;
    }
    struct str made = short_name(names->arena, client);
    if (!made.p || find(names, made, &bucket)) {
        return made;
    }
    if (!names->pairs) {
        names->pairs = arena_alloc(names->arena, BUCKETS * sizeof *names->pairs);
    }
    struct pair *p = arena_alloc(names->arena, sizeof *p);
    struct str kept = arena_dup(names->arena, client);
    if (!names->pairs || !p || !kept.p) {
        return (struct str){NULL, 0};
    }
    *p = (struct pair){.client = kept, .bedrock = made, .next = names->pairs[bucket]};
    names->pairs[bucket] = p;
    return made;
}

struct str converse_name_back(const struct converse_names *names, struct str bedrock)
{
    uint8_t bucket;
    const struct pair *p = names ? find(names, bedrock, &bucket) : NULL;
    return p ? p->client : bedrock;
}

/* --- tools --------------------------------------------------------------------------------- */

/* Strangers choose the names, but do not know where this request lies in memory. */
static size_t bucket_of(const struct converse_names *names, struct str client)
{
    uint64_t h = (uint64_t)(uintptr_t)names * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < client.n; i++) { /* FNV-1a */
        h = (h ^ (uint8_t)client.p[i]) * 0x100000001b3u;
    }
    return (size_t)(h ^ h >> 32) % BUCKETS;
}

static struct tool *find_tool(const struct converse_names *names, struct str client)
{
    struct tool *t = names && names->tools ? names->tools[bucket_of(names, client)] : NULL;
    while (t && !text_eq(t->client, client)) {
        t = t->next;
    }
    return t;
}

static struct tool *add_tool(struct converse_names *names, struct str client, struct str space,
                             struct str name)
{
    struct tool *t = arena_alloc(names->arena, sizeof *t);
    struct str kept = arena_dup(names->arena, client);
    struct str in = space.n > 0 ? arena_dup(names->arena, space) : STR("");
    struct str own = text_eq(name, client) ? kept : arena_dup(names->arena, name);
    if (!names->tools) { /* the first */
        names->tools = arena_alloc(names->arena, BUCKETS * sizeof *names->tools);
    }
    if (!names->tools || !t || !kept.p || !in.p || !own.p) {
        return NULL;
    }
    struct tool **first = &names->tools[bucket_of(names, client)];
    *t = (struct tool){.client = kept, .space = in, .name = own, .next = *first};
    *first = t;
    return t;
}

bool converse_names_mark(struct converse_names *names, struct str client, enum converse_call kind)
{
    struct tool *t = find_tool(names, client);
    if (!t) {
        t = add_tool(names, client, STR(""), client);
    }
    if (t) {
        t->kind = kind;
    }
    return t != NULL;
}

enum converse_call converse_names_kind(const struct converse_names *names, struct str client)
{
    const struct tool *t = find_tool(names, client);
    return t ? t->kind : CONVERSE_CALL_FUNCTION;
}

/* The number-th way to join the two: first with two underscores, as people and programs do; then with
 * a length and a byte that no API takes in a name, which two pairs never share. Bedrock sees neither
 * (short_name). */
static struct str joined_name(struct arena *arena, struct str space, struct str name,
                              unsigned number)
{
    char head[40] = "";
    if (space.n == 0 && number == 0) {
        return name;
    }
    if (number > 0) {
        snprintf(head, sizeof head, "%zu%.*s", space.n, (int)number, JOIN_BYTES);
    }
    struct str first = text_from(head), middle = number > 0 ? STR("") : STR("__");
    size_t n = first.n + space.n + middle.n + name.n;
    char *out = arena_alloc(arena, n + 1);
    if (!out) {
        return (struct str){NULL, 0};
    }
    char *p = out;
    const struct str parts[] = {first, space, middle, name};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        memcpy(p, parts[i].p, parts[i].n);
        p += parts[i].n;
    }
    return (struct str){out, n};
}

struct str converse_names_join(struct converse_names *names, struct str space, struct str name)
{
    for (unsigned number = 0; number < sizeof JOIN_BYTES; number++) {
        struct str joined = joined_name(names->arena, space, name, number);
        struct tool *t = joined.p ? find_tool(names, joined) : NULL;
        if (t && (!text_eq(t->space, space) || !text_eq(t->name, name))) {
            continue; /* another tool's */
        }
        if (!t && joined.p) {
            t = add_tool(names, joined, space, name);
        }
        return t ? t->client : (struct str){NULL, 0};
    }
    return (struct str){NULL, 0}; /* somebody plays */
}

bool converse_names_first(struct converse_names *names, struct str joined)
{
    struct tool *t = find_tool(names, joined);
    bool first = !t || !t->put;
    if (t) {
        t->put = true;
    }
    return first;
}

bool converse_names_split(const struct converse_names *names, struct str joined,
                          struct str *space_out, struct str *name_out)
{
    const struct tool *t = find_tool(names, joined);
    if (!t || text_eq(t->name, joined)) {
        return false;
    }
    *space_out = t->space;
    *name_out = t->name;
    return true;
}

/* --- document names ------------------------------------------------------------------------ */

struct str converse_document_name(struct arena *arena, struct str title, unsigned number)
{
    char out[DOCUMENT_NAME_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i < title.n && n < DOCUMENT_NAME_MAX - 12; i++) { /* 12: blank and number */
        bool legal = alphanumeric(title.p[i]) || one_of(title.p[i], "-()[]");
        bool blank = !legal && n > 0 && out[n - 1] != ' '; /* runs of anything else: one blank */
        if (legal || blank) {
            out[n++] = legal ? title.p[i] : ' ';
        }
    }
    while (n > 0 && out[n - 1] == ' ') {
        n--;
    }
    return text_from(n > 0 ? arena_printf(arena, "%.*s %u", (int)n, out, number)
                           : arena_printf(arena, "document %u", number));
}

/* API_runtime_DocumentBlock.html, format; media types: IANA. */
struct str converse_document_format(struct str media_type, struct str name)
{
    static const struct {
        const char *type, *ending, *format;
    } table[] = {
        {"application/pdf", ".pdf", "pdf"},
        {"text/plain", ".txt", "txt"},
        {"text/csv", ".csv", "csv"},
        {"text/html", ".html", "html"},
        {"text/markdown", ".md", "md"},
        {"application/msword", ".doc", "doc"},
        {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx",
         "docx"},
        {"application/vnd.ms-excel", ".xls", "xls"},
        {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx", "xlsx"},
    };
    bool untyped = media_type.n == 0 || text_ieq(media_type, STR("application/octet-stream"));
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (text_ieq(media_type, text_from(table[i].type)) ||
            (untyped && text_ends(name, text_from(table[i].ending)))) {
            return text_from(table[i].format);
        }
    }
    return (struct str){NULL, 0};
}
