/*
 * main.c - where the program starts: picks the subcommand from a table. Without one it serves.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/cli/commands.h"
#include "master/cli/create_key.h"
#include "master/docs/docs.h"
#include "master/cli/health.h"
#include "master/cli/keys.h"
#include "master/cli/map_model.h"
#include "master/cli/revoke_key.h"
#include "master/cli/set_price.h"
#include "master/cli/setup_tables.h"
#include "master/models/models_cli.h"
#include "master/supervise/reload.h"
#include "master/supervise/supervise.h"
#include "master/cli/top.h"
#include "master/cli/update_key.h"
#include "master/supervise/upgrade.h"
#include "master/bill/usage_report.h"
#include "server/base/arena.h"
#include "shm/store/keystore.h"

enum {
    PORT,
    HOST,
    LOG_LEVEL,
    ENVIRONMENT,
    LOG_FORMAT,
    ENV_FILE,
    EPHEMERAL,
    VERSION_FLAG,
    ROW_COUNT
};
static const struct option_row rows[ROW_COUNT] = {
    [PORT] = {'p', "port", "N", "port to listen on (PORT)"},
    [HOST] = {0, "host", "ADDRESS", "address to listen on (HOST)"},
    [LOG_LEVEL] = {0, "log-level", "LEVEL", "debug, info, warn, error or off (LOG_LEVEL)"},
    [ENVIRONMENT] = {'e', "env", "NAME", "development, staging or production (ENVIRONMENT)"},
    [LOG_FORMAT] = {0, "log-format", "FORM", "auto, text or json (LOG_FORMAT)"},
    [ENV_FILE] = {0, "env-file", "FILE", "settings file instead of .env"},
    [EPHEMERAL] = {0, "ephemeral-key", NULL, "development: make a key for this run and print it"},
    [VERSION_FLAG] = {'V', "version", NULL, "print the version"},
};
static const struct commands_about serve_about = {
    "serve", "", "Serves LLM clients from Amazon Bedrock.", rows, ROW_COUNT};

static int serve(int argc, char **argv);
static int docs(int argc, char **argv);

static const struct commands_row commands[] = {
    {"serve", serve, "run the gateway (also without any subcommand)", &serve_about},
    {"create-api-key", create_key_run, "make an API key and print it once", &create_key_about},
    {"list-keys", keys_list, "list the API keys", &keys_list_about},
    {"update-key", update_key_run, "change what an API key may do", &update_key_about},
    {"revoke-key", revoke_key_run, "revoke an API key", &revoke_key_about},
    {"map-model", map_model_run, "which Bedrock model a name stands for", &map_model_about},
    {"models", models_cli_run, "what is known of models: limits, prices, ends", &models_cli_about},
    {"set-price", set_price_run, "what a model costs", &set_price_about},
    {"usage", usage_report_run, "what was used: by key, user, model or day", &usage_report_about},
    {"setup-tables", setup_tables_run, "make what the key store needs", &setup_tables_about},
    {"top", top_run, "watch a running gateway", &top_about},
    {"health", health_run, "ask a running gateway for /health: exit 0 or 1", &health_about},
    {"check-config", commands_check_config, "print the effective settings", &commands_check_about},
    {"docs", docs,
     "print the tables of settings, routes, metrics, commands; manual page, completions",
     &docs_about},
    {"version", commands_version, "print the version", &commands_version_about},
};
#define COMMAND_COUNT COUNT_OF(commands)

/* The older tool made such a key at every start, in production too, where it ended in the log. Here
 * it is asked for, refused outside development, and on the terminal only. It works as the master
 * key does, and goes the same way, by the environment: there it is forgotten and kept for a reload
 * (secrets.h). No buffer of stdio keeps it either. */
static enum status ephemeral_key(const struct config *c, struct err *err)
{
    char key[80];
    if (c->environment[0] != 'd' || c->master_api_key[0]) {
        return err_set(err, STATUS_INVALID,
                       "--ephemeral-key is for ENVIRONMENT=development without MASTER_API_KEY");
    }
    keystore_new_key("dev", key);
    dprintf(
        STDOUT_FILENO,
        "export ANTHROPIC_API_KEY=\"%s\"\nexport ANTHROPIC_BASE_URL=\"http://localhost:%lld\"\n",
        key, (long long)c->port);
    bool ok = setenv("MASTER_API_KEY", key, 1) == 0;
    text_wipe(key, sizeof key);
    return ok ? STATUS_OK : err_set(err, STATUS_INTERNAL, "out of memory");
}

static enum status load(struct config *c, const struct options *o,
                        const struct config_override *overrides, size_t n, struct err *err)
{
    enum status status = config_load(c, o->value[ENV_FILE], overrides, n, err);
    if (status != STATUS_OK || !o->value[EPHEMERAL]) {
        return status;
    }
    status = ephemeral_key(c, err);
    config_free(c);
    return status == STATUS_OK ? config_load(c, o->value[ENV_FILE], overrides, n, err) : status;
}

static int run(const struct options *o)
{
    static struct config_override overrides[ROW_COUNT];
    static const struct {
        int option;
        const char *name;
    } names[] = {{PORT, "PORT"},
                 {HOST, "HOST"},
                 {LOG_LEVEL, "LOG_LEVEL"},
                 {ENVIRONMENT, "ENVIRONMENT"},
                 {LOG_FORMAT, "LOG_FORMAT"}};
    size_t n = 0;
    struct err err = {.text = "out of memory"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (o->value[names[i].option]) {
            overrides[n++] = (struct config_override){names[i].name, o->value[names[i].option]};
        }
    }
    struct config *c = heap_new(sizeof *c); /* supervise_run takes it over */
    if (!c || load(c, o, overrides, n, &err) != STATUS_OK) {
        heap_drop(c);
        return commands_complain("serve", &err);
    }
    commands_log(c, "master");
    const struct reload_source options = {o->value[ENV_FILE], overrides, n};
    return supervise_run(c, &options);
}

static int serve(int argc, char **argv)
{
    struct options o;
    int exit_code;
    if (!commands_begin(&serve_about, argc, argv, &o, &exit_code)) {
        return exit_code;
    }
    return o.value[VERSION_FLAG] ? commands_version(0, NULL) : run(&o);
}

static int docs(int argc, char **argv)
{
    return docs_run(commands, COMMAND_COUNT, argc, argv);
}

static const struct commands_row *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (options_same(text_from(name), commands[i].name)) {
            return &commands[i];
        }
    }
    return NULL;
}

static void list_commands(FILE *out)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(out, "  %-16s %s\n", commands[i].name, commands[i].help);
    }
}

static int help(void)
{
    printf("usage: llm-api-converter [subcommand] [options]\n\nsubcommands (each has --help):\n");
    list_commands(stdout);
    printf("\noptions of serve:\n");
    options_print(rows, ROW_COUNT, stdout);
    printf("\nAll settings, by environment or .env: llm-api-converter check-config\n");
    return COMMANDS_OK;
}

int main(int argc, char **argv)
{
    upgrade_remember(argv);
    umask(077); /* the key store and the journal are nobody else's business */
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        return help();
    }
    if (name[0] == '-' || !name[0]) {
        return serve(argc > 0 ? argc - 1 : 0, argv + (argc > 0));
    }
    const struct commands_row *c = find(name);
    if (!c) {
        fprintf(stderr, "llm-api-converter: unknown subcommand %s; one of:\n", name);
        list_commands(stderr);
        return COMMANDS_USAGE;
    }
    return c->run(argc - 2, argv + 2);
}
