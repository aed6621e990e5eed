#include "server/http/http_head.h"

#include "server/http/http_rules.h"

/* Cuts the next line off *rest, without its CRLF; false when none is whole. */
static bool next_line(struct str *rest, struct str *line_out)
{
    const char *lf = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;
    if (!lf) {
        return false;
    }
    size_t n = (size_t)(lf - rest->p);
    *line_out = (struct str){rest->p, n > 0 && lf[-1] == '\r' ? n - 1 : n};
    *rest = (struct str){lf + 1, rest->n - n - 1};
    return true;
}

enum status http_head_check_line(struct str line, struct err *err)
{
    struct http_request r = {0};
    return http_rules_request_line(line, &r, err);
}

void http_head_glance(struct str head, struct http_request *r)
{
    struct str line, authority;
    *r = (struct http_request){0};
    if (!next_line(&head, &line)) {
        return;
    }
    enum status legal = http_rules_request_line(line, r, NULL);
    (void)legal; /* what was found before a fault stays */
    if (r->target.p) {
        http_rules_target(r, &authority);
    }
}

/* One name more that may come only once: it is a setting, so the rules' table cannot have it. */
static enum status check_key(const struct http_request *r, struct str name, struct err *err)
{
    for (size_t i = 0; i + 1 < r->header_count; i++) {
        if (text_ieq(r->headers[i].name, name)) {
            return err_set(err, STATUS_INVALID, "the header %.*s came twice", STR_ARG(name));
        }
    }
    return STATUS_OK;
}

/* The lines up to the empty one, each cut once. */
static enum status read_headers(struct str rest, struct str key_name, size_t room_n,
                                struct http_request *r, struct err *err)
{
    struct str line;
    unsigned seen = 0;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && next_line(&rest, &line) && line.n > 0) {
        if (r->header_count == room_n) {
            return err_set(err, STATUS_HEADERS_LARGE, "more than %zu header lines", room_n);
        }
        struct http_header *header = &r->headers[r->header_count++];
        status = http_rules_header(line, header, err);
        if (status == STATUS_OK) {
            status = http_rules_meaning(header, r, &seen, err);
        }
        if (status == STATUS_OK && text_ieq(header->name, key_name)) {
            status = check_key(r, key_name, err);
        }
    }
    return status;
}

enum status http_head_read(struct str head, struct str key_name, struct http_header *room,
                           size_t room_n, struct http_request *r, struct err *err)
{
    struct str rest = head, line = {0}, authority;
    *r = (struct http_request){.headers = room};
    next_line(&rest, &line);
    enum status status = http_rules_request_line(line, r, err);
    if (status == STATUS_OK) {
        http_rules_target(r, &authority);
        status = read_headers(rest, key_name, room_n, r, err);
    }
    if (status == STATUS_OK) {
        status = http_rules_block(r, err);
    }
    if (status != STATUS_OK) {
        http_head_glance(head, r);
    }
    return status;
}
