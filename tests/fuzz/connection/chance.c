#include "tests/fuzz/connection/chance.h"

#include "tests/fuzz/connection/frames.h"
#include "tests/fuzz/connection/saying.h"

#define COUNT(a)      ((uint32_t)(sizeof(a) / sizeof *(a)))
#define WORLD_CLIENTS 4
#define TEXT_MAX      2000 /* of one line, when a request or an answer is spelled out */

static const struct {
    uint32_t weight;
} rows[] = {
#define ROW(NAME, name, text, weight, a, b, c, d, meaning) {weight},
    SCRIPT_TABLE(ROW)
#undef ROW
};

/* Small ones first: cuts at the beginning, deadlines, borders of a chunk. */
static const uint32_t likely[] = {0, 1, 2, 17, 30, 99, 250, SCRIPT_HEAD, SCRIPT_HEAD + 3};

/* A connection in each of its states ... */
static const char *const states[] = {
    "open",
    "send 0 0 \"POST /v1/mess\"",
    "ask 0 0 0 60",
    "ask 0 8\nask 0 0 0 60",
    "ask 0 0 0 10000",
    "ask 0 0 0 10005",
    "ask 0 13 0 10001",
    "ask 0 13 0 10006",
    "ask 0 14 0 10000",
    "ask 0 14 4 10000",
    "ask 0 1 4 10000",
    "ask 0 13 4 10004",
    "ask 0 0 4",
    "ask 0 8\nask 0 4 5",
    "ask 0 0",
    "ask 0 5",
    "ask 0 4 3\nask 1 4 3",
    "ask 0 7",
    "dial 2\nask 0 0",
    "dial 1\nask 0 2",
    "ask 0 0\nanswer 0 1",
    "ask 0 2\nanswer 0 0 10000",
    "ask 0 0\nanswer 0 0 10700",
    "ask 0 4\nanswer 0 17 10400",
    "ask 0 0\nroom 0 50\nanswer 0 16",
    "ask 0 4\nroom 0 700\nanswer 0 17",
    "room 0 10\nask 0 9",
    "ask 0 38\nwait 2",
    "ask 0 39\nwait 2",
    "ask 0 26\nask 1 26",
    "ask 0 0\nask 0 8\nask 0 0",
    "ask 0 20\nanswer\nsend 0 0 \"more\"",
    /* HTTP/2 */
    "talk 0 8",
    "talk 0 8\ntalk 0 0 0 60",
    "talk 0 1 0 700",
    "talk 0 0\ntalk 0 3",
    "talk 0 0\ntalk 0 47\nanswer 1 0 10300",
    "talk 0 26",
    "talk 0 14 4",
    "frame 0 2\ntalk 0 0\nanswer 0 16",
    "talk 0 49\nroom 0 90\nanswer 0 17",
    "talk 0 1 4\ntalk 0 22\ntalk 0 8",
    "talk 0 47\nanswer 0 22",
};

/* ... and what may happen to it then. */
static const char *const events[] = {
    "fin",        "rst",        "quit",        "wait",
    "wait 3",     "term",       "orphan",      "key",
    "key 1",      "key 2",      "give 0",      "give 0 1",
    "read",       "room 0 1",   "answer",      "answer 0 1",
    "upfin",      "uprst",      "pour",        "pour 0 1",
    "ask 0 8",    "ask",        "ask 0 0 4",   "clock 2000",
    "nofd 1",     "open 2",     "ring",        "table 0",
    "sign 0 1",   "answer 12",  "answer 0 19", "frames 0 0 \".\"",
    "frame 0 14", "frame 0 9",  "frame 0 10",  "frame 0 20",
    "frame 0 22", "frame 0 30", "frame 0 24",  "talk 0 8",
};

static const char *const texts[] = {
    "GET / HTTP/1.1\r\nHost: a\r\n",
    "\r\n",
    "POST /v1/messages HTTP/1.1\r\nHost: a\r\nx-api-key: sk-good\r\nContent-Length: 9\r\n\r\n",
    "GET /health HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\n0\r\n\r\n",
    "{\"model\":\"x\"}",
    "e messageStop {\"stopReason\":\"tool_use\"}\n.\n",
    "h\ne messageStart {\"role\":\"assistant\"}\n",
    "i {\"type\":\"ping\"}\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
};

uint32_t chance_roll(struct chance *d, uint32_t sides)
{
    d->state = d->state * 6364136223846793005u + 1442695040888963407u;
    return sides > 0 ? (uint32_t)(d->state >> 33) % sides : 0;
}

static enum script_op pick_op(struct chance *d)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < SCRIPT_OPS; i++)
        sum += rows[i].weight;
    uint32_t at = chance_roll(d, sum);
    unsigned op = 0;
    for (; at >= rows[op].weight; op++)
        at -= rows[op].weight;
    return (enum script_op)op;
}

static uint32_t pick_number(struct chance *d, enum script_op op, unsigned arg)
{
    uint32_t range = script_range(op, arg);
    if (range > 99 && chance_roll(d, 2))
        return likely[chance_roll(d, COUNT(likely))];
    /* Mostly the first client, the youngest transfer. */
    if (range == 4 && arg == 0 && chance_roll(d, 2))
        return 0;
    return chance_roll(d, range);
}

static char pick_mark(struct chance *d)
{
    uint32_t side = chance_roll(d, 10);
    return side < 2 ? '+' : side == 2 ? '-' : 0;
}

static struct str add_text(struct script *s, const char *p, size_t n)
{
    char *start = s->bytes + s->used;
    n = n < SCRIPT_TEXT - s->used ? n : SCRIPT_TEXT - s->used;
    memcpy(start, p, n);
    s->used += n;
    return (struct str){start, n};
}

static struct script_line invent_line(struct chance *d, struct script *s)
{
    struct script_line line = {.op = pick_op(d), .mark = pick_mark(d)};
    for (unsigned i = 0; i < script_args(line.op); i++)
        line.arg[i] = pick_number(d, line.op, i);
    if (script_has_text(line.op)) {
        const char *text = texts[chance_roll(d, COUNT(texts))];
        line.text = add_text(s, text, strlen(text));
    }
    return line;
}

/* ---- lines come and go -------------------------------------------------------------------- */

static void insert(struct script *s, size_t at, struct script_line line)
{
    if (s->n == SCRIPT_LINES)
        return;
    memmove(&s->line[at + 1], &s->line[at], (s->n - at) * sizeof line);
    s->line[at] = line;
    s->n++;
}

static void remove_line(struct script *s, size_t at)
{
    s->n--;
    memmove(&s->line[at], &s->line[at + 1], (s->n - at) * sizeof s->line[0]);
}

/* Lines of a text at a place; what they say of client 0 holds for that one. Returns how many. */
static size_t insert_text(struct chance *d, struct script *s, size_t at, const char *text,
                          uint32_t client)
{
    static struct script lines;
    script_read(&lines, text_from(text));
    for (size_t i = 0; i < lines.n && s->n < SCRIPT_LINES; i++) {
        struct script_line line = lines.line[i];
        if (script_range(line.op, 0) == WORLD_CLIENTS)
            line.arg[0] += client;
        line.text = add_text(s, line.text.p ? line.text.p : "", line.text.n);
        line.mark = pick_mark(d);
        insert(s, at + i, line);
    }
    return lines.n;
}

uint32_t chance_states(void)
{
    return COUNT(states);
}

uint32_t chance_events(void)
{
    return COUNT(events);
}

void chance_scene(struct script *s, uint32_t state, uint32_t event, bool at_once)
{
    static struct script after;
    script_read(s, text_from(states[state]));
    script_read(&after, text_from(events[event]));
    if (at_once)
        s->line[s->n - 1].mark = '+';
    for (size_t i = 0; i < after.n; i++) {
        struct script_line line = after.line[i];
        line.text = add_text(s, line.text.p ? line.text.p : "", line.text.n);
        insert(s, s->n, line);
    }
}

/* A state, and up to three things that happen in it, at once or one after the other. */
static void insert_scene(struct chance *d, struct script *s, size_t at)
{
    uint32_t client = chance_roll(d, 2) ? 0 : chance_roll(d, WORLD_CLIENTS);
    at += insert_text(d, s, at, states[chance_roll(d, COUNT(states))], client);
    for (uint32_t n = 1 + chance_roll(d, 3); n > 0; n--)
        at += insert_text(d, s, at, events[chance_roll(d, COUNT(events))], client);
}

void chance_invent(struct chance *d, struct script *s)
{
    s->n = s->used = 0;
    size_t n = 3 + chance_roll(d, 22);
    insert(s, 0, (struct script_line){.op = SCRIPT_CONFIG, .arg = {chance_roll(d, 4)}});
    if (chance_roll(d, 2))
        insert(s, 1, (struct script_line){.op = SCRIPT_AUTO, .arg = {1}});
    while (n-- > 0) {
        if (chance_roll(d, 4))
            insert(s, s->n, invent_line(d, s));
        else
            insert_scene(d, s, s->n);
    }
    insert(s, s->n, (struct script_line){.op = SCRIPT_END, .arg = {chance_roll(d, 6)}});
}

void chance_cross(struct chance *d, struct script *s, const struct script *other)
{
    if (other->n == 0)
        return;
    size_t from = chance_roll(d, (uint32_t)other->n);
    size_t n = 1 + chance_roll(d, (uint32_t)(other->n - from));
    size_t at = chance_roll(d, (uint32_t)s->n + 1);
    for (size_t i = 0; i < n && s->n < SCRIPT_LINES; i++) {
        struct script_line line = other->line[from + i];
        line.text = add_text(s, line.text.p ? line.text.p : "", line.text.n);
        insert(s, at + i, line);
    }
}

/* ---- changes of one line ------------------------------------------------------------------ */

/* A request or an answer of the tables becomes a text that can be changed byte by byte. */
static void spell_out(struct script *s, struct script_line *line)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    bool asks = line->op == SCRIPT_ASK || line->op == SCRIPT_TALK;
    uint32_t shown = asks ? line->arg[3] : line->arg[2];
    if (line->op == SCRIPT_TALK)
        frames_greeting(&text);
    if (line->op == SCRIPT_TALK)
        frames_request(line->arg[1], line->arg[2], 1, &text);
    else if (asks)
        saying_request(line->arg[1], line->arg[2], &text);
    else
        saying_answer(line->arg[1], STR("/converse"), &text);
    if (buf_len(&text) <= TEXT_MAX) {
        line->text = add_text(s, buf_data(&text), buf_len(&text));
        line->op = asks ? SCRIPT_SEND : SCRIPT_REPLY;
        line->arg[1] = shown;
        line->arg[2] = line->arg[3] = 0;
    }
    buf_free(&text);
}

static void change_text(struct chance *d, struct script *s, struct script_line *line)
{
    size_t room = SCRIPT_TEXT - s->used;
    size_t most = line->text.n + 64 < room ? line->text.n + 64 : room;
    if (most < line->text.n || most == 0)
        return;
    char *copy = s->bytes + s->used;
    if (line->text.n > 0)
        memcpy(copy, line->text.p, line->text.n);
    size_t n = line->text.n;
    if (d->bytes) {
        n = d->bytes((uint8_t *)copy, n, most);
    } else if (n > 0) {
        copy[chance_roll(d, (uint32_t)n)] ^= (char)(1 << chance_roll(d, 8));
        n = chance_roll(d, 4) ? n : chance_roll(d, (uint32_t)n);
    }
    s->used += n;
    line->text = (struct str){copy, n};
}

static void change_number(struct chance *d, struct script_line *line)
{
    unsigned args = script_args(line->op);
    if (args == 0)
        return;
    unsigned i = chance_roll(d, args);
    if (chance_roll(d, 3))
        line->arg[i] = pick_number(d, line->op, i);
    else
        line->arg[i] += chance_roll(d, 2) ? 1u : line->arg[i] > 0 ? ~0u : 0u;
}

static void change_line(struct chance *d, struct script *s, struct script_line *line)
{
    bool told = line->op == SCRIPT_ASK || line->op == SCRIPT_TALK || line->op == SCRIPT_ANSWER;
    switch (chance_roll(d, 4)) {
    case 0:
        line->mark = pick_mark(d);
        break;
    case 1:
        if (told && chance_roll(d, 2))
            spell_out(s, line);
        if (script_has_text(line->op))
            change_text(d, s, line);
        else
            change_number(d, line);
        break;
    default:
        change_number(d, line);
    }
}

/* The first line says under which settings, the last how it ends: they have their places. */
static void change_frame(struct chance *d, struct script *s)
{
    if (s->n > 0 && s->line[0].op == SCRIPT_CONFIG)
        s->line[0].arg[0] = chance_roll(d, script_range(SCRIPT_CONFIG, 0));
    else
        insert(s, 0, (struct script_line){.op = SCRIPT_CONFIG});
    if (s->n > 0 && s->line[s->n - 1].op == SCRIPT_END)
        s->line[s->n - 1].arg[0] = chance_roll(d, script_range(SCRIPT_END, 0));
    else
        insert(s, s->n, (struct script_line){.op = SCRIPT_END});
}

void chance_change(struct chance *d, struct script *s)
{
    if (chance_roll(d, 8) == 0)
        change_frame(d, s);
    for (uint32_t n = 1 + chance_roll(d, 3); n > 0; n--) {
        size_t at = chance_roll(d, (uint32_t)s->n + 1);
        switch (at < s->n ? chance_roll(d, 10) : 0) {
        case 0:
        case 1:
        case 2:
            insert(s, at, invent_line(d, s));
            break;
        case 8:
            insert_scene(d, s, at);
            break;
        case 9:
            insert_text(d, s, at, events[chance_roll(d, COUNT(events))], s->line[at].arg[0]);
            break;
        case 3:
            remove_line(s, at);
            break;
        case 4:
            insert(s, chance_roll(d, (uint32_t)s->n), s->line[at]);
            break;
        default:
            change_line(d, s, &s->line[at]);
        }
    }
}
