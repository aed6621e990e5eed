#include "server/config/network.h"

#include <arpa/inet.h>
#include <string.h>

#define TEXT_SIZE 64 /* longer than any address */

struct network { /* IPv4 as ::ffff:a.b.c.d */
    uint8_t bytes[16];
    unsigned bits; /* of 128 that count */
};

static bool read_address(struct str s, struct network *out)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char text[TEXT_SIZE];
    out->bits = 128;
    if (s.n == 0 || s.n >= sizeof text || memchr(s.p, '\0', s.n)) {
        return false;
    }
    text_copy(s, text, sizeof text);
    memcpy(out->bytes, mapped, sizeof mapped);
    return inet_pton(AF_INET, text, out->bytes + 12) == 1 ||
           inet_pton(AF_INET6, text, out->bytes) == 1;
}

/* "address" or "address/bits" */
static bool read_network(struct str s, struct network *out)
{
    size_t at;
    struct str address = s;
    uint64_t bits = 0;
    bool four = !text_find(s, STR(":"), &at);
    bool cut = text_find(s, STR("/"), &at);
    if (cut) {
        address = text_sub(s, 0, at);
        if (!text_u64(text_sub(s, at + 1, s.n), &bits) || bits > (four ? 32u : 128u)) {
            return false;
        }
    }
    bool good = read_address(address, out);
    if (cut) {
        out->bits = (unsigned)bits + (four ? 96u : 0u);
    }
    return good;
}

static bool holds(const struct network *net, const struct network *one)
{
    unsigned whole = net->bits / 8, rest = net->bits % 8;
    if (memcmp(net->bytes, one->bytes, whole) != 0) {
        return false;
    }
    return !rest || ((net->bytes[whole] ^ one->bytes[whole]) >> (8 - rest)) == 0;
}

struct str network_odd(struct str list)
{
    struct str rest = list, piece;
    struct network net;
    while (rest.n && text_split(&rest, ',', &piece)) {
        if (!read_network(text_trim(piece), &net)) {
            return piece;
        }
    }
    return (struct str){NULL, 0};
}

bool network_holds(struct str list, struct str address)
{
    struct str rest = list, piece;
    struct network net, one;
    if (!read_address(address, &one)) {
        return false;
    }
    while (rest.n && text_split(&rest, ',', &piece)) {
        if (read_network(text_trim(piece), &net) && holds(&net, &one)) {
            return true;
        }
    }
    return false;
}

struct str network_address(struct str text)
{
    struct network ignored;
    struct str s = text_trim(text);
    size_t at, last;
    if (text_starts(s, STR("[")) && text_find(s, STR("]"), &at)) {
        s = text_sub(s, 1, at - 1);
    } else if (text_find(s, STR(":"), &at) &&
               !text_find(text_sub(s, at + 1, s.n), STR(":"), &last)) {
        s = text_sub(s, 0, at); /* one colon: a port follows */
    }
    return read_address(s, &ignored) ? s : (struct str){NULL, 0};
}
