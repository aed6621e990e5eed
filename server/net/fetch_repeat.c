/*
 * fetch_repeat.c - a connection out of the pool that dies under a request, before any byte of an
 * answer: the other side hung up at that very moment (idle for too long, a restart), and the
 * request goes out once more, on a fresh connection. RFC 9112 9.3.1 wants that for idempotent
 * requests only; but who hangs up does not read, and to lose a request is the worse of the two.
 *
 *   libcurl's own way (lib/transfer.c, Curl_retry_request): not after an error of send; also when a
 *   part of the status line has come; on any connection of its pool, up to five times. So
 *   on_request lets it repeat only what is lost, on a new connection, once; else the transfer ends,
 *   and is started anew if it may be.
 *
 * What a connection has received is the kernel's count, taken when its last answer was complete and
 * when it is closed; libcurl tells of whole lines only.
 */
#include "server/net/fetch_private.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

/* What a dying connection receives that is no answer. The kernel counts a FIN as a byte; TLS says
 * goodbye with an alert of 24 to 31 bytes, and the shortest record with a letter of an answer in it
 * is about as long. */
enum { FIN_BYTES = 1, ALERT_BYTES = 31 + FIN_BYTES };

static uint64_t received(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    bool known = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
                 size >= offsetof(struct tcp_info, tcpi_bytes_received) + 8;
    return known ? info.tcpi_bytes_received : FETCH_UNKNOWN;
}

void fetch_repeat_answered(const struct fetch *f, struct fetch_watch *w)
{
    w->received = received(w->fd);
    w->local_port = f->connection.local_port;
}

/* libcurl may not have asked for a watch yet, so the port tells whose connection it is. */
void fetch_repeat_closing(const struct fetch_watch *w)
{
    struct fetch *f;
    uint64_t now = w->received == FETCH_UNKNOWN ? FETCH_UNKNOWN : received(w->fd);
    if (now == FETCH_UNKNOWN) { /* its first request, for one */
        return;
    }
    LIST_FOREACH(f, &w->client->running, in_running)
    {
        uint64_t silence = f->secure ? ALERT_BYTES : FIN_BYTES;
        if (f->connection.sent && f->connection.local_port == w->local_port) {
            f->connection.lost =
                !f->connection.repeated && !f->answer.begun && now - w->received <= silence;
        }
    }
}

void fetch_repeat_note(struct fetch *f)
{
    f->connection.lost = false;
    f->connection.repeated = true;
    f->client->stats.repeats++;
}

bool fetch_repeat_request(struct fetch *f, int port)
{
    long connects = 0;
    if (f->connection.sent) {
        curl_easy_getinfo(f->easy, CURLINFO_NUM_CONNECTS, &connects);
        if (!f->connection.lost || connects == 0) {
            return false;
        }
        fetch_repeat_note(f);
    }
    f->connection.sent = true;
    f->connection.local_port = port;
    return true;
}

bool fetch_repeat_is_right(const struct fetch *f, CURLcode code)
{
    bool died = code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
                code == CURLE_ABORTED_BY_CALLBACK; /* on_request's */
    return died && f->err.code == STATUS_OK && f->connection.lost;
}
