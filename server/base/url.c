#include "server/base/url.h"

static bool cut_scheme(struct str *rest, bool *plain_http_out)
{
    static const struct str schemes[] = {{"https://", 8}, {"http://", 7}};
    for (size_t i = 0; i < 2; i++) {
        if (text_istarts(*rest, schemes[i])) {
            *plain_http_out = i == 1;
            *rest = text_sub(*rest, schemes[i].n, rest->n);
            return true;
        }
    }
    return false;
}

/* RFC 3986 also allows escapes and sub-delims in names; no address of a service has them, and every
 * parser reads them in its own way. */
static bool is_host(struct str s, bool ipv6)
{
    return text_only_of(s, ipv6 ? ":." : "-._");
}

/* ":8000", or nothing at all */
static bool cut_port(struct str rest, struct str *port_out)
{
    uint64_t port = 0;
    *port_out = (struct str){NULL, 0};
    if (rest.n == 0) {
        return true;
    }
    *port_out = text_sub(rest, 1, rest.n);
    return rest.p[0] == ':' && text_u64(*port_out, &port) && port > 0 && port < 65536;
}

static bool cut_authority(struct str s, struct url *out)
{
    size_t at = s.n;
    bool ipv6 = text_starts(s, STR("["));
    if (ipv6 && !text_find(s, STR("]"), &at)) {
        return false;
    }
    if (!ipv6 && !text_find(s, STR(":"), &at)) {
        at = s.n;
    }
    out->authority = s;
    out->host = ipv6 ? text_sub(s, 1, at - 1) : text_sub(s, 0, at);
    return is_host(out->host, ipv6) && cut_port(text_sub(s, at + ipv6, s.n), &out->port);
}

bool url_cut(struct str text, struct url *out)
{
    size_t n = 0;
    *out = (struct url){.plain_http = false};
    if (!cut_scheme(&text, &out->plain_http)) {
        return false;
    }
    while (n < text.n && text.p[n] != '/' && text.p[n] != '?' && text.p[n] != '#') {
        n++;
    }
    out->path = text_sub(text, n, text.n);
    return cut_authority(text_sub(text, 0, n), out);
}
