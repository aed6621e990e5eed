#include "server/aws/endpoint.h"

#include <stdio.h>

#include "server/base/url.h"

/* China and the EU sovereign cloud have domains of their own. */
static const char *domain_of(const char *region, bool dualstack)
{
    if (text_starts(text_from(region), STR("cn-"))) {
        return dualstack ? "api.amazonwebservices.com.cn" : "amazonaws.com.cn";
    }
    if (text_starts(text_from(region), STR("eusc-"))) {
        return dualstack ? "api.amazonwebservices.eu" : "amazonaws.eu";
    }
    return dualstack ? "api.aws" : "amazonaws.com";
}

void endpoint_aws(const char *service, const char *region, bool fips, bool dualstack,
                  struct endpoint *out)
{
    *out = (struct endpoint){.plain_http = false};
    snprintf(out->host, sizeof out->host, "%s%s.%s.%s", service, fips ? "-fips" : "", region,
             domain_of(region, dualstack));
    snprintf(out->base, sizeof out->base, "https://%s", out->host);
}

/* Host header and signature must agree byte for byte: lower case, the default port left out. */
static void put_host(struct str host, struct endpoint *out)
{
    struct str port = out->plain_http ? STR(":80") : STR(":443");
    if (text_ends(host, port)) {
        host.n -= port.n;
    }
    text_copy(host, out->host, sizeof out->host);
    for (char *p = out->host; *p; p++) {
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p);
    }
    snprintf(out->base, sizeof out->base, "%s://%s", out->plain_http ? "http" : "https", out->host);
}

enum status endpoint_given(struct str url, const char *setting, struct endpoint *out,
                           struct err *err)
{
    struct url u;
    *out = (struct endpoint){.plain_http = false};
    if (!url_cut(url, &u) || u.authority.n >= sizeof out->host || u.path.n >= sizeof out->path) {
        return err_set(err, STATUS_INVALID, "%s: no usable host in it", setting);
    }
    while (text_ends(u.path, STR("/"))) {
        u.path.n--;
    }
    out->plain_http = u.plain_http;
    text_copy(u.path, out->path, sizeof out->path);
    put_host(u.authority, out);
    return STATUS_OK;
}
