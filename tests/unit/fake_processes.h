/*
 * fake_processes.h - stand-ins for the bodies of worker and refresher, so that the master is tested
 * alone: they beat, obey signals and the master's pipe, and behave as a shared page says. Being
 * defined in the test they take the place of the real ones at link time. Include once.
 */
#ifndef FAKE_PROCESSES_H
#define FAKE_PROCESSES_H

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/net/loop.h"
#include "shm/refresher/refresher.h"
#include "shm/memory/scoreboard.h"
#include "worker/exchange/worker.h"

/* gcov writes its files at the end of a process, which no role may */
#ifdef COVERAGE
#define FAKE_SANDBOX "off"
#else
#define FAKE_SANDBOX "on"
#endif

struct fake {
    _Atomic int starts[SEGMENT_PROCESSES_MAX]; /* by slot */
    _Atomic int pids[SEGMENT_PROCESSES_MAX];
    _Atomic int exit_code;                    /* of a worker, at once; -1: it serves */
    _Atomic int slow_ms;                      /* from the fork until signals are read */
    _Atomic int left[SEGMENT_PROCESSES_MAX];  /* in order, by slot */
    _Atomic int stubborn;                     /* a worker drains for as long as this is not 0 */
    _Atomic int terms[SEGMENT_PROCESSES_MAX]; /* how often SIGTERM came, by slot */
    _Atomic int dies_ms; /* a worker that has served for so long is killed; 0: never */
    _Atomic int group_is_own, listener_seen, environment_seen;
};
static struct fake *fake;

static void fake_open(void)
{
    fake = mmap(NULL, sizeof *fake, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fake->exit_code = -1;
}

static int fake_run(struct segment *s, uint32_t slot, int dead_fd)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};
    struct err err;
    usleep((useconds_t)fake->slow_ms * 1000);
    int fd = loop_signalfd(signals, &err);
    struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = dead_fd, .events = POLLIN}};
    fake->pids[slot] = getpid();
    fake->starts[slot]++;
    fake->group_is_own = getpgrp() == getpid();
    scoreboard_state(s, slot, SCOREBOARD_READY);
    if (slot > 0 && fake->dies_ms) {
        usleep((useconds_t)fake->dies_ms * 1000);
        raise(SIGKILL);
    }
    for (bool draining = false;;) {
        poll(p, 2, 20);
        clock_tick();
        scoreboard_beat(s, slot, clock_mono_ms());
        if (p[1].revents) { /* the master is gone */
            return 0;
        }
        int sig = loop_signalfd_read(fd, NULL);
        draining |= sig == SIGTERM;
        fake->terms[slot] += sig == SIGTERM;
        if (sig == SIGINT || (draining && !(slot > 0 && fake->stubborn))) {
            fake->left[slot]++;
            return 0;
        }
    }
}

int worker_run(const struct config *c, struct segment *s, uint32_t slot, int listen_fd, int dead_fd)
{
    (void)c;
    fake->listener_seen = listen_fd >= 0;
    fake->environment_seen = getenv("MASTER_API_KEY") != NULL;
    if (fake->exit_code >= 0) {
        fake->starts[slot]++;
        return fake->exit_code;
    }
    return fake_run(s, slot, dead_fd);
}

int refresher_run(const struct config *c, struct segment *s, int dead_fd)
{
    (void)c;
    return fake_run(s, 0, dead_fd);
}

#endif
