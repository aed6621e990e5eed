#include "shm/refresher/refresher.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/sha256.h"
#include "server/net/loop.h"
#include "shm/memory/directory.h"
#include "shm/memory/keymiss.h"
#include "shm/refresher/backend.h"
#include "shm/memory/scoreboard.h"
#include "shm/memory/signing.h"

static char directory[64];
static struct segment seg;
static struct config config;
static int dead_pipe[2]; /* the test is the master: it holds the writing end */
static pid_t refresher;

static int make(void **state)
{
    (void)state;
    struct err err;
    log_level_set(LOG_OFF);
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE",
           1); /* the first source: nothing is asked of the network */
    setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 1);
    snprintf(directory, sizeof directory, "/tmp/test_refresher.XXXXXX");
    if (!mkdtemp(directory) || pipe(dead_pipe) != 0 ||
        segment_create(&seg, 1, 64, &err) != STATUS_OK) {
        return -1;
    }
    config = (struct config){.storage_backend = "sqlite",
                             .database_url = "",
                             .dynamodb_endpoint_url = "",
                             .dynamodb_timeout = 30,
                             .table_api_keys = "keys",
                             .table_usage_stats = "stats",
                             .table_model_mapping = "mapping",
                             .table_model_pricing = "pricing",
                             .state_dir = directory,
                             .aws_region = "eu-west-1",
                             .bedrock_api_key = "",
                             .bedrock_endpoint_url = "",
                             .ca_file = "",
                             .allow_clear_keys = true,
                             .refresh_seconds = 60,
                             .max_stale_seconds = 60};
    return 0;
}

static int drop(void **state)
{
    (void)state;
    static const char *const files[] = {"keys.db", "keys.db-wal", "keys.db-shm", "token"};
    if (refresher > 0) {
        kill(refresher, SIGKILL);
        waitpid(refresher, NULL, 0);
    }
    refresher = 0;
    close(dead_pipe[0]);
    if (dead_pipe[1] >= 0) {
        close(dead_pipe[1]);
    }
    segment_drop(&seg);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        unlink(path);
    }
    return rmdir(directory);
}

static void start(void)
{
    refresher = fork();
    if (refresher == 0) {
        close(dead_pipe[1]);
        _exit(refresher_run(&config, &seg, dead_pipe[0]));
    }
}

static int exit_code(void)
{
    int status;
    assert_int_equal(waitpid(refresher, &status, 0), refresher);
    refresher = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#define WAIT_UNTIL(condition)                  \
    for (int turn = 0; !(condition); turn++) { \
        if (turn == 20000) {                   \
            fail_msg("never: %s", #condition); \
        }                                      \
        usleep(1000);                          \
        clock_tick();                          \
    }

static bool ready(void)
{
    return scoreboard_ready_workers(&seg) == 0 &&
           atomic_load(&seg.scoreboard[0].state) == SCOREBOARD_READY;
}

static enum directory_found find(const char *key)
{
    struct directory_key k;
    uint8_t digest[32];
    sha256(key, strlen(key), digest);
    return directory_find(&seg, digest, &k);
}

/* As the CLI does, in a process of its own: no SQLite handle may exist here when the refresher is
 * forked. */
static void create_key(const char *key)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct keystore *k;
        struct err err;
        char why[BACKEND_WHY_SIZE];
        struct keystore_row row = {.user_id = "alice", .name = "laptop", .active = true};
        keystore_hash_id(text_from(key), row.id);
        _exit(backend_open(&config, "", &k, why, sizeof why, &err) == STATUS_OK &&
                      k->ops->put(k, &row, &err) == STATUS_OK
                  ? 0
                  : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_run_publishes_keys_answers_questions_and_signs(void **state)
{
    (void)state;
    struct signing_keys keys = {0};
    create_key("sk-first");
    start();
    WAIT_UNTIL(ready());
    assert_int_equal(find("sk-first"), DIRECTORY_HIT);
    assert_int_equal(atomic_load(&seg.scoreboard[0].pid), (uint32_t)refresher);

    create_key("sk-second"); /* asked for before the version poll sees it */
    uint8_t digest[32];
    sha256("sk-second", 9, digest);
    uint64_t ticket = keymiss_ask(&seg, 1, digest, STR("sk-second"));
    WAIT_UNTIL(keymiss_poll(&seg, 1, ticket) != KEYMISS_PENDING);
    assert_int_equal(keymiss_poll(&seg, 1, ticket), KEYMISS_FOUND);
    assert_int_equal(find("sk-second"), DIRECTORY_HIT);

    WAIT_UNTIL(signing_read(&seg, LANES_HOME, 0, &keys));
    assert_string_equal(keys.access_key_id, "AKIDEXAMPLE");
    assert_string_equal(keys.region, "eu-west-1");

    kill(refresher, SIGTERM);
    assert_int_equal(exit_code(), 0);
}

static void test_run_sighup_loads_anew(void **state)
{
    (void)state;
    start();
    WAIT_UNTIL(ready());
    uint64_t before = directory_generation(&seg);
    kill(refresher, SIGHUP);
    WAIT_UNTIL(directory_generation(&seg) > before);
    kill(refresher, SIGINT);
    assert_int_equal(exit_code(), 0);
}

static void test_run_killed_successor_goes_on(void **state)
{
    (void)state;
    create_key("sk-first");
    start();
    WAIT_UNTIL(ready());
    kill(refresher, SIGKILL);
    assert_int_equal(exit_code(), -SIGKILL);
    assert_int_equal(find("sk-first"), DIRECTORY_HIT);
    create_key("sk-second");
    uint64_t before = directory_generation(&seg);
    start();
    WAIT_UNTIL(directory_generation(&seg) > before);
    assert_int_equal(find("sk-first"), DIRECTORY_HIT);
    assert_int_equal(find("sk-second"), DIRECTORY_HIT);
}

static void test_run_master_gone_leaves(void **state)
{
    (void)state;
    start();
    WAIT_UNTIL(ready());
    close(dead_pipe[1]);
    dead_pipe[1] = -1;
    assert_int_equal(exit_code(), 0);
    start(); /* and one that is forked as the master dies */
    assert_int_equal(exit_code(), 0);
}

static void test_run_unusable_store_is_hopeless(void **state)
{
    (void)state;
    config.storage_backend = "dynamodb";
    config.dynamodb_endpoint_url = "http://";
    start();
    assert_int_equal(exit_code(), 2);
}

/* A DynamoDB that takes connections and never answers. */
static int open_silent_store(char url[64])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, size) == 0 && listen(fd, 16) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    snprintf(url, 64, "http://127.0.0.1:%u", ntohs(at.sin_port));
    return fd;
}

static void test_run_silent_store_beats_and_leaves_when_asked(void **state)
{
    (void)state;
    static const int signals[] = {SIGTERM, SIGINT};
    char url[64];
    int fd = open_silent_store(url);
    config.storage_backend = "dynamodb";
    config.dynamodb_endpoint_url = url;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        _Atomic uint64_t *beat = &seg.scoreboard[0].heartbeat_ms;
        atomic_store(beat, 0);
        start();
        WAIT_UNTIL(atomic_load(beat) != 0);
        uint64_t first = atomic_load(beat);
        WAIT_UNTIL(atomic_load(beat) != first); /* twice a second */
        uint64_t begin = clock_now_ns();
        kill(refresher, signals[i]);
        assert_int_equal(exit_code(), 0);
        assert_true(clock_now_ns() - begin <
                    10000000000); /* the store would be waited for longer */
    }
    close(fd);
}

static void test_run_bedrock_api_key_needs_no_credentials(void **state)
{
    (void)state;
    struct signing_keys keys = {0};
    config.bedrock_api_key = "bedrock-api-key";
    start();
    WAIT_UNTIL(ready());
    usleep(20000);
    assert_false(signing_read(&seg, LANES_HOME, 0, &keys));
    assert_int_equal(directory_generation(&seg), 1);
}

static bool signs_for(const char *date)
{
    struct signing_keys keys = {0};
    return signing_read(&seg, LANES_HOME, 0, &keys) && strcmp(keys.date[1], date) == 0;
}

/* The skew moves the date as AWS sees it, as a step of the clock does. */
static void test_run_complaint_about_the_date_hurries(void **state)
{
    (void)state;
    char amz[17];
    struct signing_keys keys = {0};
    start();
    WAIT_UNTIL(signing_read(&seg, LANES_HOME, 0, &keys));
    usleep(20000); /* behind the first turn: the tick is a second away */
    uint64_t took_ns =
        UINT64_MAX; /* its tick is a second away: one of five times the machine lets it hurry */
    for (int i = 0; i < 5 && took_ns > 500000000; i++) {
        clock_amz(clock_real_now_ms() + (2 + i) * 86400000ll, amz);
        amz[8] = '\0';
        uint64_t begin = clock_now_ns();
        signing_set_skew(&seg, (2 + i) * 86400000ll);
        signing_miss(&seg);
        loop_eventfd_ring(seg.wake_refresher);
        WAIT_UNTIL(signs_for(amz));
        took_ns = clock_now_ns() - begin;
    }
    assert_true(took_ns < 500000000);
    /* and nobody has to complain */
    signing_set_skew(&seg, -40 * 86400000ll);
    clock_amz(clock_real_now_ms() - 40 * 86400000ll, amz);
    amz[8] = '\0';
    WAIT_UNTIL(signs_for(amz));
}

/* A pod with a web identity whose only way out is the proxy. */
static void test_run_asks_for_credentials_through_the_proxy(void **state)
{
    (void)state;
    char url[64], token[96], line[64] = "";
    struct timeval patience = {.tv_sec = 5};
    int fd = open_silent_store(url); /* any listener that does not answer */
    snprintf(token, sizeof token, "%s/token", directory);
    FILE *file = fopen(token, "w");
    assert_true(file && fputs("web-identity-token", file) > 0 && fclose(file) == 0);
    unsetenv("AWS_ACCESS_KEY_ID"); /* make() sets both again */
    unsetenv("AWS_SECRET_ACCESS_KEY");
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token, 1);
    setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/x", 1);
    setenv("HTTPS_PROXY", url, 1);
    config.storage_backend = "sqlite";
    config.use_proxy = true;
    start();
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int caller = accept(fd, NULL, NULL);
    assert_true(caller >= 0);
    assert_true(recv(caller, line, sizeof line - 1, 0) > 0);
    assert_non_null(strstr(line, "CONNECT sts.eu-west-1.amazonaws.com:443 HTTP/1.1"));
    unsetenv("AWS_WEB_IDENTITY_TOKEN_FILE");
    unsetenv("AWS_ROLE_ARN");
    unsetenv("HTTPS_PROXY");
    close(caller);
    close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_run_publishes_keys_answers_questions_and_signs),
        T(test_run_sighup_loads_anew),
        T(test_run_killed_successor_goes_on),
        T(test_run_master_gone_leaves),
        T(test_run_unusable_store_is_hopeless),
        T(test_run_silent_store_beats_and_leaves_when_asked),
        T(test_run_bedrock_api_key_needs_no_credentials),
        T(test_run_complaint_about_the_date_hurries),
        T(test_run_asks_for_credentials_through_the_proxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
