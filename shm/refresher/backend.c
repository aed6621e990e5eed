#include "shm/refresher/backend.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "server/aws/creds.h"
#include "shm/dynamo/keystore_dynamo.h"
#include "shm/sqlite/keystore_sqlite.h"

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
        assert(i < sizeof backends / sizeof backends[0] && "no such choice in config.h");
    }
    return &backends[i];
}

/* What speaks for DynamoDB; NULL: nothing. */
static const char *aws_sign(const struct config *c)
{
    const char *source;
    if (c->dynamodb_endpoint_url[0]) {
        return "DYNAMODB_ENDPOINT_URL is set";
    }
    return creds_likely(&source) ? "AWS credentials are configured" : NULL;
}

static const struct backend *choose_auto(const struct config *c, char *why_out, size_t why_size)
{
    const char *sign = aws_sign(c);
    if (c->database_url[0]) {
        snprintf(why_out, why_size, "sqlite: DATABASE_URL is set");
    } else if (sign) {
        snprintf(why_out, why_size, "dynamodb: %s", sign);
        return backend_of("dynamodb");
    } else {
        snprintf(why_out, why_size,
                 "sqlite in STATE_DIR: neither DATABASE_URL nor AWS is configured");
    }
    return backend_of("sqlite");
}

static const struct backend *choose(const struct config *c, char *why_out, size_t why_size)
{
    if (strcmp(c->storage_backend, "auto") == 0) {
        return choose_auto(c, why_out, why_size);
    }
    const struct backend *b = backend_of(c->storage_backend);
    snprintf(why_out, why_size, "%s: STORAGE_BACKEND says so", b->name);
    return b;
}

enum status backend_open(const struct config *c, struct keystore **out, char *why_out,
                         size_t why_size, struct err *err)
{
    return choose(c, why_out, why_size)->open(c, out, err);
}

enum status backend_open_again(const struct config *c, struct keystore **out, char *why_out,
                               size_t why_size, struct err *err)
{
    const struct backend *b = choose(c, why_out, why_size);
    enum status status = b->exists ? b->exists(c, err) : STATUS_OK;
    return status == STATUS_OK ? b->open(c, out, err) : status;
}
