/*
 * sandbox_make.c - prints build/gen/sandbox_filters.c: the tables of sandbox_calls.c as filters that
 * the kernel takes. A program of its own that make builds and runs on the machine that builds, so
 * that neither the start nor the program has any of libseccomp.
 *
 * usage: sandbox-make [ARCHITECTURE]     as libseccomp calls it: x86_64, aarch64; else this machine's
 */
#include "master/supervise/sandbox_private.h"

#include <stdio.h>
#include <string.h>

static const char *const names[SANDBOX_ROLES] = {
    [SANDBOX_MASTER] = "master", [SANDBOX_REFRESHER] = "refresher", [SANDBOX_WORKER] = "worker"};

/* A filter of the wrong architecture would kill at the first call; the compiler says it earlier. */
static void print_head(const char *architecture)
{
    char library[32];
    filter_library(library, sizeof library);
    printf("/* Made by master/supervise/sandbox_make.c with libseccomp %s for %s. */\n",
           library[0] ? library : "(none)", architecture[0] ? architecture : "this machine");
    if (architecture[0]) {
        printf("#ifndef __%s__\n#error \"%s\"\n#endif\n", architecture, architecture);
    }
    printf("#include \"master/supervise/sandbox_private.h\"\n\n");
}

static void print_filter(const char *name, const struct filter *f)
{
    if (f->n == 0) {
        return;
    }
    printf("static const struct sock_filter %s[] = {", name);
    for (unsigned i = 0; i < f->n; i++) {
        const struct sock_filter *s = &f->steps[i];
        printf("%s{%#x, %u, %u, %#x},", i % 4 == 0 ? "\n    " : " ", s->code, s->jt, s->jf, s->k);
    }
    printf("\n};\nstatic const uint16_t %s_selves[] = {", name);
    for (unsigned i = 0; i < f->n_selves; i++) {
        printf("%u, ", f->selves[i]);
    }
    printf("%s};\n\n", f->n_selves == 0 ? "0 /* none */" : "");
}

static void print_list(const struct filter *filters)
{
    printf("const struct syscalls_filter sandbox_filters[SANDBOX_ROLES] = {\n");
    for (int i = 0; i < SANDBOX_ROLES; i++) {
        if (filters[i].n > 0) {
            printf("    [%d] = {%s, %s_selves, %u, %u},\n", i, names[i], names[i], filters[i].n,
                   filters[i].n_selves);
        }
    }
    printf("};\n");
}

int main(int argc, char **argv)
{
    static struct filter filters[SANDBOX_ROLES];
    const char *architecture = argc > 1 ? argv[1] : "";
    struct err err;
    for (int i = 0; i < SANDBOX_ROLES; i++) {
        if (filter_make(&filters[i], architecture, sandbox_calls[i].others, sandbox_calls[i].tables,
                        &err) != STATUS_OK) {
            fprintf(stderr, "sandbox-make: %s: %s\n", names[i], err.text);
            return 1;
        }
    }
    print_head(architecture);
    for (int i = 0; i < SANDBOX_ROLES; i++) {
        print_filter(names[i], &filters[i]);
    }
    print_list(filters);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
