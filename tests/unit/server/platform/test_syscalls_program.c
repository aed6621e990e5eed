/* The program is run here by a small machine of our own, against the tables read one by one. */
#include "server/platform/syscalls_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/audit.h>
#include <linux/seccomp.h>

#ifdef __aarch64__
#define HERE AUDIT_ARCH_AARCH64
#else
#define HERE AUDIT_ARCH_X86_64
#endif

static uint32_t word(const struct seccomp_data *d, uint32_t at)
{
    uint32_t v;
    assert_true(at % 4 == 0 && at + 4 <= sizeof *d);
    memcpy(&v, (const char *)d + at, 4);
    return v;
}

static uint32_t run(const struct syscalls_program *p, const struct seccomp_data *d)
{
    uint32_t a = 0;
    for (size_t at = 0;; at++) {
        assert_true(at < p->n);
        const struct sock_filter *i = &p->code[at];
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            a = word(d, i->k);
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= i->k;
            break;
        case BPF_JMP | BPF_JA:
            at += i->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += a == i->k ? i->jt : i->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            at += a >= i->k ? i->jt : i->jf;
            break;
        case BPF_RET | BPF_K:
            return i->k;
        default:
            fail_msg("instruction %u", i->code);
        }
    }
}

static bool holds(const struct syscalls_test *t, const struct seccomp_data *d)
{
    uint64_t v = d->args[t->argument];
    return t->op == SYSCALLS_ANY  ? true
           : t->op == SYSCALLS_IS ? v == t->value
                                  : (v & t->mask) == t->value;
}

static uint32_t simple(uint32_t others, const struct syscalls_entry *e, size_t n,
                       const struct seccomp_data *d)
{
    if (d->arch != HERE || (uint32_t)d->nr >= 0x40000000u) {
        return SECCOMP_RET_KILL_PROCESS;
    }
    for (size_t i = 0; i < n; i++) {
        if (e[i].number == (uint32_t)d->nr && holds(&e[i].tests[0], d) &&
            holds(&e[i].tests[1], d)) {
            return e[i].action;
        }
    }
    return others;
}

/* xorshift: the same numbers everywhere. */
static uint32_t some(uint32_t below)
{
    static uint32_t state = 16;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % below;
}

/* Few numbers, values and masks, so that rows meet; some in the upper half of an argument. */
static uint64_t some_value(void)
{
    static const uint64_t values[] = {0, 1, 2, 3, 6, 0x100000001, 0xffffffff00000002, UINT64_MAX};
    return values[some(sizeof values / sizeof values[0])];
}

static size_t some_entries(struct syscalls_entry *e, size_t most, uint32_t numbers)
{
    static const uint32_t actions[] = {SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | 38,
                                       SECCOMP_RET_KILL_PROCESS};
    size_t n = some((uint32_t)most + 1);
    for (size_t i = 0; i < n; i++) {
        e[i] = (struct syscalls_entry){.number = some(numbers), .action = actions[some(3)]};
        for (size_t k = 0; k < 2 && some(2); k++) {
            uint64_t mask = some_value(), value = some_value();
            bool bits = some(2);
            e[i].tests[k] = (struct syscalls_test){bits ? SYSCALLS_BITS : SYSCALLS_IS, some(6),
                                                   bits ? value & mask : value, mask};
        }
    }
    return n;
}

static void compare(const struct syscalls_program *p, uint32_t others,
                    const struct syscalls_entry *e, size_t n)
{
    for (int i = 0; i < 400; i++) {
        struct seccomp_data d = {.nr = (int)some(1100), .arch = HERE};
        if (i % 4 && n > 0) {
            d.nr = (int)e[some((uint32_t)n)].number;
        }
        for (size_t k = 0; k < 6; k++) {
            d.args[k] = some_value();
        }
        uint32_t got = run(p, &d), want = simple(others, e, n, &d);
        if (got != want) {
            fail_msg("call %d of %zu entries: %x, not %x", d.nr, n, got, want);
        }
    }
}

static void test_make_decides_as_the_table_says(void **state)
{
    (void)state;
    static struct syscalls_entry e[SYSCALLS_ENTRIES_MAX];
    static struct syscalls_program p;
    for (int round = 0; round < 300; round++) {
        bool small = round % 2;
        size_t n = some_entries(e, small ? 12 : 120, small ? 8 : SYSCALLS_NUMBERS);
        uint32_t others = round % 3 ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW;
        assert_true(syscalls_program_make(&p, others, e, n));
        compare(&p, others, e, n);
    }
}

static void test_other_architectures_are_killed(void **state)
{
    (void)state;
    static struct syscalls_program p;
    static const struct {
        uint32_t arch;
        int nr;
        uint32_t action;
    } rows[] = {
        {HERE, 0, SECCOMP_RET_ALLOW},
        {HERE, 0x3fffffff, SECCOMP_RET_ALLOW},
        {HERE, 0x40000000, SECCOMP_RET_KILL_PROCESS},
        {HERE, -1, SECCOMP_RET_KILL_PROCESS},
        {AUDIT_ARCH_I386, 0, SECCOMP_RET_KILL_PROCESS},
        {AUDIT_ARCH_ARM, 0, SECCOMP_RET_KILL_PROCESS},
    };
    assert_true(syscalls_program_possible());
    assert_true(syscalls_program_make(&p, SECCOMP_RET_ALLOW, NULL, 0));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct seccomp_data d = {.nr = rows[i].nr, .arch = rows[i].arch};
        assert_int_equal(run(&p, &d), rows[i].action);
    }
}

static void test_make_says_when_there_is_no_room(void **state)
{
    (void)state;
    static struct syscalls_entry e[SYSCALLS_ENTRIES_MAX + 1];
    static struct syscalls_program p;
    for (size_t i = 0; i < SYSCALLS_ENTRIES_MAX; i++) { /* all different, all with arguments */
        e[i] = (struct syscalls_entry){.number = (uint32_t)(2 * i % SYSCALLS_NUMBERS),
                                       .action = SECCOMP_RET_ALLOW,
                                       .tests = {{SYSCALLS_BITS, 1, 1, 1}, {SYSCALLS_IS, 0, 7, 0}}};
    }
    assert_false(syscalls_program_make(&p, SECCOMP_RET_KILL_PROCESS, e, SYSCALLS_ENTRIES_MAX));
    assert_false(syscalls_program_make(&p, SECCOMP_RET_KILL_PROCESS, e, SYSCALLS_ENTRIES_MAX + 1));
    assert_true(syscalls_program_make(&p, SECCOMP_RET_KILL_PROCESS, e, 60));
    compare(&p, SECCOMP_RET_KILL_PROCESS, e, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make_decides_as_the_table_says),
        cmocka_unit_test(test_other_architectures_are_killed),
        cmocka_unit_test(test_make_says_when_there_is_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
