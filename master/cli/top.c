#include "master/cli/top.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/supervise/child.h"
#include "master/cli/commands.h"
#include "master/supervise/ending.h"
#include "master/supervise/pidfile.h"
#include "master/supervise/window.h"
#include "server/base/buf.h"
#include "server/base/clock.h"
#include "server/json/json.h"
#include "shm/catalogue/catalogue.h"
#include "master/cli/top_lanes.h"
#include "shm/memory/counters.h"
#include "shm/memory/directory.h"
#include "shm/memory/scoreboard.h"
#include "shm/memory/edition.h"
#include "shm/memory/segment.h"
#include "worker/model/endings.h"

#define REFRESH_MS 1000
#define JSON_MAX   65536

enum { PID, ONCE, OUTPUT, ENV_FILE, ROW_COUNT };
static const struct option_row rows[ROW_COUNT] = {
    [PID] = {'p', "pid", "N", "the master; default: the one in STATE_DIR/master.pid"},
    [ONCE] = {0, "once", NULL, "print one picture and end"},
    [OUTPUT] = {0, "output", "text|json", "form of the answer; json means --once"},
    [ENV_FILE] = {0, "env-file", "FILE", "settings file instead of .env"},
};
const struct commands_about top_about = {
    "top", "", "Shows the processes, connections and counters of a running server.", rows,
    ROW_COUNT};

struct view {
    struct segment segment;
    const struct config *config;
    const char *state_dir;
    pid_t master;
    uint64_t before[COUNTER_COUNT]; /* at the last refresh */
    bool refreshed;                 /* before[] is filled: rates can be shown */
};

/* --- finding the segment ------------------------------------------------------------------- */

static enum status attach_descriptor(struct view *v, const char *directory, const char *name,
                                     struct err *err)
{
    char path[PATH_MAX], target[64];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    ssize_t n = readlink(path, target, sizeof target);
    if (n < 0 || !text_starts((struct str){target, (size_t)n}, STR("/memfd:"))) {
        return STATUS_NOT_FOUND;
    }
    return segment_attach(&v->segment, path, err);
}

/* The way of everybody: the master shows it. NOT_FOUND: nobody does, or another master. */
static enum status attach_window(struct view *v, struct err *err)
{
    char path[64];
    int fd;
    pid_t pid;
    enum status status = window_look(v->state_dir, &fd, &pid, err);
    if (status != STATUS_OK) {
        return status;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    status = pid && pid != v->master ? err_set(err, STATUS_NOT_FOUND, "another server's")
                                     : segment_attach(&v->segment, path, err);
    close(fd);
    return status;
}

/* The way of root, who may look into any process. */
static enum status attach_process(struct view *v, struct err *err)
{
    char directory[64];
    snprintf(directory, sizeof directory, "/proc/%d/fd", (int)v->master);
    DIR *d = opendir(directory);
    if (!d) {
        return err_set(
            err, STATUS_UNAVAILABLE,
            "cannot look into process %d: not running, another user's, or not the server "
            "of STATE_DIR %s",
            (int)v->master, v->state_dir);
    }
    enum status status = STATUS_NOT_FOUND;
    for (struct dirent *e; status != STATUS_OK && (e = readdir(d)) != NULL;) {
        enum status now = attach_descriptor(v, directory, e->d_name, err);
        status = now == STATUS_NOT_FOUND ? status : now;
    }
    closedir(d);
    if (status == STATUS_NOT_FOUND) {
        return err_set(err, STATUS_UNAVAILABLE,
                       "process %d is no llm-api-converter of this version", (int)v->master);
    }
    return status;
}

static enum status attach(struct view *v, struct err *err)
{
    enum status status = attach_window(v, err);
    return status == STATUS_NOT_FOUND ? attach_process(v, err) : status;
}

/* --- the picture --------------------------------------------------------------------------- */

static const char *const state_names[] = {
    [SCOREBOARD_FREE] = "free",
    [SCOREBOARD_STARTING] = "starting",
    [SCOREBOARD_READY] = "ready",
    [SCOREBOARD_DRAINING] = "draining",
};

struct process { /* a copy of one slot */
    uint32_t pid, state, connections, streams;
    uint64_t beat_ms, starts, age_s;
};

static struct process read_slot(const struct view *v, uint32_t slot)
{
    const struct scoreboard_slot *s = &v->segment.scoreboard[slot];
    uint64_t beat = atomic_load(&s->heartbeat_ms), started = atomic_load(&s->started_ms);
    uint64_t now = clock_mono_ms(), real = (uint64_t)clock_real_ms();
    return (struct process){
        .pid = atomic_load(&s->pid),
        .state = atomic_load(&s->state),
        .connections = atomic_load(&s->connections),
        .streams = atomic_load(&s->streams),
        .beat_ms = now > beat ? now - beat : 0,
        .starts = atomic_load(&s->generation),
        .age_s = real > started ? (real - started) / 1000 : 0,
    };
}

static const char *state_name(uint32_t state)
{
    return state < COUNT_OF(state_names) ? state_names[state] : "?";
}

void top_duration(uint64_t s, char out[24])
{
    if (s >= 86400) {
        snprintf(out, 24, "%llud%02uh", (unsigned long long)(s / 86400),
                 (unsigned)(s % 86400 / 3600));
    } else if (s >= 3600) {
        snprintf(out, 24, "%uh%02um", (unsigned)(s / 3600), (unsigned)(s % 3600 / 60));
    } else {
        snprintf(out, 24, "%um%02us", (unsigned)(s / 60), (unsigned)(s % 60));
    }
}

static uint64_t uptime_s(const struct view *v)
{
    uint64_t now = (uint64_t)clock_real_ms(), epoch = v->segment.header->epoch;
    return now > epoch ? (now - epoch) / 1000 : 0;
}

static void print_processes(const struct view *v)
{
    printf("%-12s %8s %-9s %9s %7s %8s %7s %8s\n", "PROCESS", "PID", "STATE", "BEAT", "CONNS",
           "STREAMS", "STARTS", "UP");
    for (uint32_t slot = 0; slot <= v->segment.header->workers; slot++) {
        struct process p = read_slot(v, slot);
        char name[CHILD_NAME_MAX], up[24];
        if (p.state == SCOREBOARD_FREE) {
            continue;
        }
        child_name(slot, name);
        top_duration(p.age_s, up);
        printf("%-12s %8u %-9s %6.1f s %7u %8u %7llu %8s\n", name, p.pid, state_name(p.state),
               (double)p.beat_ms / 1000, p.connections, p.streams, (unsigned long long)p.starts,
               up);
    }
}

/* The slot's last process that died; false: none has. */
static bool read_end(const struct view *v, uint32_t slot, struct scoreboard_end *out,
                     uint64_t *ago_s_out)
{
    uint64_t real = (uint64_t)clock_real_ms();
    bool any = scoreboard_last_end(&v->segment, slot, out);
    *ago_s_out = real > out->at_ms ? (real - out->at_ms) / 1000 : 0;
    return any;
}

static void print_ends(const struct view *v)
{
    for (uint32_t slot = 0; slot <= v->segment.header->workers; slot++) {
        struct scoreboard_end e;
        char name[CHILD_NAME_MAX], ago[24], text[ENDING_MAX];
        uint64_t ago_s;
        if (read_end(v, slot, &e, &ago_s)) {
            child_name(slot, name);
            top_duration(ago_s, ago);
            ending_describe(&e, text);
            printf("%-12s %s ago one %s\n", name, ago, text);
        }
    }
}

static void print_counters(struct view *v)
{
    for (int i = 0; i < COUNTER_COUNT; i++) {
        uint64_t now = counters_sum(&v->segment, (enum counter)i);
        uint64_t rate = v->refreshed ? now - v->before[i] : 0;
        const struct counters_row *row = counters_row((enum counter)i);
        char name[64];
        snprintf(name, sizeof name, "%s%s%s", row->family, row->label ? " " : "",
                 row->label ? row->value : "");
        v->before[i] = now;
        if (now || !row->label) { /* most reasons and types never happen */
            printf(rate ? "%-52s %14llu %10llu/s\n" : "%-52s %14llu\n", name,
                   (unsigned long long)now, (unsigned long long)rate);
        }
    }
    v->refreshed = true;
}

/* --- models that end soon ------------------------------------------------------------------ */

/* By the table that the server has in force: CATALOGUE_FILE may have changed since it was read. */
static void each_ending(const struct view *v, void (*fn)(void *ctx, const char *text), void *ctx)
{
    (void)edition_take(&v->segment);
    endings_configured(v->config, clock_real_ms(), fn, ctx);
    endings_live(&v->segment, clock_real_ms(), fn, ctx);
}

static void print_ending(void *ctx, const char *text)
{
    (void)ctx;
    printf("warning: ");
    commands_print_safe(text_from(text), 0);
    putchar('\n');
}

static void json_ending(void *ctx, const char *text)
{
    json_str(ctx, text_from(text));
}

/* --- both forms ---------------------------------------------------------------------------- */

static void print_text(struct view *v)
{
    char up[24];
    top_duration(uptime_s(v), up);
    printf("llm-api-converter, master %d, up %s, %u keys (table %llu, %.1f s old)\n\n",
           (int)v->master, up, directory_count(&v->segment),
           (unsigned long long)directory_generation(&v->segment),
           (double)directory_age_ms(&v->segment, clock_real_ms()) / 1000);
    print_processes(v);
    print_ends(v);
    each_ending(v, print_ending, NULL);
    putchar('\n');
    top_lanes_print(&v->segment, &v->config->lanes);
    print_counters(v);
    fflush(stdout);
}

static void member(struct json_out *w, const char *name, uint64_t value)
{
    json_key(w, text_from(name));
    json_i64(w, (int64_t)value);
}

static void json_processes(const struct view *v, struct json_out *w)
{
    JSON_KEY(w, "processes");
    json_array(w);
    for (uint32_t slot = 0; slot <= v->segment.header->workers; slot++) {
        struct process p = read_slot(v, slot);
        char name[CHILD_NAME_MAX];
        if (p.state == SCOREBOARD_FREE) {
            continue;
        }
        child_name(slot, name);
        json_object(w);
        JSON_KEY(w, "name");
        json_str(w, text_from(name));
        member(w, "pid", p.pid);
        JSON_KEY(w, "state");
        json_str(w, text_from(state_name(p.state)));
        member(w, "heartbeat_age_ms", p.beat_ms);
        member(w, "connections", p.connections);
        member(w, "streams", p.streams);
        member(w, "starts", p.starts);
        member(w, "uptime_seconds", p.age_s);
        json_object_end(w);
    }
    json_array_end(w);
}

static void json_end(struct json_out *w, const char *name, const struct scoreboard_end *e,
                     uint64_t ago_s)
{
    const char *exchange = ending_exchange(e);
    json_object(w);
    JSON_KEY(w, "name");
    json_str(w, text_from(name));
    member(w, "seconds_ago", ago_s);
    if (WIFSIGNALED(e->status)) {
        member(w, "signal", (uint64_t)WTERMSIG(e->status));
    } else {
        member(w, "exit_code", (uint64_t)WEXITSTATUS(e->status));
    }
    if (exchange) {
        JSON_KEY(w, "exchange");
        json_str(w, text_from(exchange));
    }
    if (e->panic[0]) {
        JSON_KEY(w, "assertion");
        json_str(w, text_from(e->panic));
    }
    json_object_end(w);
}

static void json_ends(const struct view *v, struct json_out *w)
{
    JSON_KEY(w, "deaths");
    json_array(w);
    for (uint32_t slot = 0; slot <= v->segment.header->workers; slot++) {
        struct scoreboard_end e;
        char name[CHILD_NAME_MAX];
        uint64_t ago_s;
        if (read_end(v, slot, &e, &ago_s)) {
            child_name(slot, name);
            json_end(w, name, &e, ago_s);
        }
    }
    json_array_end(w);
}

/* A labelled family is an object of its own, by value. */
static void json_counters(const struct view *v, struct json_out *w)
{
    JSON_KEY(w, "counters");
    json_object(w);
    bool inside = false;
    for (int i = 0; i < COUNTER_COUNT; i++) {
        const struct counters_row *row = counters_row((enum counter)i);
        if (inside && counters_is_first((enum counter)i)) {
            json_object_end(w);
            inside = false;
        }
        if (row->label && !inside) {
            json_key(w, text_from(row->family));
            json_object(w);
            inside = true;
        }
        member(w, row->label ? row->value : row->family,
               counters_sum(&v->segment, (enum counter)i));
    }
    if (inside) {
        json_object_end(w);
    }
    json_object_end(w);
}

static void print_json(const struct view *v)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, JSON_MAX);
    json_begin(&w, &b);
    json_object(&w);
    member(&w, "master_pid", (uint64_t)v->master);
    member(&w, "uptime_seconds", uptime_s(v));
    member(&w, "keys", directory_count(&v->segment));
    member(&w, "key_table_generation", directory_generation(&v->segment));
    json_processes(v, &w);
    json_ends(v, &w);
    JSON_KEY(&w, "warnings");
    json_array(&w);
    each_ending(v, json_ending, &w);
    json_array_end(&w);
    top_lanes_json(&v->segment, &v->config->lanes, &w);
    json_counters(v, &w);
    json_object_end(&w);
    printf("%.*s\n", STR_ARG(buf_str(&b)));
    buf_free(&b);
}

/* --- the subcommand ------------------------------------------------------------------------ */

/* The segment stays mapped after the server is gone: its pid tells. */
static bool alive(const struct view *v)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)v->master);
    return access(path, F_OK) == 0;
}

static int show(struct view *v, bool once, bool json)
{
    struct err err;
    bool terminal = isatty(STDOUT_FILENO) != 0;
    if (attach(v, &err) != STATUS_OK) {
        return commands_complain(top_about.name, &err);
    }
    do {
        clock_tick();
        if (json) {
            print_json(v);
            break;
        }
        printf("%s", terminal && !once ? "\033[H\033[J" : "");
        print_text(v);
        if (!once) {
            usleep(REFRESH_MS * 1000);
        }
    } while (!once && alive(v));
    segment_drop(&v->segment);
    return COMMANDS_OK;
}

static enum status find_master(const struct config *c, const char *given, pid_t *pid_out,
                               struct err *err)
{
    uint64_t pid;
    if (!given) {
        return pidfile_read(c->state_dir, pid_out, err);
    }
    if (!text_u64(text_from(given), &pid) || pid == 0 || pid > INT_MAX) {
        return err_set(err, STATUS_INVALID, "--pid %s: a process number is needed", given);
    }
    *pid_out = (pid_t)pid;
    return STATUS_OK;
}

int top_run(int argc, char **argv)
{
    struct options o;
    struct config c;
    struct err err;
    static struct view v;
    bool json;
    int exit_code;
    if (!commands_begin(&top_about, argc, argv, &o, &exit_code)) {
        return exit_code;
    }
    if (commands_output(o.value[OUTPUT], &json, &err) != STATUS_OK ||
        commands_config(&c, o.value[ENV_FILE], NULL, 0, &err) != STATUS_OK) {
        return commands_complain(top_about.name, &err);
    }
    v.state_dir = c.state_dir;
    v.config = &c;
    /* A bad file: the built-in table. The server's own is taken where it has a later one. */
    bool whole = catalogue_load(c.catalogue_file, &err) == STATUS_OK;
    (void)whole;
    exit_code = find_master(&c, o.value[PID], &v.master, &err) == STATUS_OK
                    ? show(&v, json || o.value[ONCE], json)
                    : commands_complain(top_about.name, &err);
    config_free(&c);
    return exit_code;
}
