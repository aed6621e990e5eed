/*
 * cli_case.h - runs a subcommand inside the test: an empty directory as working directory and
 * STATE_DIR, no AWS settings, its output caught. Include once, after cmocka.h.
 */
#ifndef CLI_CASE_H
#define CLI_CASE_H

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define CLI_ARGS_MAX 32

static char cli_out[65536], cli_err[8192]; /* of the last run */

static int cli_set_up(void **state)
{
    (void)state;
    char dir[] = "/tmp/test_cli.XXXXXX";
    static const char *const names[] = {
        "AWS_ACCESS_KEY_ID",     "AWS_PROFILE",    "DATABASE_URL", "STORAGE_BACKEND",
        "DYNAMODB_ENDPOINT_URL", "MASTER_API_KEY", "PORT",         "ENVIRONMENT"};
    if (!mkdtemp(dir) || chdir(dir) != 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unsetenv(names[i]);
    }
    setenv("STATE_DIR", dir, 1);
    setenv("HOME", dir, 1);
    return 0;
}

static int cli_tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"keys.db", "keys.db-wal", "keys.db-shm", "master.pid",
                                        ".env"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        remove(names[i]);
    }
    return chdir("/") + rmdir(getenv("STATE_DIR"));
}

static int cli_divert(int fd, const char *path)
{
    int saved = dup(fd), file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    dup2(file, fd);
    close(file);
    return saved;
}

static void cli_restore(int fd, int saved, const char *path, char *text, size_t size)
{
    ssize_t n = pread(fd, text, size - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    dup2(saved, fd);
    close(saved);
    remove(path);
}

/* line: arguments separated by single blanks. */
static int cli_run(int (*command)(int, char **), const char *line)
{
    static char words[4096];
    char *argv[CLI_ARGS_MAX + 1];
    int argc = 0;
    snprintf(words, sizeof words, "%s", line);
    for (char *p = words, *end; *p && argc < CLI_ARGS_MAX; p = end) {
        argv[argc++] = p;
        end = p + strcspn(p, " ");
        if (*end) {
            *end++ = '\0';
        }
    }
    argv[argc] = NULL;
    assert_true(argc < CLI_ARGS_MAX); /* nothing was left out */
    fflush(NULL);
    int out = cli_divert(1, "out"), err = cli_divert(2, "err");
    int code = command(argc, argv);
    fflush(NULL);
    cli_restore(1, out, "out", cli_out, sizeof cli_out);
    cli_restore(2, err, "err", cli_err, sizeof cli_err);
    return code;
}

static size_t cli_lines(const char *text)
{
    size_t n = 0;
    for (; (text = strchr(text, '\n')) != NULL; text++) {
        n++;
    }
    return n;
}

#define CLI_CASE(name) cmocka_unit_test_setup_teardown(name, cli_set_up, cli_tear_down)

#endif
