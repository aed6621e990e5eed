#include "server/aws/creds_region.h"

#include "server/aws/creds_local.h"
#include "server/aws/creds_profile.h"

/* A region becomes part of host names and of signatures. */
static bool host_label(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        bool inner = i > 0 && i + 1 < s.n;
        if (!(ch >= 'a' && ch <= 'z') && !(ch >= '0' && ch <= '9') && !(ch == '-' && inner)) {
            return false;
        }
    }
    return s.n > 0 && s.n <= 63;
}

bool creds_region(char *out, size_t size)
{
    struct creds_profile p = {.name = ""};
    const char *region = creds_local_env("AWS_REGION");
    if (!region) {
        region = creds_local_env("AWS_DEFAULT_REGION");
    }
    if (!region && creds_profile_load(&p, NULL, NULL) == STATUS_OK) {
        region = p.region;
    }
    struct str s = text_from(region);
    bool ok = host_label(s) && s.n < size;
    if (ok) {
        text_copy(s, out, size);
    }
    creds_profile_wipe(&p);
    return ok;
}
