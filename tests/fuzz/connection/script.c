#include "tests/fuzz/connection/script.h"

/* Reading and printing. What chance does to a script is in chance.c. */

static const struct {
    const char *name;
    bool text;
    uint32_t range[SCRIPT_ARGS];
} rows[] = {
#define ROW(NAME, name, text, weight, a, b, c, d, meaning) {name, text, {a, b, c, d}},
    SCRIPT_TABLE(ROW)
#undef ROW
};

const char *script_name(enum script_op op)
{
    return rows[op].name;
}

uint32_t script_range(enum script_op op, unsigned arg)
{
    return rows[op].range[arg];
}

bool script_has_text(enum script_op op)
{
    return rows[op].text;
}

unsigned script_args(enum script_op op)
{
    unsigned n = 0;
    while (n < SCRIPT_ARGS && rows[op].range[n] > 0)
        n++;
    return n;
}

/* ---- reading ------------------------------------------------------------------------------ */

static bool find_op(struct str word, enum script_op *out)
{
    for (unsigned i = 0; i < SCRIPT_OPS; i++)
        if (text_eq(word, text_from(rows[i].name))) {
            *out = (enum script_op)i;
            return true;
        }
    return false;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character of a quoted text. */
static char read_character(struct str *in)
{
    char c = in->p[0];
    *in = text_sub(*in, 1, in->n);
    if (c != '\\' || in->n == 0)
        return c;
    c = in->p[0];
    *in = text_sub(*in, 1, in->n);
    if (c == 'x' && in->n >= 2 && hex_digit(in->p[0]) >= 0 && hex_digit(in->p[1]) >= 0) {
        c = (char)(hex_digit(in->p[0]) << 4 | hex_digit(in->p[1]));
        *in = text_sub(*in, 2, in->n);
        return c;
    }
    return c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : c;
}

static struct str read_text(struct script *s, struct str in)
{
    char *start = s->bytes + s->used;
    while (in.n > 0 && in.p[0] != '"' && s->used < SCRIPT_TEXT)
        s->bytes[s->used++] = read_character(&in);
    return (struct str){start, (size_t)(s->bytes + s->used - start)};
}

static void read_line(struct script *s, struct str in)
{
    struct script_line line = {.mark = 0};
    struct str word;
    if (in.n > 0 && (in.p[0] == '+' || in.p[0] == '-')) {
        line.mark = in.p[0];
        in = text_sub(in, 1, in.n);
    }
    if (!text_split(&in, ' ', &word) || !find_op(word, &line.op))
        return;
    for (unsigned i = 0; i < SCRIPT_ARGS && in.n > 0 && in.p[0] != '"'; i++) {
        uint64_t value = 0;
        text_split(&in, ' ', &word);
        line.arg[i] = text_u64(word, &value) ? (uint32_t)value : 0;
    }
    if (in.n > 0 && in.p[0] == '"' && rows[line.op].text)
        line.text = read_text(s, text_sub(in, 1, in.n));
    s->line[s->n++] = line;
}

void script_read(struct script *s, struct str text)
{
    struct str line;
    s->n = s->used = 0;
    while (s->n < SCRIPT_LINES && text_split(&text, '\n', &line))
        read_line(s, line);
}

/* ---- printing ----------------------------------------------------------------------------- */

static void print_text(struct str text, struct buf *out)
{
    buf_put_char(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '\r' || c == '\n')
            buf_printf(out, "\\%c", c == '\r' ? 'r' : 'n');
        else if (c < 0x20 || c == 0x7f)
            buf_printf(out, "\\x%02x", (unsigned char)c);
        else
            buf_put_char(out, c);
    }
    buf_put_char(out, '"');
}

void script_print_line(const struct script_line *line, struct buf *out)
{
    unsigned n = script_args(line->op);
    if (line->mark)
        buf_put_char(out, line->mark);
    buf_put_str(out, text_from(rows[line->op].name));
    while (n > 0 && line->arg[n - 1] == 0)
        n--;
    for (unsigned i = 0; i < n; i++)
        buf_printf(out, " %u", line->arg[i]);
    if (rows[line->op].text) {
        buf_put_char(out, ' ');
        print_text(line->text, out);
    }
    buf_put_char(out, '\n');
}

void script_print(const struct script *s, struct buf *out)
{
    for (size_t i = 0; i < s->n; i++)
        script_print_line(&s->line[i], out);
}
