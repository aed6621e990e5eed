#include "master/bill/usage_users.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/arena.h"

struct usage_user {
    char id[KEYSTORE_ID_MAX + 1];
    char user[129];
};

static bool on_key(void *ctx, const struct keystore_row *row)
{
    struct usage_users *u = ctx;
    if (u->n == u->room) {
        size_t room = u->room ? 2 * u->room : 64;
        struct usage_user *more = heap_grow(u->rows, room * sizeof *more);
        u->out_of_memory = !more;
        if (!more) {
            return false;
        }
        u->rows = more;
        u->room = room;
    }
    struct usage_user *to = &u->rows[u->n++];
    text_copy(text_from(row->id), to->id, sizeof to->id);
    text_copy(text_from(row->user_id), to->user, sizeof to->user);
    return true;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct usage_user *)a)->id, ((const struct usage_user *)b)->id);
}

enum status usage_users_load(struct usage_users *u, struct keystore *store, struct err *err)
{
    *u = (struct usage_users){.rows = NULL};
    enum status status = store->ops->scan(store, on_key, u, err);
    if (u->n) {
        qsort(u->rows, u->n, sizeof *u->rows, by_id);
    }
    return status == STATUS_OK && u->out_of_memory
               ? err_set(err, STATUS_UNAVAILABLE, "out of memory")
               : status;
}

void usage_users_free(struct usage_users *u)
{
    if (u->rows) {
        text_wipe(u->rows, u->n * sizeof *u->rows); /* ids of clear keys */
        heap_drop(u->rows);
    }
    *u = (struct usage_users){.rows = NULL};
}

const char *usage_users_find(const struct usage_users *u, const char *id)
{
    struct usage_user key;
    if (strcmp(id, "master") == 0 || strcmp(id, "anonymous") == 0) {
        return id;
    }
    text_copy(text_from(id), key.id, sizeof key.id);
    const struct usage_user *found =
        u->n ? bsearch(&key, u->rows, u->n, sizeof *u->rows, by_id) : NULL;
    return found ? found->user : USAGE_USERS_GONE;
}
