#include "shm/refresher/backend.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "server/aws/creds.h"
#include "server/aws/creds_probe.h"
#include "shm/dynamo/keystore_dynamo.h"
#include "shm/sqlite/keystore_sqlite.h"

#define PROBE_MS 1000u

static const struct backend {
    const char *name;
    enum status (*open)(const struct config *c, struct keystore **out, struct err *err);
    /* UNAVAILABLE: open would make an empty one; NULL: it never does. */
    enum status (*exists)(const struct config *c, struct err *err);
} backends[] = {
    {"dynamodb", keystore_dynamo_open, NULL},
    {"sqlite", keystore_sqlite_open, keystore_sqlite_exists},
};

static const struct backend *backend_of(const char *name)
{
    size_t i = 0;
    while (strcmp(backends[i].name, name) != 0) {
        i++;
        assert(i < COUNT_OF(backends) && "no such choice in config.h");
    }
    return &backends[i];
}

/* Without a word in the configuration: a file that is there goes on being the store, so that no
 * upgrade and no role that somebody attaches to the machine changes it; then the machine is asked.
 */
static const struct backend *choose_unasked(const struct config *c, const char *last, char *why_out,
                                            size_t why_size)
{
    if (last[0]) {
        snprintf(why_out, why_size, "%s: as before", last);
        return backend_of(last);
    }
    if (keystore_sqlite_exists(c, NULL) == STATUS_OK) {
        snprintf(
            why_out, why_size,
            "sqlite in STATE_DIR: it is there, and neither DATABASE_URL nor AWS is configured");
        return backend_of("sqlite");
    }
    bool role = creds_probe_instance(PROBE_MS);
    snprintf(why_out, why_size, "%s",
             role ? "dynamodb: this machine has AWS credentials (instance metadata)"
                  : "sqlite in STATE_DIR: neither DATABASE_URL nor AWS is configured, and instance "
                    "metadata gives no credentials");
    return backend_of(role ? "dynamodb" : "sqlite");
}

static const struct backend *choose_auto(const struct config *c, const char *last, char *why_out,
                                         size_t why_size)
{
    const char *source;
    if (c->database_url[0]) {
        snprintf(why_out, why_size, "sqlite: DATABASE_URL is set");
        return backend_of("sqlite");
    }
    if (c->dynamodb_endpoint_url[0]) {
        snprintf(why_out, why_size, "dynamodb: DYNAMODB_ENDPOINT_URL is set");
        return backend_of("dynamodb");
    }
    if (creds_likely(&source)) {
        snprintf(why_out, why_size, "dynamodb: AWS credentials are configured (%s)", source);
        return backend_of("dynamodb");
    }
    return choose_unasked(c, last, why_out, why_size);
}

static const struct backend *choose(const struct config *c, const char *last, char *why_out,
                                    size_t why_size)
{
    if (strcmp(c->storage_backend, "auto") == 0) {
        return choose_auto(c, last, why_out, why_size);
    }
    const struct backend *b = backend_of(c->storage_backend);
    snprintf(why_out, why_size, "%s: STORAGE_BACKEND says so", b->name);
    return b;
}

enum status backend_open(const struct config *c, const char *last, struct keystore **out,
                         char *why_out, size_t why_size, struct err *err)
{
    const struct backend *b = choose(c, last, why_out, why_size);
    enum status status = last[0] && b->exists ? b->exists(c, err) : STATUS_OK;
    return status == STATUS_OK ? b->open(c, out, err) : status;
}

enum status backend_look(const struct config *c, struct keystore **out, char *why_out,
                         size_t why_size, struct err *err)
{
    const struct backend *b = choose(c, "", why_out, why_size);
    enum status status = b->exists ? b->exists(c, err) : STATUS_OK;
    return status == STATUS_OK ? b->open(c, out, err) : status;
}
