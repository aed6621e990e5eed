#include "server/aws/creds_profile.h"

#include <stddef.h>
#include <string.h>

#include "server/aws/creds_local.h"

enum { FILE_MAX = 1 << 20 };

/* ---- the INI dialect ---------------------------------------------------------------------- */

/* "[profile my name]" gives "my name", or nothing when the line heads no profile. */
static bool section_name(struct str line, bool config_file, struct str *name_out)
{
    size_t end;
    if (!text_starts(line, STR("[")) || !text_find(line, STR("]"), &end)) {
        return false;
    }
    struct str name = text_trim(text_sub(line, 1, end - 1));
    if (config_file && !text_eq(name, STR("default"))) {
        if (!text_starts(name, STR("profile ")) && !text_starts(name, STR("profile\t"))) {
            return false; /* "[sso-session x]", "[services x]" */
        }
        name = text_trim(text_sub(name, 8, name.n));
    }
    if (name.n >= 2 && (name.p[0] == '"' || name.p[0] == '\'') && name.p[name.n - 1] == name.p[0]) {
        name = text_sub(name, 1, name.n - 2);
    }
    *name_out = name;
    return true;
}

/* A comment inside a line needs a blank before its sign: a value may hold "#" itself. */
static struct str without_comment(struct str line)
{
    for (size_t i = 0; i < line.n; i++) {
        bool sign = line.p[i] == '#' || line.p[i] == ';';
        if (sign && (i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t')) {
            return text_sub(line, 0, i);
        }
    }
    return line;
}

struct ini {
    struct str rest;
    bool config_file;
    struct str profile;
    bool inside; /* the section that is being read is the profile's */
    bool found;
};

/* The next "key = value" of the profile's sections. */
static bool next_pair(struct ini *ini, struct str *key_out, struct str *value_out)
{
    struct str line, name;
    size_t equals;
    while (text_split(&ini->rest, '\n', &line)) {
        if (line.n > 0 && line.p[line.n - 1] == '\r') {
            line.n--;
        }
        bool indented = line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
        line = text_trim(without_comment(line));
        if (line.n > 0 && line.p[0] == '[' && !indented) {
            ini->inside =
                section_name(line, ini->config_file, &name) && text_eq(name, ini->profile);
            ini->found |= ini->inside;
        } else if (ini->inside && !indented && text_find(line, STR("="), &equals)) {
            /* Indented lines continue a value or nest settings of one service: none is ours. */
            *key_out = text_trim(text_sub(line, 0, equals));
            *value_out = text_trim(text_sub(line, equals + 1, line.n));
            return true;
        }
    }
    return false;
}

bool creds_profile_find(struct str text, bool config_file, struct str profile, struct str key,
                        struct str *value_out)
{
    struct ini ini = {.rest = text, .config_file = config_file, .profile = profile};
    struct str k, v;
    bool found = false;
    while (next_pair(&ini, &k, &v)) {
        if (!text_ieq(k, key)) {
            continue;
        }
        *value_out = v;
        found = v.n > 0;
    }
    return found;
}

bool creds_profile_has(struct str text, bool config_file, struct str profile)
{
    struct ini ini = {.rest = text, .config_file = config_file, .profile = profile};
    struct str k, v;
    while (next_pair(&ini, &k, &v)) {
        continue;
    }
    return ini.found;
}

/* ---- the two files ------------------------------------------------------------------------ */

struct key_row {
    const char *key;
    size_t offset, size;
};

static const struct key_row key_rows[] = {
#define KEY_ROW(field, key, size) {key, offsetof(struct creds_profile, field), size},
    CREDS_PROFILE_KEYS(KEY_ROW)
#undef KEY_ROW
};
enum { KEY_ROWS = COUNT_OF(key_rows), KEYS_TOGETHER = 3 };

static enum status take_file(struct creds_profile *p, struct str text, bool config_file,
                             struct err *err)
{
    if (!creds_profile_has(text, config_file, text_from(p->name))) {
        return STATUS_OK;
    }
    p->found = true;
    /* The credentials file was read first and wins; its key never pairs with the other file's
     * secret. */
    size_t from = p->access_key_id[0] || p->secret[0] ? KEYS_TOGETHER : 0;
    for (size_t i = from; i < KEY_ROWS; i++) {
        const struct key_row *row = &key_rows[i];
        char *field = (char *)p + row->offset;
        struct str value;
        if (field[0] || !creds_profile_find(text, config_file, text_from(p->name),
                                            text_from(row->key), &value)) {
            continue;
        }
        if (value.n >= row->size) {
            return err_set(err, STATUS_INVALID, "profile %s: %s is too long", p->name, row->key);
        }
        text_copy(value, field, row->size);
    }
    return STATUS_OK;
}

/* "~/" is the home directory, also inside the variables. */
static bool file_path(const char *variable, const char *standard, char *out, size_t size)
{
    const char *path = creds_local_env(variable);
    if (!path) {
        path = standard;
    }
    const char *home = creds_local_env("HOME");
    struct buf b;
    buf_init(&b, size - 1);
    if (strncmp(path, "~/", 2) == 0 && home) {
        buf_printf(&b, "%s%s", home, path + 1);
    } else if (path[0] != '~') {
        buf_put_str(&b, text_from(path));
    }
    bool ok = buf_ok(&b) && buf_len(&b) > 0;
    if (ok) {
        text_copy(buf_str(&b), out, size);
    }
    buf_free(&b);
    return ok;
}

static enum status read_one(struct creds_profile *p, const char *variable, const char *standard,
                            bool config_file, struct err *err)
{
    char path[4096];
    struct buf text;
    buf_init(&text, FILE_MAX);
    enum status status = STATUS_OK;
    if (file_path(variable, standard, path, sizeof path)) {
        enum creds_local_result got = creds_local_read(path, FILE_MAX, &text);
        if (got == CREDS_LOCAL_READ) {
            status = take_file(p, buf_str(&text), config_file, err);
        }
        /* a server that root started with HOME=/root and that is nobody now has no files there */
        else if (got == CREDS_LOCAL_BAD ||
                 (got == CREDS_LOCAL_CLOSED && creds_local_env(variable))) {
            status = err_set(err, STATUS_INVALID, "profile: %s cannot be read", standard);
        }
    }
    creds_local_wipe(&text);
    return status;
}

static void choose_name(struct creds_profile *p, const char *name)
{
    if (!name) {
        name = creds_local_env("AWS_PROFILE");
    }
    if (!name) {
        name = creds_local_env("AWS_DEFAULT_PROFILE");
    }
    p->named = name != NULL;
    text_copy(text_from(name ? name : "default"), p->name, sizeof p->name);
}

enum status creds_profile_load(struct creds_profile *p, const char *name, struct err *err)
{
    memset(p, 0, sizeof *p);
    choose_name(p, name);
    enum status status =
        read_one(p, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", false, err);
    if (status == STATUS_OK) {
        status = read_one(p, "AWS_CONFIG_FILE", "~/.aws/config", true, err);
    }
    if (status != STATUS_OK) {
        creds_profile_wipe(p);
    }
    return status;
}

void creds_profile_wipe(struct creds_profile *p)
{
    text_wipe(p, sizeof *p);
}
