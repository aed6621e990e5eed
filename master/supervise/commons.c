#include "master/supervise/commons.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "server/platform/cpus.h"
#include "master/supervise/pidfile.h"
#include "master/supervise/room.h"
#include "master/supervise/sandbox.h"
#include "master/supervise/upgrade.h"
#include "master/supervise/window.h"
#include "server/base/log.h"
#include "server/net/loop.h"
#include "shm/catalogue/catalogue.h"
#include "shm/memory/lane_names.h"
#include "worker/model/models.h"
#include "worker/turn/money.h"

#define RECORDS_IN_MEMORY 262144u
#define LISTEN_MS         2000 /* for the workers of a killed master to leave the port */

static enum status open_signals(struct roster *r, struct err *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1, SIGUSR2, 0};
    int ends[2];
    r->signal_fd = loop_signalfd(signals, err);
    if (r->signal_fd < 0) {
        return err->code;
    }
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return err_set(err, STATUS_INTERNAL, "pipe: %s", strerrordesc_np(errno));
    }
    r->dead_fd = ends[0];
    r->alive_fd = ends[1];
    return STATUS_OK;
}

/* Requests are served without the file too; only a crash of everything would then cost records. */
static enum status open_journal(struct roster *r, const struct config *c, struct err *err)
{
    char path[512];
    journal_path(c, path, sizeof path);
    /* In memory pages come as records do, and nobody's disk is taken. */
    uint32_t records = path[0] ? c->bounds.records : RECORDS_IN_MEMORY;
    enum status status = journal_open(&r->journal, path, 2 * r->set_size, records, err);
    if (status == STATUS_UNAVAILABLE) {
        log_line(LOG_ERROR, "usage", "records are kept in memory only: %s", err->text);
        status = STATUS_OK;
    }
    r->segment.journal = &r->journal;
    return status;
}

/* A master that was killed has left its file, and workers that are about to notice. */
static unsigned listen_ms(const struct config *c)
{
    pid_t pid;
    struct err err;
    bool killed = pidfile_read(c->state_dir, &pid, &err) != STATUS_OK && pid > 0;
    return killed ? LISTEN_MS : 0;
}

static enum status open_listener(struct roster *r, const struct config *c,
                                 char name_out[LISTENER_NAME_MAX], struct err *err)
{
    r->listen_fd = upgrade_socket(c->host, (uint16_t)c->port, name_out);
    return r->listen_fd >= 0 ? STATUS_OK
                             : listener_open(c->host, (uint16_t)c->port, listen_ms(c),
                                             &r->listen_fd, name_out, err);
}

enum status commons_check(const struct config *c, struct err *err)
{
    enum status status = catalogue_load(c->catalogue_file, err);
    if (status != STATUS_OK) {
        return status;
    }
    status = models_check(c, err);
    if (status == STATUS_OK) {
        status = money_init(c, err);
    }
    if (status != STATUS_OK) {
        catalogue_adopt(); /* the one before it, which is still there */
    }
    return status;
}

enum status commons_open(struct roster *r, struct config *c, char name_out[LISTENER_NAME_MAX],
                         struct err *err)
{
    enum status status = commons_check(c, err);
    if (status == STATUS_OK) {
        status = open_listener(r, c, name_out, err);
    }
    if (status == STATUS_OK) { /* the last thing that may need root was the port */
        status = sandbox_begin(c, upgrade_state_fd(), err);
    }
    if (status == STATUS_OK) {
        roster_init(r, cpus_workers_here(c->workers, ROSTER_WORKERS_MAX));
        room_here(r->set_size, &c->bounds);
        status = segment_create(&r->segment, 2 * r->set_size, (uint32_t)c->max_keys, err);
    }
    if (status == STATUS_OK) {
        lane_names_enter(&r->segment, &c->lanes, NULL);
        status = open_journal(r, c, err);
    }
    return status == STATUS_OK ? open_signals(r, err) : status;
}

void commons_close(struct roster *r)
{
    if (r->window_fd >= 0) { /* opened by who serves, with its settings */
        window_close(roster_active(r)->config->state_dir, r->window_fd);
    }
    close(r->signal_fd);
    close(r->dead_fd);
    close(r->alive_fd);
    journal_drop(&r->journal);
    segment_drop(&r->segment);
    roster_drop_config(&r->sets[0]);
    roster_drop_config(&r->sets[1]);
}
