#include "shm/refresher/models_watch.h"

#include <sys/stat.h>

#include "server/base/log.h"
#include "shm/catalogue/catalogue.h"
#include "shm/memory/edition.h"

static void load(struct models_watch *w)
{
    struct err err;
    if (catalogue_load(w->path, &err) != STATUS_OK) {
        log_line(LOG_ERROR, "models", "%s; the table before it stays", err.text);
        return;
    }
    edition_publish(w->segment, catalogue_now());
    log_line(LOG_INFO, "models", "%u rows in force%s%s", catalogue_now()->rows,
             w->path[0] ? ", with " : "", w->path);
}

/* False: as it was; a file that is away stays what it was, too. */
static bool has_changed(struct models_watch *w)
{
    struct stat st;
    if (!w->path[0] || stat(w->path, &st) != 0) {
        return false;
    }
    bool same = w->looked && st.st_mtim.tv_sec == w->changed.tv_sec &&
                st.st_mtim.tv_nsec == w->changed.tv_nsec && st.st_size == w->size &&
                st.st_ino == w->inode;
    w->looked = true;
    w->changed = st.st_mtim;
    w->size = st.st_size;
    w->inode = st.st_ino;
    return !same;
}

void models_watch_begin(struct models_watch *w, const struct config *c, struct segment *s)
{
    *w = (struct models_watch){.path = c->catalogue_file ? c->catalogue_file : "", .segment = s};
    if (has_changed(w) || edition_number(s) > 0) {
        load(w);
    }
}

void models_watch_tick(struct models_watch *w, bool again)
{
    if (has_changed(w) || (again && w->path[0])) {
        load(w);
    }
}
