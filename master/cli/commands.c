#include "master/cli/commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/platform/cpus.h"
#include "master/cli/check_store.h"
#include "master/supervise/room.h"
#include "master/supervise/roster.h"
#include "master/supervise/commons.h"
#include "master/supervise/sandbox.h"
#include "server/aws/creds.h"
#include "server/config/config_docs.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "worker/model/endings.h"
#include "worker/model/models.h"

#define OVERRIDES_MAX 12
#define MARKDOWN_MAX  (1 << 20)

/* --- what the subcommands share ------------------------------------------------------------ */

static void print_help(const struct commands_about *a)
{
    printf("usage: llm-api-converter %s [options]%s%s\n%s\n\n", a->name, a->arguments[0] ? " " : "",
           a->arguments, a->text);
    options_print(a->rows, a->row_count, stdout);
}

bool commands_begin(const struct commands_about *about, int argc, char **argv, struct options *o,
                    int *exit_out)
{
    struct err err;
    enum status status = options_parse(about->rows, about->row_count, argc, argv, o, &err);
    *exit_out = COMMANDS_OK;
    if (status == STATUS_OK && o->help) {
        print_help(about);
        return false;
    }
    if (status == STATUS_OK && o->rest_count && !about->arguments[0]) {
        status = err_set(&err, STATUS_INVALID, "unexpected argument %s", o->rest[0]);
    }
    if (status != STATUS_OK) {
        *exit_out = commands_complain(about->name, &err);
    }
    return status == STATUS_OK;
}

/* Returns how many characters it has shown. */
static size_t put_safe(FILE *to, struct str text)
{
    size_t shown = 0, step;
    for (; text.n; shown++) {
        bool odd = text_steers(text, &step, NULL);
        fprintf(to, "%.*s", odd ? 1 : (int)step, odd ? "?" : text.p);
        text = text_sub(text, step, text.n);
    }
    return shown;
}

int commands_complain(const char *name, const struct err *err)
{
    fprintf(stderr, "llm-api-converter %s: ", name);
    put_safe(stderr, text_from(err->text)); /* of a store's answer, too */
    fputc('\n', stderr);
    return err->code == STATUS_INVALID ? COMMANDS_USAGE : COMMANDS_FAILED;
}

enum status commands_output(const char *word, bool *json_out, struct err *err)
{
    *json_out = word && strcmp(word, "json") == 0;
    if (!word || *json_out || strcmp(word, "text") == 0) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_INVALID, "--output %s: text or json is needed", word);
}

void commands_print_safe(struct str text, size_t width)
{
    size_t shown = put_safe(stdout, text);
    if (width) {
        printf("%*s", (int)(shown < width ? width - shown + 1 : 1), "");
    }
}

/* RFC 4180: quotes around, and doubled inside; a leading sign would be a formula
 * to spreadsheets. */
void commands_print_csv(struct str text)
{
    putchar('"');
    if (text.n && text.p[0] && strchr("=+-@", text.p[0])) {
        putchar('\'');
    }
    size_t step;
    for (struct str rest = text; rest.n; rest = text_sub(rest, step, rest.n)) {
        bool odd = text_steers(rest, &step, NULL);
        printf("%s%.*s", rest.p[0] == '"' ? "\"" : "", odd ? 1 : (int)step, odd ? " " : rest.p);
    }
    putchar('"');
}

void commands_log(const struct config *c, const char *process)
{
    static const struct {
        const char *word;
        enum log_format format;
    } formats[] = {{"auto", LOG_FORMAT_AUTO}, {"json", LOG_FORMAT_JSON}, {"text", LOG_FORMAT_TEXT}};
    enum log_level level = LOG_INFO;
    enum log_format format = LOG_FORMAT_AUTO;
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        if (strcmp(formats[i].word, c->log_format) == 0) {
            format = formats[i].format;
        }
    }
    log_level_parse(text_from(c->log_level), &level);
    log_init(level, format, process);
}

enum status commands_config(struct config *c, const char *env_file,
                            const struct config_override *overrides, size_t n, struct err *err)
{
    struct config_override given[OVERRIDES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (overrides[i].value) {
            given[count++] = overrides[i];
        }
    }
    enum status status = config_load(c, env_file, given, count, err);
    if (status == STATUS_OK) {
        log_to(STDERR_FILENO); /* stdout is for the answer */
        commands_log(c, "cli");
    }
    return status;
}

/* --- version ------------------------------------------------------------------------------- */

const struct commands_about commands_version_about = {
    "version", "", "Prints the version and what machine it is for.", NULL, 0};

/* In the words of docker build --platform: what the image or the task has to be, too. */
#if defined __x86_64__
#define PLATFORM "linux/amd64"
#elif defined __aarch64__
#define PLATFORM "linux/arm64"
#else
#define PLATFORM "linux"
#endif

int commands_version(int argc, char **argv)
{
    struct options o;
    int exit_code;
    if (commands_begin(&commands_version_about, argc, argv, &o, &exit_code)) {
        printf("llm-api-converter %s %s\n", VERSION, PLATFORM);
    }
    return exit_code;
}

/* --- check-config -------------------------------------------------------------------------- */

enum { CHECK_OUTPUT, CHECK_MARKDOWN, CHECK_STORE, CHECK_ENV_FILE, CHECK_AWS, CHECK_COUNT };
static const struct option_row check_rows[CHECK_COUNT] = {
    [CHECK_OUTPUT] = {0, "output", "text|json", "form of the answer"},
    [CHECK_MARKDOWN] = {0, "markdown", NULL, "the same as: docs settings"},
    [CHECK_STORE] = {0, "store", NULL,
                     "ask the key store, too: does it answer, and what is in it (5 seconds)"},
    [CHECK_ENV_FILE] = {0, "env-file", "FILE", "settings file instead of .env"},
    [CHECK_AWS] = {0, "aws", NULL,
                   NULL}, /* for scripts: exit 0 when AWS credentials are configured, else 1 */
};
const struct commands_about commands_check_about = {
    "check-config", "",
    "Prints every setting, its value and where it comes from; secrets are masked.", check_rows,
    CHECK_COUNT};

static void print_warning(void *ctx, const char *text)
{
    (void)ctx;
    fprintf(stderr, "warning: %s\n", text);
}

static int check_aws(const struct config *c)
{
    const char *source = "Bedrock API key";
    bool found = c->bedrock_api_key[0] || creds_likely(&source);
    printf("%s\n", found ? source : "none");
    return found ? COMMANDS_OK : COMMANDS_FAILED;
}

static int check_markdown(void)
{
    struct buf out;
    buf_init(&out, MARKDOWN_MAX);
    config_docs_settings(&out);
    bool good = buf_ok(&out) && fwrite(buf_data(&out), 1, buf_len(&out), stdout) == buf_len(&out) &&
                fflush(stdout) == 0;
    buf_free(&out);
    struct err err;
    if (!good) {
        err_set(&err, STATUS_UNAVAILABLE, "the table cannot be written");
    }
    return good ? COMMANDS_OK : commands_complain(commands_check_about.name, &err);
}

static void print_sandbox_row(void *ctx, const char *name, const char *value)
{
    (void)ctx;
    printf("sandbox: %-23s %s\n", name, value);
}

static void print_room_row(void *ctx, const char *name, const char *value)
{
    (void)ctx;
    printf("each worker: %-32s %s\n", name, value);
}

static void print_store_row(void *ctx, const char *name, const char *value)
{
    bool json = *(const bool *)ctx; /* beside the settings, which are the answer */
    fprintf(json ? stderr : stdout, "store: %-25s %s\n", name, value);
}

static int check_print(const struct config *c, const struct options *o, bool json)
{
    if (o->value[CHECK_AWS]) {
        return check_aws(c);
    }
    if (o->value[CHECK_MARKDOWN]) {
        return check_markdown();
    }
    config_print(c, json ? CONFIG_PRINT_JSON : CONFIG_PRINT_TEXT, stdout);
    if (!json) {
        struct config_bounds b = c->bounds;
        room_here(cpus_workers_here(c->workers, ROSTER_WORKERS_MAX), &b);
        room_report(&b, print_room_row, NULL);
        sandbox_report(c, print_sandbox_row, NULL);
    }
    config_warnings(c, print_warning, NULL);
    clock_tick();
    endings_configured(c, clock_real_ms(), print_warning, NULL);
    return !o->value[CHECK_STORE] || check_store(c, print_store_row, &json) ? COMMANDS_OK
                                                                            : COMMANDS_FAILED;
}

int commands_check_config(int argc, char **argv)
{
    struct options o;
    struct config c;
    struct err err;
    bool json;
    int exit_code;
    if (!commands_begin(&commands_check_about, argc, argv, &o, &exit_code)) {
        return exit_code;
    }
    if (commands_output(o.value[CHECK_OUTPUT], &json, &err) != STATUS_OK ||
        commands_config(&c, o.value[CHECK_ENV_FILE], NULL, 0, &err) != STATUS_OK) {
        return commands_complain(commands_check_about.name, &err);
    }
    exit_code = commons_check(&c, &err) == STATUS_OK ? check_print(&c, &o, json)
                                                     : commands_complain("check-config", &err);
    config_free(&c);
    return exit_code;
}
