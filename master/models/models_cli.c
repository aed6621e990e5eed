#include "master/models/models_cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "master/models/difference.h"
#include "master/models/import.h"
#include "master/models/listing.h"
#include "shm/catalogue/catalogue.h"
#include "shm/catalogue/catalogue_read.h"

#define OUTPUT_MAX (8u << 20)

enum { OUTPUT, FROM, OUT, REGION, ENV_FILE, ROW_COUNT };
static const struct option_row rows[ROW_COUNT] = {
    [OUTPUT] = {0, "output", "text|tsv|json", "form of the answer; import writes tsv"},
    [FROM] = {0, "from", "litellm|models.dev", "whose table FILE is; default: it is guessed"},
    [OUT] = {0, "out", "FILE", "import: write there, not to stdout"},
    [REGION] = {0, "region", "REGION", "where bare ids are asked; default: AWS_REGION"},
    [ENV_FILE] = {0, "env-file", "FILE", "settings file instead of .env"},
};
const struct commands_about models_cli_about = {
    "models", "[PATTERN] | import FILE | diff FILE",
    "Shows what is known of models: the built-in table with CATALOGUE_FILE over it, and where "
    "each\n"
    "row is from. import: rows for a CATALOGUE_FILE out of LiteLLM's or models.dev's public JSON.\n"
    "diff: what such a table, or one of ours, would change.",
    rows, ROW_COUNT};

/* --- the answer ---------------------------------------------------------------------------- */

static bool write_whole(int fd, struct str text)
{
    while (text.n) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        text = text_sub(text, n < 0 ? 0 : (size_t)n, text.n);
    }
    return true;
}

/* Whole or not at all: a server may have the old one as its CATALOGUE_FILE and look at any time. */
static enum status write_file(const char *file, struct str text, struct err *err)
{
    char fresh[4096];
    if (snprintf(fresh, sizeof fresh, "%s.new", file) >= (int)sizeof fresh) {
        return err_set(err, STATUS_INVALID, "--out: the name is too long");
    }
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool ok = fd >= 0 && write_whole(fd, text) && fsync(fd) == 0 && rename(fresh, file) == 0;
    if (!ok) {
        err_set(err, STATUS_UNAVAILABLE, "%.150s: %m", file);
    }
    if (fd >= 0) {
        close(fd);
        if (!ok) {
            unlink(fresh);
        }
    }
    return ok ? STATUS_OK : err->code;
}

static enum status tell(struct str text, struct err *err)
{
    bool ok = fwrite(text.p, 1, text.n, stdout) == text.n && fflush(stdout) == 0;
    return ok ? STATUS_OK : err_set(err, STATUS_UNAVAILABLE, "the answer cannot be written");
}

/* --- what can be done ---------------------------------------------------------------------- */

struct work {
    const struct config *config;
    const struct options *options;
    enum listing_form form;
    struct buf out;
};

static enum status run_list(struct work *w, struct err *err)
{
    const struct options *o = w->options;
    const char *region = o->value[REGION] ? o->value[REGION] : w->config->aws_region;
    struct str pattern = text_from(o->rest_count ? o->rest[0] : NULL);
    size_t n = listing_put(pattern, w->form, text_from(region), w->config->catalogue_file, &w->out);
    if (n == 0 && w->form == LISTING_TEXT) {
        return err_set(err, STATUS_NOT_FOUND, "no model fits %.80s", pattern.n ? pattern.p : "");
    }
    return tell(buf_str(&w->out), err);
}

static enum status run_import(struct work *w, struct err *err)
{
    const struct options *o = w->options;
    enum status st = import_rows(o->rest[1], o->value[FROM], &w->out, err);
    if (st != STATUS_OK) {
        return st;
    }
    return o->value[OUT] ? write_file(o->value[OUT], buf_str(&w->out), err)
                         : tell(buf_str(&w->out), err);
}

/* A table of ours begins with its columns, a public one with a brace. */
static enum status read_rows(const char *file, const char *from, struct buf *out, struct err *err)
{
    enum status st = catalogue_read_file(file, out, err);
    struct str text = buf_str(out);
    while (text.n && strchr(" \t\r\n", text.p[0])) {
        text = text_sub(text, 1, text.n);
    }
    if (st != STATUS_OK || (!from && !text_starts(text, STR("{")))) {
        return st;
    }
    buf_clear(out);
    return import_rows(file, from, out, err);
}

static enum status run_diff(struct work *w, struct err *err)
{
    const struct options *o = w->options;
    struct buf text;
    buf_init(&text, IMPORT_FILE_MAX);
    enum status st = read_rows(o->rest[1], o->value[FROM], &text, err);
    if (st == STATUS_OK) {
        st = difference_put(buf_str(&text), o->rest[1], w->form == LISTING_JSON, &w->out, err);
    }
    buf_free(&text);
    return st == STATUS_OK ? tell(buf_str(&w->out), err) : st;
}

static const struct action {
    const char *word;
    enum status (*run)(struct work *w, struct err *err);
    unsigned options; /* bits of those that it has, beside --env-file */
} actions[] = {
    {"import", run_import, 1u << OUTPUT | 1u << FROM | 1u << OUT},
    {"diff", run_diff, 1u << OUTPUT | 1u << FROM},
    {NULL, run_list, 1u << OUTPUT | 1u << REGION},
};

/* --- arguments ----------------------------------------------------------------------------- */

static enum status read_form(const struct options *o, enum listing_form *out, struct err *err)
{
    static const char *const words[] = {
        [LISTING_TEXT] = "text", [LISTING_TSV] = "tsv", [LISTING_JSON] = "json"};
    *out = LISTING_TEXT;
    for (size_t i = 0; o->value[OUTPUT] && i < COUNT_OF(words); i++) {
        if (strcmp(o->value[OUTPUT], words[i]) == 0) {
            *out = (enum listing_form)i;
            return STATUS_OK;
        }
    }
    return o->value[OUTPUT] ? err_set(err, STATUS_INVALID,
                                      "--output %s: text, tsv or json is needed", o->value[OUTPUT])
                            : STATUS_OK;
}

static enum status read_action(const struct options *o, const struct action **out, struct err *err)
{
    const struct action *a = actions;
    while (a->word && !(o->rest_count && strcmp(o->rest[0], a->word) == 0)) {
        a++;
    }
    for (int i = 0; i < ENV_FILE; i++) {
        if (o->value[i] && !(a->options & 1u << i)) {
            return err_set(err, STATUS_INVALID, "--%s is not for this", rows[i].name);
        }
    }
    *out = a;
    if (a->word ? o->rest_count != 2 : o->rest_count > 1) {
        return err_set(err, STATUS_INVALID, "%s",
                       a->word ? "one FILE is needed" : "one PATTERN, import FILE or diff FILE");
    }
    return STATUS_OK;
}

static enum status check_form(const struct action *a, enum listing_form form, bool given,
                              struct err *err)
{
    bool ok = a->run == run_import ? !given || form == LISTING_TSV
                                   : a->run != run_diff || form != LISTING_TSV;
    return ok ? STATUS_OK
              : err_set(err, STATUS_INVALID, "--output: %s",
                        a->run == run_import ? "an import is tsv" : "text or json is needed");
}

int models_cli_run(int argc, char **argv)
{
    struct options o;
    struct config c;
    struct err err;
    const struct action *a = NULL;
    struct work w = {.config = &c, .options = &o};
    int exit_code;
    if (!commands_begin(&models_cli_about, argc, argv, &o, &exit_code)) {
        return exit_code;
    }
    if (read_form(&o, &w.form, &err) != STATUS_OK || read_action(&o, &a, &err) != STATUS_OK ||
        check_form(a, w.form, o.value[OUTPUT] != NULL, &err) != STATUS_OK ||
        commands_config(&c, o.value[ENV_FILE], NULL, 0, &err) != STATUS_OK) {
        return commands_complain(models_cli_about.name, &err);
    }
    buf_init(&w.out, OUTPUT_MAX);
    enum status st = catalogue_load(c.catalogue_file, &err);
    if (st == STATUS_OK) {
        st = a->run(&w, &err);
    }
    buf_free(&w.out);
    config_free(&c);
    return st == STATUS_OK ? COMMANDS_OK : commands_complain(models_cli_about.name, &err);
}
