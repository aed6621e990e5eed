#include "server/platform/syscalls_private.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/mman.h>

#include "server/base/arena.h"
#include "server/base/text.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define ARCHITECTURE 0u
#endif

#define X32_NUMBERS 0x40000000u /* of x86-64's third architecture, which shares its mark */

/* struct seccomp_data */
#define AT_NUMBER       offsetof(struct seccomp_data, nr)
#define AT_ARCHITECTURE offsetof(struct seccomp_data, arch)
#define AT_LOW(n)       (offsetof(struct seccomp_data, args) + 8u * (n))
#define AT_HIGH(n)      (AT_LOW(n) + 4u)

struct leaf {
    uint32_t from;   /* numbers from here to the next leaf */
    uint32_t action; /* where entry is 0 */
    uint16_t entry;  /* 1 + the first entry of the one number */
};

struct maker {
    struct syscalls_program *out;
    const struct syscalls_entry *entries;
    uint32_t others;
    uint16_t first[SYSCALLS_NUMBERS]; /* 1 + an entry of that number; 0: none */
    uint16_t next[SYSCALLS_ENTRIES_MAX];
    struct leaf leaves[SYSCALLS_NUMBERS + 1];
    size_t leaf_count;
    bool full;
};

bool syscalls_program_possible(void)
{
    return ARCHITECTURE != 0;
}

/* ---- instructions ------------------------------------------------------------------------- */

static size_t put(struct maker *m, struct sock_filter instruction)
{
    size_t at = m->out->n;
    if (at == SYSCALLS_PROGRAM_MAX) {
        m->full = true;
        return 0;
    }
    m->out->code[m->out->n++] = instruction;
    return at;
}

static void put_return(struct maker *m, uint32_t action)
{
    put(m, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static void put_load(struct maker *m, size_t offset)
{
    put(m, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

/* ---- one number ---------------------------------------------------------------------------- */

/* Half of an argument. What is not equal jumps; whereto is not known yet. */
static size_t put_half(struct maker *m, size_t offset, uint32_t mask, uint32_t value)
{
    put_load(m, offset);
    if (mask != UINT32_MAX) {
        put(m, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
    }
    return put(m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 0));
}

static void put_entry(struct maker *m, const struct syscalls_entry *e)
{
    size_t jumps[4], n = 0;
    for (size_t i = 0; i < COUNT_OF(e->tests); i++) {
        const struct syscalls_test *t = &e->tests[i];
        uint64_t mask = t->op == SYSCALLS_BITS ? t->mask : UINT64_MAX;
        if (t->op != SYSCALLS_ANY) {
            jumps[n++] = put_half(m, AT_HIGH(t->argument), (uint32_t)(mask >> 32),
                                  (uint32_t)(t->value >> 32));
            jumps[n++] = put_half(m, AT_LOW(t->argument), (uint32_t)mask, (uint32_t)t->value);
        }
    }
    put_return(m, e->action);
    while (n > 0 && !m->full) { /* a dozen instructions at most */
        size_t at = jumps[--n];
        m->out->code[at].jf = (uint8_t)(m->out->n - at - 1);
    }
}

static void put_leaf(struct maker *m, const struct leaf *leaf)
{
    if (leaf->entry == 0) {
        put_return(m, leaf->action);
        return;
    }
    for (uint16_t at = leaf->entry; at; at = m->next[at - 1]) {
        put_entry(m, &m->entries[at - 1]);
    }
    put_return(m, m->others);
}

/* ---- all numbers --------------------------------------------------------------------------- */

/* A conditional jump reaches 255 instructions, so the way to the upper half is one that reaches
 * all. */
static void put_tree(struct maker *m, size_t from, size_t to)
{
    if (to - from == 1) {
        put_leaf(m, &m->leaves[from]);
        return;
    }
    size_t middle = from + (to - from) / 2;
    put(m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, m->leaves[middle].from, 0, 1));
    size_t jump = put(m, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
    put_tree(m, from, middle);
    m->out->code[jump].k = (uint32_t)(m->out->n - jump - 1);
    put_tree(m, middle, to);
}

static bool is_any(const struct syscalls_entry *e)
{
    return e->tests[0].op == SYSCALLS_ANY && e->tests[1].op == SYSCALLS_ANY;
}

static struct leaf leaf_of(const struct maker *m, uint32_t number)
{
    uint16_t at = m->first[number];
    if (at == 0) {
        return (struct leaf){number, m->others, 0};
    }
    const struct syscalls_entry *e = &m->entries[at - 1];
    return is_any(e) ? (struct leaf){number, e->action, 0} : (struct leaf){number, 0, at};
}

/* Neighbours that are all the same are one. */
static void make_leaves(struct maker *m)
{
    for (uint32_t number = 0; number < SYSCALLS_NUMBERS; number++) {
        struct leaf l = leaf_of(m, number);
        const struct leaf *last = m->leaf_count ? &m->leaves[m->leaf_count - 1] : NULL;
        if (!last || l.entry || last->entry || l.action != last->action) {
            m->leaves[m->leaf_count++] = l;
        }
    }
    m->leaves[m->leaf_count++] = (struct leaf){SYSCALLS_NUMBERS, m->others, 0};
}

/* From the last to the first, so that each list is in their order. */
static void sort_entries(struct maker *m, size_t n)
{
    for (size_t i = n; i-- > 0;) {
        uint32_t number = m->entries[i].number;
        m->next[i] = m->first[number];
        m->first[number] = (uint16_t)(i + 1);
    }
}

static bool make(struct maker *m, size_t n)
{
    sort_entries(m, n);
    make_leaves(m);
    put_load(m, AT_ARCHITECTURE);
    put(m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    put_return(m, SECCOMP_RET_KILL_PROCESS);
    put_load(m, AT_NUMBER);
    put(m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_NUMBERS, 0, 1));
    put_return(m, SECCOMP_RET_KILL_PROCESS);
    put_tree(m, 0, m->leaf_count);
    return !m->full;
}

bool syscalls_program_make(struct syscalls_program *p, uint32_t others,
                           const struct syscalls_entry *entries, size_t n)
{
    p->n = 0;
    if (n > SYSCALLS_ENTRIES_MAX || heap_must_fail()) {
        return false;
    }
    struct maker *m =
        mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED) {
        return false;
    }
    m->out = p;
    m->entries = entries;
    m->others = others;
    bool made = make(m, n);
    munmap(m, sizeof *m);
    return made;
}
