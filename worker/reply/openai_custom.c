#include "worker/reply/openai_custom.h"

#include "server/json/json.h"
#include "server/json/scan.h"
#include "worker/openai/chat_tool.h"

#define TEXT_MAX ((size_t)4 << 20) /* of one call: real patches have some kilobytes */

static const struct scan_limits limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 512};

struct openai_custom {
    uint32_t ours;
    bool over;
    struct buf pieces; /* '"' and what came so far */
    struct openai_custom *next;
};

static struct openai_custom *find(const struct openai_customs *all, uint32_t ours)
{
    struct openai_custom *c = all->first;
    while (c && (c->ours != ours || c->over)) {
        c = c->next;
    }
    return c;
}

static void drop_pieces(void *ctx)
{
    const struct openai_customs *all = ctx;
    for (struct openai_custom *c = all->first; c; c = c->next) {
        buf_free(&c->pieces);
    }
}

bool openai_custom_begin(struct openai_customs *all, uint32_t ours)
{
    struct openai_custom *c = arena_alloc(all->arena, sizeof *c);
    all->drop_is_set = all->drop_is_set || arena_on_drop(all->arena, drop_pieces, all);
    if (!c || !all->drop_is_set) {
        return false;
    }
    *c = (struct openai_custom){.ours = ours, .next = all->first};
    buf_init(&c->pieces, TEXT_MAX);
    buf_put_char(&c->pieces, '"');
    all->first = c;
    return buf_ok(&c->pieces);
}

bool openai_custom_is_open(const struct openai_customs *all, uint32_t ours)
{
    return find(all, ours) != NULL;
}

bool openai_custom_add(struct openai_customs *all, uint32_t ours, struct str escaped)
{
    struct openai_custom *c = find(all, ours);
    if (c) {
        buf_put_str(&c->pieces, escaped);
    }
    return !c || buf_ok(&c->pieces);
}

bool openai_custom_text(struct arena *arena, struct str input, struct buf *out)
{
    struct scan s;
    enum status st = scan_parse(&s, arena, input, &limits, NULL);
    scan_ref text = st == STATUS_OK ? SCAN_GET(&s, 0, CHAT_TOOL_INPUT) : SCAN_ABSENT;
    if (st == STATUS_OK && scan_type(&s, text) == SCAN_STRING) {
        struct str raw = scan_raw(&s, text);
        buf_put(out, raw.p + 1, raw.n - 2);
    } else {
        json_escape(out, input);
    }
    return st != STATUS_INTERNAL && buf_ok(out);
}

bool openai_custom_end(struct openai_customs *all, uint32_t ours, struct buf *out)
{
    struct openai_custom *c = find(all, ours);
    struct scan s;
    bool ok = c != NULL;
    if (ok) {
        buf_put_char(&c->pieces, '"');
        ok = buf_ok(&c->pieces) &&
             scan_parse(&s, all->arena, buf_str(&c->pieces), &limits, NULL) == STATUS_OK;
    }
    struct str input = ok ? scan_text(&s, 0) : (struct str){NULL, 0};
    ok = input.p && openai_custom_text(all->arena, input, out);
    if (c) {
        c->over = true;
        buf_free(&c->pieces);
    }
    return ok;
}
