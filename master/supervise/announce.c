#include "master/supervise/announce.h"

#include <stdio.h>

#include "server/aws/creds.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/sha256.h"
#include "worker/model/endings.h"

void announce_upstream(const struct config *c, char *out, size_t size)
{
    char region[40];
    if (c->bedrock_endpoint_url[0]) {
        snprintf(out, size, "%s", c->bedrock_endpoint_url);
    } else if (c->lanes.n) {
        int n = snprintf(out, size, "Bedrock in");
        for (unsigned i = 0; i < c->lanes.n && n > 0 && (size_t)n < size; i++) {
            n += snprintf(out + n, size - (size_t)n, "%s %s", i ? "," : "", c->lanes.lane[i].name);
        }
    } else if (c->aws_region[0]) {
        snprintf(out, size, "Bedrock in %s", c->aws_region);
    } else if (creds_region(region, sizeof region)) {
        snprintf(out, size, "Bedrock in %s (the profile's region)", region);
    } else {
        snprintf(out, size, "Bedrock in us-east-1 (AWS_REGION is not set)");
    }
}

static void warn(void *ctx, const char *text)
{
    (void)ctx;
    log_line(LOG_WARN, "config", "%s", text);
}

/* Which key store and why is the refresher's line: only that process opens it. */
void announce_start(const struct config *c, const char *address, uint32_t workers)
{
    char upstream[300];
    announce_upstream(c, upstream, sizeof upstream);
    log_line(LOG_INFO, "start",
             "llm-api-converter %s on http://%s, %u workers, upstream %s, keys %s, SHA-256 by %s",
             VERSION, address, workers, upstream, c->require_api_key ? "required" : "NOT required",
             sha256_engine());
    config_warnings(c, warn, NULL);
    endings_configured(c, clock_real_ms(), warn, NULL);
}
