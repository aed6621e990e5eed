#include "master/cli/revoke_key.h"

#include <stdio.h>

#include "master/cli/commands.h"
#include "master/cli/key_find.h"
#include "master/cli/keys.h"
#include "shm/store/keystore.h"

enum { REASON, STDIN_KEY, OUTPUT, ENV_FILE, ROW_COUNT };
static const struct option_row rows[ROW_COUNT] = {
    [REASON] = {0, "reason", "TEXT", "kept with the key; default: revoked"},
    [STDIN_KEY] = {'k', "key", NULL, "read the key itself from standard input"},
    [OUTPUT] = {0, "output", "text|json", "form of the answer"},
    [ENV_FILE] = {0, "env-file", "FILE", "settings file instead of .env"},
};
const struct commands_about revoke_key_about = {
    "revoke-key", "KEY-ID",
    "Revokes an API key: a running server refuses it within about a second.", rows, ROW_COUNT};

static enum status revoke(struct keystore *store, struct key_find *s, const char *reason,
                          struct err *err)
{
    enum status status = key_find_run(store, s, err);
    if (status != STATUS_OK || !s->found.active) {
        return status;
    }
    return store->ops->revoke(store, s->found.id, reason, err);
}

static void print_done(const struct key_find *s, bool json)
{
    char id[KEYS_ID_SIZE];
    keys_id(&s->found, id);
    if (json) {
        struct keystore_row now = s->found;
        now.active = false;
        keys_print_json(&now, NULL);
        putchar('\n');
    } else {
        printf("%s: key %s of ", s->found.active ? "Revoked" : "Was revoked before", id);
        commands_print_safe(text_from(s->found.user_id), 0);
        printf(" (");
        commands_print_safe(text_from(s->found.name), 0);
        printf(")\n");
    }
}

static int run(const struct config *c, const struct options *o, struct key_find *s, bool json)
{
    struct keystore *store;
    struct err err = {.code = STATUS_OK};
    const char *reason = o->value[REASON] ? o->value[REASON] : "revoked";
    if (keys_open(c, &store, &err) != STATUS_OK) {
        return keys_failed(revoke_key_about.name, &err);
    }
    enum status status = revoke(store, s, reason, &err);
    keystore_close(store);
    if (status == STATUS_OK) {
        print_done(s, json);
        return COMMANDS_OK;
    }
    return s->matches > 1 ? commands_complain(revoke_key_about.name, &err)
                          : keys_failed(revoke_key_about.name, &err);
}

int revoke_key_run(int argc, char **argv)
{
    struct options o;
    struct config c;
    struct err err;
    struct key_find s;
    bool json;
    int exit_code;
    if (!commands_begin(&revoke_key_about, argc, argv, &o, &exit_code)) {
        return exit_code;
    }
    if (key_find_read(&o, o.value[STDIN_KEY] != NULL, &s, &err) != STATUS_OK ||
        commands_output(o.value[OUTPUT], &json, &err) != STATUS_OK ||
        commands_config(&c, o.value[ENV_FILE], NULL, 0, &err) != STATUS_OK) {
        return commands_complain(revoke_key_about.name, &err);
    }
    exit_code = run(&c, &o, &s, json);
    config_free(&c);
    return exit_code;
}
