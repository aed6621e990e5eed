/*
 * journal_guard.c - a file that others cut while it is mapped (truncate, a log rotator with
 * copytruncate).
 *
 * A load or store behind the file's end is a SIGBUS: of every worker with a request, and of each
 * successor, for ever. No look beforehand can help, the cut may come right after it. So the fault
 * itself mends the file, and the instruction is tried again: it finds a FREE record of zeros.
 */
#include "shm/journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/log.h"

#define IN_VAIN_MAX 1000 /* faults at one place although the file is whole */

static struct journal guarded; /* a copy of what the handler needs: where, how long, which file */

enum journal_health journal_mend(const struct journal *j)
{
    struct stat st;
    if (j->fd < 0 || fstat(j->fd, &st) != 0 || (size_t)st.st_size >= j->size) {
        return JOURNAL_WHOLE;
    }
    bool done = fallocate(j->fd, 0, 0, (off_t)j->size) == 0 ||
                (errno == EOPNOTSUPP && ftruncate(j->fd, (off_t)j->size) == 0);
    if (!done) {
        return JOURNAL_CUT;
    }
    log_line(
        LOG_ERROR, "usage",
        "%s was cut to %lld bytes by another program and is whole again; what waited in it for "
        "the store is lost, unless a copy lies there as %s.1",
        j->path, (long long)st.st_size, j->path);
    return JOURNAL_MENDED;
}

/* Two processes may fault at the same time: for the second one the file is whole already. But one
 * with a hole, where the disk has no room (it can only be where fallocate is not supported), is
 * whole, too, and faults for ever. */
static bool may_try_again(const char *at)
{
    static const char *last;
    static int in_vain;
    enum journal_health health = journal_mend(&guarded);
    in_vain = health == JOURNAL_WHOLE && at == last ? in_vain + 1 : 0;
    last = at;
    return health != JOURNAL_CUT && in_vain < IN_VAIN_MAX;
}

/* Rule 34: a synchronous fault cannot come by a signalfd. It comes from a load or store of a
 * record, never from inside the heap or the log, so what is called here need not be reentrant. */
static void on_fault(int sig, siginfo_t *info, void *context)
{
    (void)context;
    const char *at = info->si_addr, *base = (const char *)guarded.header;
    bool ours = at >= base && at < base + guarded.size;
    if (!ours || !may_try_again(at)) {
        signal(sig, SIG_DFL); /* the instruction comes again, and this is the end */
    }
}

void journal_guard(const struct journal *j)
{
    if (journal_in_memory(j)) {
        return;
    }
    guarded = *j;
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}
