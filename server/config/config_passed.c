#include "server/config/config_passed.h"

#include <stdlib.h>

#include "server/base/arena.h"

struct passed {
    struct passed *next;
    char name[];
};
static struct passed *passed; /* of the process, as the environment is */

void config_passed_take_back(void)
{
    for (struct passed *p = passed, *next; p; p = next) {
        next = p->next;
        char *value = getenv(p->name);
        if (value) {
            text_wipe(value, strlen(value));
            unsetenv(p->name);
        }
        heap_drop(p);
    }
    passed = NULL;
}

static struct passed *named(struct str name)
{
    struct passed *p = heap_new(sizeof *p + name.n + 1);
    if (p) {
        text_copy(name, p->name, name.n + 1);
    }
    return p;
}

static bool put(struct passed *p, struct str value)
{
    char *text = heap_new(value.n + 1);
    bool ok = text != NULL;
    if (ok) {
        text_copy(value, text, value.n + 1);
        ok = setenv(p->name, text, 1) == 0;
        text_wipe(text, value.n);
    }
    heap_drop(text);
    return ok;
}

bool config_passed_on(struct str name, struct str value)
{
    struct passed *p = named(name);
    if (!p) {
        return false;
    }
    const char *now = getenv(p->name);
    bool there = now && now[0], ok = true;
    if (there || value.n == 0) {
        heap_drop(p);
        return true;
    }
    ok = put(p, value);
    p->next = passed;
    passed = p;
    return ok;
}
