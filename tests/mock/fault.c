#include "tests/mock/fault.h"

#include <stdio.h>
#include <string.h>

#include "server/base/arena.h"

#define SCRIPTS_MAX 32
#define ONCE_MAX    512

static const struct fault_row ROW[FAULT_COUNT] = {
#define FAULT_ROW(id, name, kind, status, type, text, number, doc) \
    [FAULT_##id] = {name, FAULT_##kind, status, type, text, number, doc},
    FAULT_TABLE(FAULT_ROW)
#undef FAULT_ROW
};

struct script {
    char model[256];
    struct faults faults;
    uint32_t left;
    bool forever;
};

struct fault_memory {
    struct script script[SCRIPTS_MAX];
    size_t script_n;
    uint64_t seen[ONCE_MAX]; /* hashes of (model, fault) whose -once is used up */
    size_t seen_n;
};

const struct fault_row *fault_row(enum fault_id id)
{
    return &ROW[id];
}

bool fault_on(const struct faults *f, enum fault_id id)
{
    return f->on >> id & 1;
}

enum fault_id fault_of_kind(const struct faults *f, enum fault_kind kind)
{
    for (unsigned id = 0; f->on >> id != 0 && id < FAULT_COUNT; id++)
        if (fault_on(f, id) && ROW[id].kind == kind)
            return id;
    return FAULT_COUNT;
}

static enum fault_id find_name(struct str name)
{
    for (unsigned id = 0; id < FAULT_COUNT; id++)
        if (text_eq(name, text_from(ROW[id].name)))
            return id;
    return FAULT_COUNT;
}

static bool cut_number(struct str *token, uint64_t *number_out)
{
    size_t n = token->n;
    while (n > 0 && token->p[n - 1] >= '0' && token->p[n - 1] <= '9')
        n--;
    if (n < 2 || token->p[n - 1] != '-' || !text_u64(text_sub(*token, n, token->n), number_out))
        return false;
    *token = text_sub(*token, 0, n - 1);
    return *number_out <= UINT32_MAX;
}

static bool parse_token(struct str token, struct faults *f)
{
    bool once = text_ends(token, STR("-once"));
    if (once)
        token = text_sub(token, 0, token.n - 5);
    enum fault_id id = find_name(token); /* html-500 is a name, not a number */
    uint64_t number = id == FAULT_COUNT ? 0 : ROW[id].number;
    if (id == FAULT_COUNT && cut_number(&token, &number))
        id = find_name(token);
    if (id == FAULT_COUNT)
        return false;
    f->on |= UINT64_C(1) << id;
    f->once |= (uint64_t)once << id;
    f->n[id] = (uint32_t)number;
    return true;
}

bool fault_parse(struct str spec, struct faults *f, struct str *bad_out)
{
    size_t begin = 0;
    for (size_t i = 0; i <= spec.n; i++) {
        bool end = i == spec.n || spec.p[i] == ',' || spec.p[i] == ' ';
        bool dashes = !end && i + 1 < spec.n && spec.p[i] == '-' && spec.p[i + 1] == '-';
        if (!end && !dashes)
            continue;
        struct str token = text_sub(spec, begin, i - begin);
        if (token.n > 0 && !parse_token(token, f)) {
            *bad_out = token;
            return false;
        }
        i += dashes;
        begin = i + 1;
    }
    return true;
}

struct str fault_spec_of_model(struct str model)
{
    size_t at;
    struct str spec;
    if (text_find(model, STR("mock."), &at))
        spec = text_sub(model, at + 5, model.n);
    else if (text_find(model, STR("--"), &at))
        spec = text_sub(model, at + 2, model.n);
    else
        return STR("");
    if (text_find(spec, STR(":"), &at)) /* "...--throttle:0" looks like a real id */
        spec = text_sub(spec, 0, at);
    return spec;
}

/* --- memory --- */

struct fault_memory *fault_memory_new(void)
{
    return heap_new(sizeof(struct fault_memory));
}

void fault_memory_drop(struct fault_memory *m)
{
    heap_drop(m);
}

void fault_memory_clear(struct fault_memory *m)
{
    m->script_n = 0;
    m->seen_n = 0;
}

bool fault_script(struct fault_memory *m, struct str model, struct str spec, uint32_t count)
{
    struct script s = {.left = count, .forever = count == 0};
    struct str bad;
    if (m->script_n == SCRIPTS_MAX || model.n >= sizeof s.model ||
        !fault_parse(spec, &s.faults, &bad))
        return false;
    text_copy(model, s.model, sizeof s.model);
    m->script[m->script_n++] = s;
    return true;
}

static void join(struct faults *into, const struct faults *from)
{
    into->on |= from->on;
    for (unsigned id = 0; id < FAULT_COUNT; id++)
        if (fault_on(from, id))
            into->n[id] = from->n[id];
}

static void apply_scripts(struct fault_memory *m, struct str model, struct faults *out)
{
    for (size_t i = 0; i < m->script_n; i++) {
        struct script *s = &m->script[i];
        size_t at;
        if ((s->left == 0 && !s->forever) || !text_find(model, text_from(s->model), &at))
            continue;
        join(out, &s->faults);
        s->left -= !s->forever;
    }
}

static uint64_t hash_of(struct str model, unsigned id)
{
    uint64_t h = UINT64_C(14695981039346656037) ^ id; /* FNV-1a */
    for (size_t i = 0; i < model.n; i++)
        h = (h ^ (unsigned char)model.p[i]) * UINT64_C(1099511628211);
    return h;
}

/* True the first time only. */
static bool first_time(struct fault_memory *m, uint64_t hash)
{
    for (size_t i = 0; i < m->seen_n; i++)
        if (m->seen[i] == hash)
            return false;
    if (m->seen_n < ONCE_MAX)
        m->seen[m->seen_n++] = hash;
    return true;
}

static void drop_used_up(struct fault_memory *m, struct str model, struct faults *f)
{
    for (unsigned id = 0; f->once >> id != 0 && id < FAULT_COUNT; id++)
        if (f->once >> id & 1 && !first_time(m, hash_of(model, id)))
            f->on &= ~(UINT64_C(1) << id);
}

bool fault_collect(struct fault_memory *m, struct str model, struct str header, struct faults *out,
                   struct str *bad_out)
{
    *out = (struct faults){0};
    if (!fault_parse(fault_spec_of_model(model), out, bad_out) ||
        !fault_parse(header, out, bad_out))
        return false;
    if (out->once)
        drop_used_up(m, model, out);
    if (m->script_n)
        apply_scripts(m, model, out);
    return true;
}

void fault_print_table(void)
{
    static const char *const KIND[] = {"refuse", "mantle", "native", "page",
                                       "clock",  "shape",  "event",  "wire"};
    printf("| fault | kind | HTTP | exception | N | what it does |\n|---|---|---|---|---|---|\n");
    for (unsigned id = 0; id < FAULT_COUNT; id++) {
        const struct fault_row *row = &ROW[id];
        printf("| `%s` | %s | ", row->name, KIND[row->kind]);
        if (row->http)
            printf("%d", row->http);
        printf(" | %s | ", row->type);
        if (row->number)
            printf("%u", row->number);
        printf(" | %s |\n", row->doc);
    }
}
