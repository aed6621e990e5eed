#include "master/cli/options.h"

#include <assert.h>
#include <string.h>

struct walk { /* where in argv we are */
    int argc;
    char **argv;
    int at;
};

bool options_same(struct str given, const char *name)
{
    if (given.n != strlen(name)) {
        return false;
    }
    for (size_t i = 0; i < given.n; i++) {
        if ((given.p[i] == '_' ? '-' : given.p[i]) != name[i]) {
            return false;
        }
    }
    return true;
}

static size_t find_long(const struct option_row *rows, size_t n, struct str name)
{
    size_t i = 0;
    while (i < n && !options_same(name, rows[i].name)) {
        i++;
    }
    return i;
}

static size_t find_letter(const struct option_row *rows, size_t n, char letter)
{
    size_t i = 0;
    while (i < n && rows[i].letter != letter) {
        i++;
    }
    return i;
}

/* given: the value that was glued to the option, or NULL. */
static enum status store(const struct option_row *row, const char **value, const char *given,
                         struct walk *w, struct err *err)
{
    if (!row->metavar) {
        *value = "";
        return given ? err_set(err, STATUS_INVALID, "--%s takes no value", row->name) : STATUS_OK;
    }
    if (!given && w->at + 1 < w->argc) {
        given = w->argv[++w->at];
    }
    *value = given;
    return given ? STATUS_OK
                 : err_set(err, STATUS_INVALID, "--%s needs a value: %s", row->name, row->metavar);
}

static enum status read_long(const struct option_row *rows, size_t n, struct walk *w,
                             struct options *out, struct err *err)
{
    struct str rest = text_from(w->argv[w->at] + 2), name;
    text_split(&rest, '=', &name);
    if (options_same(name, "help")) {
        out->help = true;
        return STATUS_OK;
    }
    size_t i = find_long(rows, n, name);
    if (i == n) {
        return err_set(err, STATUS_INVALID, "unknown option --%.*s", STR_ARG(name));
    }
    const char *equals = strchr(w->argv[w->at], '=');
    return store(&rows[i], &out->value[i], equals ? equals + 1 : NULL, w, err);
}

/* Flags may share one dash ("-kq"); the rest after a letter that takes a value is the value
 * ("-l5"). */
static enum status read_letters(const struct option_row *rows, size_t n, struct walk *w,
                                struct options *out, struct err *err)
{
    enum status status = STATUS_OK;
    for (const char *p = w->argv[w->at] + 1; *p && status == STATUS_OK; p++) {
        if (*p == 'h') {
            out->help = true;
            continue;
        }
        size_t i = find_letter(rows, n, *p);
        if (i == n) {
            return err_set(err, STATUS_INVALID, "unknown option -%c", *p);
        }
        const char *glued = rows[i].metavar && p[1] ? p + 1 : NULL;
        status = store(&rows[i], &out->value[i], glued, w, err);
        if (rows[i].metavar) {
            break;
        }
    }
    return status;
}

static enum status read_rest(struct walk *w, struct options *out, struct err *err)
{
    if (out->rest_count == OPTIONS_REST_MAX) {
        return err_set(err, STATUS_INVALID, "too many arguments");
    }
    out->rest[out->rest_count++] = w->argv[w->at];
    return STATUS_OK;
}

enum status options_parse(const struct option_row *rows, size_t n, int argc, char **argv,
                          struct options *out, struct err *err)
{
    assert(n <= OPTIONS_MAX);
    struct walk w = {argc, argv, 0};
    bool literal = false;
    enum status status = STATUS_OK;
    *out = (struct options){.rest_count = 0};
    for (; w.at < argc && status == STATUS_OK; w.at++) {
        const char *arg = argv[w.at];
        if (literal || arg[0] != '-' || !arg[1]) {
            status = read_rest(&w, out, err);
        } else if (strcmp(arg, "--") == 0) {
            literal = true;
        } else if (arg[1] == '-') {
            status = read_long(rows, n, &w, out, err);
        } else {
            status = read_letters(rows, n, &w, out, err);
        }
    }
    return status;
}

void options_print(const struct option_row *rows, size_t n, FILE *out)
{
    for (size_t i = 0; i < n; i++) {
        const struct option_row *r = &rows[i];
        char spelling[48];
        if (!r->help) {
            continue;
        }
        snprintf(spelling, sizeof spelling, "--%s%s%s", r->name, r->metavar ? " " : "",
                 r->metavar ? r->metavar : "");
        fprintf(out, r->letter ? "  -%c, " : "      ", r->letter);
        fprintf(out, "%-26s %s\n", spelling, r->help);
    }
    fprintf(out, "  -h, %-26s %s\n", "--help", "this text");
}
