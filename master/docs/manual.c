#include "master/docs/manual.h"

#include <inttypes.h>
#include <string.h>

#include "server/config/config_docs.h"

/* --- text ---------------------------------------------------------------------------------- */

/* A '-' is one to be copied (not a hyphen), a backslash is none of roff's, and a line that begins
 * with '.' or '\'' is no request. */
static void put_text(struct buf *out, const char *text)
{
    if (text[0] == '.' || text[0] == '\'') {
        BUF_LIT(out, "\\&");
    }
    for (; *text; text++) {
        if (*text == '-') {
            BUF_LIT(out, "\\-");
        } else if (*text == '\\') {
            BUF_LIT(out, "\\e");
        } else {
            buf_put_char(out, *text);
        }
    }
}

static void put_line(struct buf *out, const char *text)
{
    put_text(out, text);
    buf_put_char(out, '\n');
}

/* "PID|NAME" as the reader's own word. */
static void put_placeholder(struct buf *out, const char *text)
{
    if (text[0]) {
        BUF_LIT(out, " \\fI");
        put_text(out, text);
        BUF_LIT(out, "\\fR");
    }
}

/* --- commands ------------------------------------------------------------------------------ */

static void put_option(struct buf *out, const struct option_row *o)
{
    BUF_LIT(out, ".TP\n");
    if (o->letter) {
        buf_printf(out, "\\fB\\-%c\\fR, ", o->letter);
    }
    BUF_LIT(out, "\\fB\\-\\-");
    put_text(out, o->name);
    BUF_LIT(out, "\\fR");
    put_placeholder(out, o->metavar ? o->metavar : "");
    buf_put_char(out, '\n');
    put_line(out, o->help);
}

static void put_command(struct buf *out, const struct commands_row *c)
{
    const struct commands_about *a = c->about;
    BUF_LIT(out, ".SS \"");
    put_text(out, c->name);
    put_placeholder(out, a->arguments);
    BUF_LIT(out, "\"\n");
    put_line(out, a->text);
    for (size_t i = 0; i < a->row_count; i++) {
        if (a->rows[i].help) {
            put_option(out, &a->rows[i]);
        }
    }
}

/* --- settings ------------------------------------------------------------------------------ */

static void put_range(struct buf *out, const struct config_docs_row *r)
{
    struct str rest = text_from(r->choices), piece;
    const char *between = "";
    if (strcmp(r->type, "number") == 0) {
        buf_printf(out, " (%" PRId64 " to %" PRId64 ")", r->min, r->max);
    }
    if (rest.n) {
        BUF_LIT(out, " (");
        while (text_split(&rest, '|', &piece)) {
            buf_printf(out, "%s%.*s", between, STR_ARG(piece));
            between = ", ";
        }
        BUF_LIT(out, ")");
    }
    BUF_LIT(out, ".");
}

static void put_setting(struct buf *out, const struct config_docs_row *r)
{
    BUF_LIT(out, ".TP\n\\fB");
    put_text(out, r->name);
    BUF_LIT(out, "\\fR");
    if (r->dflt[0]) {
        BUF_LIT(out, " (");
        put_text(out, r->dflt);
        BUF_LIT(out, ")");
    }
    buf_put_char(out, '\n');
    put_text(out, r->meaning);
    put_range(out, r);
    if (r->alias[0]) {
        BUF_LIT(out, " Also \\fB");
        put_text(out, r->alias);
        BUF_LIT(out, "\\fR.");
    }
    buf_put_char(out, '\n');
}

/* --- the page ------------------------------------------------------------------------------ */

static const struct {
    const char *name, *text;
} signals[] = {
    {"SIGTERM, SIGINT", "drain and stop: open streams get SHUTDOWN_TIMEOUT. A second one: at once"},
    {"SIGHUP", "read the settings anew; refused settings change nothing"},
    {"SIGUSR2", "the program that lies on disk now takes over, without a connection lost"},
};

static const struct {
    const char *name, *text;
} files[] = {
    {".env", "settings, in the working directory; the environment wins"},
    {"/etc/llm-api-converter/env", "settings of the systemd unit"},
    {"STATE_DIR/master.pid", "how top finds the server, and systemd after a SIGUSR2"},
    {"STATE_DIR/keys.db", "the embedded key store"},
    {"STATE_DIR/usage.journal", "usage records that are not in the store yet"},
};

static const char *const exits[][2] = {
    {"0", "done, or stopped as asked"},
    {"1", "the store, AWS or the machine refused; starting again may help"},
    {"2", "wrong arguments or settings; starting again does not help"},
};

static void put_item(struct buf *out, const char *name, const char *text)
{
    BUF_LIT(out, ".TP\n\\fB");
    put_text(out, name);
    BUF_LIT(out, "\\fR\n");
    put_line(out, text);
}

static void put_head(struct buf *out)
{
    BUF_LIT(out, ".TH LLM\\-API\\-CONVERTER 8 \"\" \"llm\\-api\\-converter " VERSION "\" "
                 "\"System Administration\"\n"
                 ".SH NAME\nllm\\-api\\-converter \\- a gateway between LLM clients and Amazon "
                 "Bedrock\n"
                 ".SH SYNOPSIS\n.B llm\\-api\\-converter\n[\\fIcommand\\fR] [\\fIoptions\\fR]\n"
                 ".SH DESCRIPTION\n"
                 "Programs written for Anthropic's Messages API or for OpenAI's Chat Completions "
                 "are pointed at it and use any chat model of Amazon Bedrock.\n"
                 "Without a command it serves.\n"
                 "Options are the same with one dash or underscore between their words, and every "
                 "command has \\fB\\-\\-help\\fR.\n");
}

void manual_write(const struct commands_row *commands, size_t n, struct buf *out)
{
    const struct config_docs_row *r;
    put_head(out);
    BUF_LIT(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < n; i++) {
        put_command(out, &commands[i]);
    }
    BUF_LIT(out, ".SH ENVIRONMENT\nWhat stands in brackets is the default.\n");
    for (size_t i = 0; (r = config_docs_row(i)) != NULL; i++) {
        put_setting(out, r);
    }
    BUF_LIT(out, ".SH SIGNALS\nTo the process that was started:\n");
    for (size_t i = 0; i < COUNT_OF(signals); i++) {
        put_item(out, signals[i].name, signals[i].text);
    }
    BUF_LIT(out, ".SH FILES\n");
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        put_item(out, files[i].name, files[i].text);
    }
    BUF_LIT(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < COUNT_OF(exits); i++) {
        put_item(out, exits[i][0], exits[i][1]);
    }
}
