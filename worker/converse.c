#include "worker/converse.h"

#include <string.h>

#include "server/sha256.h"

#define TOOL_NAME_MAX 64
#define TOOL_ID_MAX 64
#define DOCUMENT_NAME_MAX 200

/* A request has tens of tools, not thousands: a list is enough. */
struct pair {
    struct str client, bedrock;
    struct pair *next;
};

struct converse_names {
    struct arena *arena;
    struct pair *pairs;
};

struct converse_names *converse_names_new(struct arena *arena)
{
    struct converse_names *names = arena_alloc(arena, sizeof *names);
    if (names) {
        names->arena = arena;
    }
    return names;
}

static bool alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool all_of(struct str s, size_t max, const char *others)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!alphanumeric(s.p[i]) && (s.p[i] == '\0' || !strchr(others, s.p[i]))) {
            return false;
        }
    }
    return s.n > 0 && s.n <= max;
}

/* "t_" + up to 24 legal characters of the name's end + "_" + 32 hex of its SHA-256: the model still sees what the
 * tool is about, the same name always gives the same result, and two names never meet. */
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
    char *out = arena_printf(arena, "t_%.*s_%.32s", (int)n, legible, hex);
    return text_from(out);
}

struct str converse_name_out(struct converse_names *names, struct str client)
{
    if (all_of(client, TOOL_NAME_MAX, "_-")) {
        return client;
    }
    for (struct pair *p = names->pairs; p; p = p->next) {
        if (text_eq(p->client, client)) {
            return p->bedrock;
        }
    }
    struct pair *p = arena_alloc(names->arena, sizeof *p);
    struct str made = short_name(names->arena, client);
    if (!p || !made.p) {
        return (struct str){NULL, 0};
    }
    *p = (struct pair){.client = arena_dup(names->arena, client), .bedrock = made, .next = names->pairs};
    names->pairs = p;
    return p->client.p ? made : (struct str){NULL, 0};
}

struct str converse_name_back(const struct converse_names *names, struct str bedrock)
{
    for (const struct pair *p = names ? names->pairs : NULL; p; p = p->next) {
        if (text_eq(p->bedrock, bedrock)) {
            return p->client;
        }
    }
    return bedrock;
}

struct str converse_tool_id(struct arena *arena, struct str client)
{
    if (all_of(client, TOOL_ID_MAX, "_.:-")) {
        return client;
    }
    char hex[64];
    sha256_hex(client.p, client.n, hex);
    return text_from(arena_printf(arena, "x-%.40s", hex));
}

struct str converse_document_name(struct arena *arena, struct str title, unsigned number)
{
    char out[DOCUMENT_NAME_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i < title.n && n < DOCUMENT_NAME_MAX - 12; i++) {
        char c = title.p[i];
        bool legal = alphanumeric(c) || c == '-' || c == '(' || c == ')' || c == '[' || c == ']';
        bool blank = !legal && n > 0 && out[n - 1] != ' '; /* runs of anything else: one blank */
        if (legal || blank) {
            out[n++] = legal ? c : ' ';
        }
    }
    while (n > 0 && out[n - 1] == ' ') {
        n--;
    }
    return text_from(n ? arena_printf(arena, "%.*s %u", (int)n, out, number) : arena_printf(arena, "document %u", number));
}

void converse_note(struct buf *changes, const char *what, struct str name)
{
    char note[160];
    int len = snprintf(note, sizeof note, "%s%.*s", what, (int)(name.n < 100 ? name.n : 100), name.n ? name.p : "");
    struct str one = {note, (size_t)len < sizeof note ? (size_t)len : sizeof note - 1}, rest = buf_str(changes), seen;
    while (text_split(&rest, ',', &seen)) {
        if (text_eq(seen, one)) {
            return;
        }
    }
    if (buf_len(changes)) {
        buf_put_char(changes, ',');
    }
    buf_put_str(changes, one);
}
