#include "server/http/http_request.h"

bool http_request_header(const struct http_request *r, struct str name, struct str *value_out)
{
    for (size_t i = 0; i < r->header_count; i++) {
        if (text_ieq(r->headers[i].name, name)) {
            *value_out = r->headers[i].value;
            return true;
        }
    }
    return false;
}
