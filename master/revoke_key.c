#include "master/revoke_key.h"

#include <stdio.h>
#include <string.h>

#include "master/commands.h"
#include "master/keys.h"
#include "server/sha256.h"
#include "shm/keystore.h"

#define DIGEST_HEX (2 * SHA256_SIZE)
#define DIGITS_MIN (KEYS_ID_SIZE - 1)

enum { REASON, STDIN_KEY, OUTPUT, ENV_FILE, ROW_COUNT };
static const struct option_row rows[ROW_COUNT] = {
    [REASON] = {0, "reason", "TEXT", "kept with the key; default: revoked"},
    [STDIN_KEY] = {'k', "key", NULL, "read the key itself from standard input"},
    [OUTPUT] = {0, "output", "text|json", "form of the answer"},
    [ENV_FILE] = {0, "env-file", "FILE", "settings file instead of .env"},
};
static const struct commands_about about = {
    "revoke-key", "KEY-ID",
    "Revokes an API key: a running server refuses it within about a second.", rows, ROW_COUNT};

struct search {
    char digits[DIGEST_HEX + 1]; /* of the digest's hex form: its beginning */
    struct keystore_row found;
    size_t matches;
};

static bool all_hex(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!strchr("0123456789abcdef", s.p[i])) {
            return false;
        }
    }
    return true;
}

/* The argument as the beginning of a digest. Rows with clear keys are found by digest too. */
static enum status read_argument(const struct options *o, struct search *s, struct err *err)
{
    struct str id = text_from(o->rest[0]);
    struct str hashed = STR("sha256:");
    if (o->rest_count != 1) {
        return err_set(err, STATUS_INVALID, "one KEY-ID is needed (list-keys shows them), or -k");
    }
    if (text_starts(id, STR("sk-"))) {
        return err_set(err, STATUS_INVALID,
                       "a key is not taken as an argument, it would stay in the shell's history: "
                       "use -k, or the KEY-ID");
    }
    if (text_starts(id, hashed)) {
        id = text_sub(id, hashed.n, id.n);
    }
    if (id.n < DIGITS_MIN || id.n > DIGEST_HEX || !all_hex(id)) {
        return err_set(err, STATUS_INVALID,
                       "KEY-ID is 8 to 64 lower-case hex digits, as list-keys shows");
    }
    text_copy(id, s->digits, sizeof s->digits);
    return STATUS_OK;
}

static enum status read_stdin(struct search *s, struct err *err)
{
    char line[KEYSTORE_ID_MAX + 2];
    if (!fgets(line, sizeof line, stdin)) {
        return err_set(err, STATUS_INVALID, "no key on standard input");
    }
    struct str rest = text_from(line), key;
    text_split(&rest, '\n', &key);
    key = text_trim(key);
    sha256_hex(key.p, key.n, s->digits);
    text_wipe(line, sizeof line);
    return STATUS_OK;
}

static bool compare(void *ctx, const struct keystore_row *row)
{
    struct search *s = ctx;
    uint8_t digest[SHA256_SIZE];
    char hex[DIGEST_HEX];
    if (keystore_digest(row, digest)) {
        text_hex(digest, sizeof digest, hex);
        if (text_starts((struct str){hex, sizeof hex}, text_from(s->digits))) {
            s->found = *row;
            s->matches++;
        }
    }
    return s->matches < 2;
}

static enum status revoke(struct keystore *store, struct search *s, const char *reason,
                          struct err *err)
{
    enum status status = store->ops->scan(store, compare, s, err);
    if (s->matches > 1) {
        return err_set(err, STATUS_INVALID,
                       "%s fits more than one key: give more digits of the digest", s->digits);
    }
    if (status == STATUS_OK && s->matches == 0) {
        return err_set(err, STATUS_NOT_FOUND, "no key has the id %.8s", s->digits);
    }
    if (status != STATUS_OK || !s->found.active) {
        return status;
    }
    return store->ops->revoke(store, s->found.id, reason, err);
}

static void print_done(const struct search *s, bool json)
{
    char id[KEYS_ID_SIZE];
    keys_id(&s->found, id);
    if (json) {
        struct keystore_row now = s->found;
        now.active = false;
        keys_print_json(&now, NULL);
        putchar('\n');
    } else {
        printf("%s: key %s of %s (%s)\n", s->found.active ? "Revoked" : "Was revoked before", id,
               s->found.user_id, s->found.name);
    }
}

static int run(const struct config *c, const struct options *o, struct search *s, bool json)
{
    struct keystore *store;
    struct err err = {.code = STATUS_OK};
    const char *reason = o->value[REASON] ? o->value[REASON] : "revoked";
    if (keys_open(c, &store, &err) != STATUS_OK) {
        return keys_failed(about.name, &err);
    }
    enum status status = revoke(store, s, reason, &err);
    keystore_close(store);
    if (status == STATUS_OK) {
        print_done(s, json);
        return COMMANDS_OK;
    }
    return s->matches > 1 ? commands_complain(about.name, &err) : keys_failed(about.name, &err);
}

int revoke_key_run(int argc, char **argv)
{
    struct options o;
    struct config c;
    struct err err;
    struct search s = {.matches = 0};
    bool json;
    int exit_code;
    if (!commands_begin(&about, argc, argv, &o, &exit_code)) {
        return exit_code;
    }
    enum status status = o.value[STDIN_KEY] ? read_stdin(&s, &err) : read_argument(&o, &s, &err);
    if (status != STATUS_OK || commands_output(o.value[OUTPUT], &json, &err) != STATUS_OK ||
        commands_config(&c, o.value[ENV_FILE], NULL, 0, &err) != STATUS_OK) {
        return commands_complain(about.name, &err);
    }
    exit_code = run(&c, &o, &s, json);
    config_free(&c);
    return exit_code;
}
