#include "tests/mock/play.h"

#include <stdarg.h>
#include <stdio.h>

#include "server/json/json.h"
#include "server/json/scan.h"
#include "tests/mock/ask.h"

#define SCHEMA_MAX 65536 /* of a tool's input, and of what is written for it */
#define QUOTE_MAX  300   /* of a tool's answer, in the mock's words */

/* --- listening --- */

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '/';
}

/* "demo" as a word of its own, not in "demonstrate" or in a path. */
static bool names_demo(struct str s)
{
    struct str word = STR("demo");
    for (size_t i = 0; i + word.n <= s.n; i++) {
        bool begins = i == 0 || !is_word_byte(s.p[i - 1]);
        bool ends = i + word.n == s.n || !is_word_byte(s.p[i + word.n]);
        if (begins && ends && text_ieq(text_sub(s, i, word.n), word))
            return true;
    }
    return false;
}

void play_turn_begin(struct play *p)
{
    p->answers = p->prompts = p->names_demo = false;
}

/* What the client adds by itself is no prompt. */
void play_hear_text(struct play *p, struct str text)
{
    if (text_starts(text_trim(text), STR("<system-reminder>")))
        return;
    p->prompts = true;
    p->names_demo |= names_demo(text);
}

void play_hear_result(struct play *p, struct str text, bool failed)
{
    p->answers = true;
    if (p->result_n < PLAY_RESULTS) {
        p->result[p->result_n] = text;
        p->failed[p->result_n] = failed;
    }
    p->result_n++;
}

void play_turn_end(struct play *p)
{
    if (p->answers || !p->prompts)
        return;
    p->on = p->names_demo;
    p->result_n = 0;
}

bool play_is_folder(const char *path)
{
    struct str s = text_from(path);
    for (size_t i = 0; i < s.n; i++)
        if (!is_word_byte(s.p[i]) && s.p[i] != '.')
            return false;
    return s.n > 1 && s.n < 200 && s.p[0] == '/';
}

/* --- tools: whose input can be written, by its name and its schema --- */

enum part { PART_PATH, PART_OLD, PART_NEW, PART_COMMAND, PART_WHY, PART_COUNT };
enum role { ROLE_READ, ROLE_EDIT, ROLE_RUN, ROLE_COUNT };

/* Names that clients have for the parts: Claude Code, OpenCode, Cline, Gemini CLI and the like. */
static const char *const PART[PART_COUNT] = {
    [PART_PATH] = "file_path|filePath|path|absolute_path|filename",
    [PART_OLD] = "old_string|oldString|old_str|oldText",
    [PART_NEW] = "new_string|newString|new_str|newText",
    [PART_COMMAND] = "command|cmd",
    [PART_WHY] = "description",
};

static const struct {
    const char *tools;
    unsigned parts; /* bits 1 << enum part that the tool must have */
    const char *why;
} ROLE[ROLE_COUNT] = {
    [ROLE_READ] = {"read|read_file|view|cat", 1u << PART_PATH, "Read the notes"},
    [ROLE_EDIT] = {"edit|edit_file|str_replace|replace",
                   1u << PART_PATH | 1u << PART_OLD | 1u << PART_NEW, "Raise the number"},
    [ROLE_RUN] = {"bash|run_shell_command|shell|execute_command", 1u << PART_COMMAND,
                  "Show the line with the number"},
};

static const struct scan_limits LIMITS = {
    .depth = 128, .values = 10000, .keys = 1000, .number_len = 64};

static bool in_words(const char *list, struct str word)
{
    struct str rest = text_from(list), one;
    while (text_split(&rest, '|', &one))
        if (text_ieq(one, word))
            return true;
    return false;
}

/* The property of the schema that is this part and takes text; empty: it has none. */
static struct str property_of(const struct scan *s, scan_ref properties, enum part part)
{
    struct str rest = text_from(PART[part]), name;
    while (text_split(&rest, '|', &name)) {
        scan_ref property = scan_get(s, properties, name);
        if (SCAN_IS(s, SCAN_GET(s, property, "type"), "string"))
            return name;
    }
    return STR("");
}

/* True when nothing is required but what was written (bits of enum part). */
static bool is_enough(const struct scan *s, unsigned written)
{
    scan_ref list = SCAN_GET(s, 0, "required");
    for (scan_ref v = scan_first(s, list); v != SCAN_ABSENT; v = scan_next(s, list, v)) {
        bool known = false;
        for (unsigned part = 0; part < PART_COUNT; part++)
            known |= (written & 1u << part) && in_words(PART[part], scan_text(s, v));
        if (!known)
            return false;
    }
    return true;
}

/* The input for a tool of this schema; empty when it cannot be written. */
static struct str write_input(struct arena *arena, struct str schema, unsigned wanted,
                              const struct str value[PART_COUNT])
{
    struct scan s;
    struct err err;
    struct json_out w;
    struct buf out;
    unsigned written = 0;
    if (schema.n > SCHEMA_MAX || scan_parse(&s, arena, schema, &LIMITS, &err) != STATUS_OK)
        return STR("");
    buf_init(&out, SCHEMA_MAX);
    json_begin(&w, &out);
    json_object(&w);
    for (unsigned part = 0; part < PART_COUNT; part++) {
        struct str name = property_of(&s, SCAN_GET(&s, 0, "properties"), part);
        if (name.n && value[part].p) {
            json_key(&w, name);
            json_str(&w, value[part]);
            written |= 1u << part;
        }
    }
    json_object_end(&w);
    bool good = (written & wanted) == wanted && is_enough(&s, written) && buf_ok(&out);
    struct str input = good ? arena_dup(arena, buf_str(&out)) : STR("");
    buf_free(&out);
    return input;
}

/* The first tool that fits the role into b. False: none does. */
static bool choose_tool(struct arena *arena, const struct ask *ask, enum role role,
                        const struct str value[PART_COUNT], struct block *b)
{
    for (size_t i = 0; i < ask->tool_n; i++) {
        struct str input = STR("");
        if (in_words(ROLE[role].tools, ask->tool[i]))
            input = write_input(arena, ask->schema[i], ROLE[role].parts, value);
        if (input.n) {
            *b = (struct block){.kind = BLOCK_TOOL, .name = ask->tool[i], .text = input};
            text_id(STR("toolu_bdrk_"), b->id, sizeof b->id);
            return true;
        }
    }
    return false;
}

/* --- scenes --- */

struct stage {
    struct arena *arena;
    const struct ask *ask;
    struct block call[ROLE_COUNT]; /* kind BLOCK_TOOL: the client has a tool for it */
    enum role scene[ROLE_COUNT];   /* those that can be played, in order */
    size_t scene_n;
    bool counted; /* the number was read */
    uint64_t count;
};

static struct str print(struct arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static struct str print(struct arena *arena, const char *fmt, ...)
{
    char text[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return arena_dup(arena, text_from(text));
}

/* The number behind PLAY_LINE in what a tool answered. */
static bool find_count(struct str s, uint64_t *count_out)
{
    struct str line = STR(PLAY_LINE);
    size_t at, n = 0;
    if (!text_find(s, line, &at))
        return false;
    s = text_sub(s, at + line.n, s.n);
    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return text_u64(text_sub(s, 0, n), count_out) && *count_out < UINT64_MAX;
}

/* With the tools at hand: what is read first decides what the edit says. */
static void set_stage(struct stage *t)
{
    struct arena *a = t->arena;
    const char *folder = t->ask->play_folder;
    t->counted = t->ask->play.result_n > 0 && find_count(t->ask->play.result[0], &t->count);
    struct str value[PART_COUNT] = {
        [PART_PATH] = print(a, "%s/" PLAY_FILE, folder),
        [PART_OLD] = print(a, PLAY_LINE "%llu", (unsigned long long)t->count),
        [PART_NEW] = print(a, PLAY_LINE "%llu", (unsigned long long)t->count + 1),
        [PART_COMMAND] = print(a, "grep -n '" PLAY_LINE "' %s/" PLAY_FILE, folder),
    };
    for (enum role role = 0; role < ROLE_COUNT; role++) {
        value[PART_WHY] = text_from(ROLE[role].why);
        bool blind = role == ROLE_EDIT && t->scene_n == 0; /* nothing to read it with */
        if (!blind && choose_tool(a, t->ask, role, value, &t->call[role]))
            t->scene[t->scene_n++] = role;
    }
}

static struct str say_before(const struct stage *t, enum role role)
{
    switch (role) {
    case ROLE_READ:
        return STR("I will look at " PLAY_FILE " first.");
    case ROLE_EDIT:
        return print(t->arena, "It says %llu. I will make that %llu.", (unsigned long long)t->count,
                     (unsigned long long)t->count + 1);
    default:
        return STR("Let me see with the shell what is in the file now.");
    }
}

static struct str quoted(struct str s)
{
    s = text_trim(s);
    while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
        s.n--;
    return text_sub(s, 0, ask_piece(s, QUOTE_MAX));
}

/* A tool that failed, or a file that is not as it was made, ends the play. */
static struct str say_trouble(const struct stage *t)
{
    const struct play *p = &t->ask->play;
    for (size_t i = 0; i < p->result_n && i < PLAY_RESULTS; i++)
        if (p->failed[i])
            return print(t->arena,
                         "The demo ends here, because your tool said:\n\n> %.*s\n\nIf it was about "
                         "permission: the demo reads, edits and looks at one file, %s/" PLAY_FILE
                         ".",
                         STR_ARG(quoted(p->result[i])), t->ask->play_folder);
    if (p->result_n && t->scene[0] == ROLE_READ && !t->counted)
        return STR("The demo ends here: " PLAY_FILE " has no line \"" PLAY_LINE
                   "N\" any more. `make run` makes a new one.");
    return (struct str){NULL, 0};
}

static const char *ending(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static struct str say_summary(const struct stage *t)
{
    const struct play *p = &t->ask->play;
    bool edited = t->call[ROLE_EDIT].kind == BLOCK_TOOL && t->counted;
    struct str shown = STR("");
    uint64_t seen = 0;
    if (t->scene[t->scene_n - 1] == ROLE_RUN && t->scene_n <= PLAY_RESULTS)
        shown = p->result[t->scene_n - 1];
    struct str change =
        edited ? print(t->arena,
                       "I read " PLAY_FILE " and changed the number in it from %llu to "
                       "%llu. ",
                       (unsigned long long)t->count, (unsigned long long)t->count + 1)
               : STR("");
    bool agrees = find_count(shown, &seen) && (!edited || seen == t->count + 1);
    struct str proof =
        shown.n
            ? print(t->arena, "%s\n\n    %.*s\n\n",
                    agrees ? "The shell agrees:" : "But the shell shows:", STR_ARG(quoted(shown)))
            : STR("\n\n");
    return print(
        t->arena,
        "That was the demo. %.*s%.*sYou answered %zu tool call%s on the way. No model was "
        "asked: the bundled mock of Amazon Bedrock spoke its part, as %.*s. All between it "
        "and you was real: key, limits, conversion, signature, event stream, usage record.",
        STR_ARG(change), STR_ARG(proof), p->result_n, ending(p->result_n), STR_ARG(t->ask->model));
}

static void add(struct reply *out, struct block b)
{
    out->block[out->block_n++] = b;
}

bool play_reply(struct arena *arena, const struct ask *ask, struct reply *out)
{
    struct stage t = {.arena = arena, .ask = ask};
    if (!ask->play_folder || !ask->play.on)
        return false;
    set_stage(&t);
    if (t.scene_n == 0)
        return false;
    out->pace_ms = PLAY_PACE_MS;
    struct str trouble = say_trouble(&t);
    if (trouble.p || ask->play.result_n >= t.scene_n) {
        add(out, (struct block){.kind = BLOCK_TEXT, .text = trouble.p ? trouble : say_summary(&t)});
        return true;
    }
    enum role role = t.scene[ask->play.result_n];
    add(out, (struct block){.kind = BLOCK_TEXT, .text = say_before(&t, role)});
    add(out, t.call[role]);
    out->stop_reason = "tool_use";
    return true;
}
