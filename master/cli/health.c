#include "master/cli/health.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "master/cli/commands.h"
#include "server/aws/endpoint.h"

enum { DEFAULT_SECONDS = 3 }; /* Docker's own limit for a health check is 30 s, App Runner's 5 s */

enum { URL, SECONDS, ENV_FILE, ROW_COUNT };
static const struct option_row rows[ROW_COUNT] = {
    [URL] = {0, "url", "URL", "default: http://127.0.0.1:PORT/health"},
    [SECONDS] = {0, "timeout", "SECONDS", "for connecting and for each read; default: 3"},
    [ENV_FILE] = {0, "env-file", "FILE", "settings file instead of .env"},
};
const struct commands_about health_about = {
    "health", "", "Asks a running gateway for /health: exit 0 or 1.", rows, ROW_COUNT};

/* "host", "host:port", "[v6]:port". Both parts are cut out of text. */
static void split_host(char *text, char **host_out, const char **port_out)
{
    char *end = text[0] == '[' ? strchr(text, ']') : NULL;
    char *colon = strchr(end ? end : text, ':');
    *host_out = end ? text + 1 : text;
    *port_out = "80";
    if (colon) {
        *colon = '\0';
        *port_out = colon + 1;
    }
    if (end) {
        *end = '\0';
    }
}

static int dial(const struct addrinfo *a, int seconds)
{
    /* Linux applies the send timeout to connect(), too. */
    const struct timeval limit = {.tv_sec = seconds};
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0) {
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
        connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
        return fd;
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static enum status open_socket(const struct endpoint *to, int seconds, int *fd_out, struct err *err)
{
    char copy[sizeof to->host], *host;
    const char *port;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    text_copy(text_from(to->host), copy, sizeof copy);
    split_host(copy, &host, &port);
    int code = getaddrinfo(host, port, &hints, &list);
    if (code != 0) {
        return err_set(err, STATUS_UNAVAILABLE, "%s: %s", to->host, gai_strerror(code));
    }
    *fd_out = -1;
    for (const struct addrinfo *a = list; a && *fd_out < 0; a = a->ai_next) {
        *fd_out = dial(a, seconds);
    }
    if (*fd_out < 0) {
        err_set(err, STATUS_UNAVAILABLE, "%s: %s; is the gateway running?", to->host,
                errno == EINPROGRESS ? "no connection in time" : strerrordesc_np(errno));
    }
    freeaddrinfo(list);
    return *fd_out < 0 ? err->code : STATUS_OK;
}

/* The status line is all that counts: "HTTP/1.1 200". */
static enum status read_answer(int fd, const char *url, struct err *err)
{
    char line[13] = "";
    size_t have = 0;
    ssize_t n = 1;
    while (have < sizeof line - 1 && n > 0) {
        n = recv(fd, line + have, sizeof line - 1 - have, 0);
        have += n > 0 ? (size_t)n : 0;
    }
    bool http = text_starts(text_from(line), STR("HTTP/1.")) && have == sizeof line - 1;
    if (http && strcmp(line + 9, "200") == 0) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_UNAVAILABLE, "%s answered %s", url,
                   http    ? line + 9
                   : n < 0 ? "nothing in time"
                           : "something that is not HTTP");
}

enum status health_ask(const char *url, int seconds, struct err *err)
{
    struct endpoint to;
    char request[640];
    int fd;
    if (!text_istarts(text_from(url), STR("http://"))) {
        return err_set(err, STATUS_INVALID, "--url %s: http://HOST[:PORT]/PATH is needed", url);
    }
    if (endpoint_given(text_from(url), "--url", &to, err) != STATUS_OK ||
        open_socket(&to, seconds, &fd, err) != STATUS_OK) {
        return err->code;
    }
    int n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                     to.path[0] ? to.path : "/", to.host);
    enum status status =
        send(fd, request, (size_t)n, MSG_NOSIGNAL) == n
            ? read_answer(fd, url, err)
            : err_set(err, STATUS_UNAVAILABLE, "%s: %s", url, strerrordesc_np(errno));
    close(fd);
    return status;
}

/* HOST is not used: the check runs beside the server, and whoever binds one address says --url. */
static enum status default_url(const struct options *o, char *out, size_t size, struct err *err)
{
    struct config c;
    enum status status = commands_config(&c, o->value[ENV_FILE], NULL, 0, err);
    if (status == STATUS_OK) {
        snprintf(out, size, "http://127.0.0.1:%lld/health", (long long)c.port);
        config_free(&c);
    }
    return status;
}

int health_run(int argc, char **argv)
{
    struct options o;
    struct err err;
    char url[64];
    int64_t seconds = DEFAULT_SECONDS;
    int exit_code;
    if (!commands_begin(&health_about, argc, argv, &o, &exit_code)) {
        return exit_code;
    }
    const char *given = o.value[URL], *timeout = o.value[SECONDS];
    if (timeout && (!text_i64(text_from(timeout), &seconds) || seconds < 1 || seconds > 3600)) {
        err_set(&err, STATUS_INVALID, "--timeout %s: 1 to 3600 seconds are needed", timeout);
        return commands_complain(health_about.name, &err);
    }
    if ((!given && default_url(&o, url, sizeof url, &err) != STATUS_OK) ||
        health_ask(given ? given : url, (int)seconds, &err) != STATUS_OK) {
        return commands_complain(health_about.name, &err);
    }
    return COMMANDS_OK;
}
