#include "master/cli/key_find.h"

#include <stdio.h>
#include <string.h>

#include "master/cli/keys.h"

#define DIGEST_HEX (2 * SHA256_SIZE)
#define DIGITS_MIN (KEYS_ID_SIZE - 1)

static bool all_hex(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!strchr("0123456789abcdef", s.p[i])) {
            return false;
        }
    }
    return true;
}

static enum status read_argument(const struct options *o, struct key_find *f, struct err *err)
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
    text_copy(id, f->digits, sizeof f->digits);
    return STATUS_OK;
}

static enum status read_stdin(struct key_find *f, struct err *err)
{
    char line[KEYSTORE_ID_MAX + 2];
    if (!fgets(line, sizeof line, stdin)) {
        return err_set(err, STATUS_INVALID, "no key on standard input");
    }
    struct str rest = text_from(line), key;
    text_split(&rest, '\n', &key);
    key = text_trim(key);
    sha256_hex(key.p, key.n, f->digits);
    text_wipe(line, sizeof line);
    return STATUS_OK;
}

enum status key_find_read(const struct options *o, bool from_stdin, struct key_find *f,
                          struct err *err)
{
    *f = (struct key_find){.matches = 0};
    return from_stdin ? read_stdin(f, err) : read_argument(o, f, err);
}

static bool compare(void *ctx, const struct keystore_row *row)
{
    struct key_find *f = ctx;
    uint8_t digest[SHA256_SIZE];
    char hex[DIGEST_HEX];
    if (keystore_digest(row, digest)) {
        text_hex(digest, sizeof digest, hex);
        if (text_starts((struct str){hex, sizeof hex}, text_from(f->digits))) {
            f->found = *row;
            f->matches++;
        }
    }
    return f->matches < 2;
}

enum status key_find_run(struct keystore *store, struct key_find *f, struct err *err)
{
    enum status status = store->ops->scan(store, compare, f, err);
    if (f->matches > 1) {
        return err_set(err, STATUS_INVALID,
                       "%s fits more than one key: give more digits of the digest", f->digits);
    }
    if (status == STATUS_OK && f->matches == 0) {
        return err_set(err, STATUS_NOT_FOUND, "no key has the id %.8s", f->digits);
    }
    return status;
}
