/*
 * stuck_readers.c - N clients that ask for a stream and never read a byte of it.
 *
 * usage: stuck-readers HOST PORT REQUEST_FILE N
 * REQUEST_FILE holds the whole HTTP request. Prints "open" when all have asked, then holds them
 * until its standard input ends. A small receive buffer, so that what piles up piles up at the
 * server and not in this machine's kernel.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MAX = 1 << 20, RECEIVE_BYTES = 4096 };

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static size_t read_request(const char *path, char *out)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        die(path);
    }
    size_t n = fread(out, 1, REQUEST_MAX, f);
    fclose(f);
    return n;
}

static void ask(const struct sockaddr_in *to, const char *request, size_t n)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), small = RECEIVE_BYTES;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) != 0 ||
        connect(fd, (const struct sockaddr *)to, sizeof *to) != 0) {
        die("connect");
    }
    for (size_t sent = 0; sent < n;) {
        ssize_t m = send(fd, request + sent, n - sent, MSG_NOSIGNAL);
        if (m < 0) {
            die("send");
        }
        sent += (size_t)m;
    }
}

int main(int argc, char **argv)
{
    static char request[REQUEST_MAX];
    if (argc != 5) {
        fprintf(stderr, "usage: stuck-readers HOST PORT REQUEST_FILE N\n");
        return 2;
    }
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10))};
    struct rlimit files;
    if (inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
        fprintf(stderr, "%s is no address\n", argv[1]);
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    size_t n = read_request(argv[3], request);
    for (long i = strtol(argv[4], NULL, 10); i > 0; i--) {
        ask(&to, request, n);
    }
    puts("open");
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return 0;
}
