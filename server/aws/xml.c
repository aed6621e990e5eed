#include "server/aws/xml.h"

#include <stdio.h>
#include <string.h>

/* The text between the first <name> and the next </name>. */
static bool between(struct str xml, const char *name, struct str *out)
{
    char open[64], close[64];
    size_t at, end;
    snprintf(open, sizeof open, "<%s>", name);
    snprintf(close, sizeof close, "</%s>", name);
    if (!text_find(xml, text_from(open), &at)) {
        return false;
    }
    xml = text_sub(xml, at + strlen(open), xml.n);
    if (!text_find(xml, text_from(close), &end)) {
        return false;
    }
    *out = text_sub(xml, 0, end);
    return true;
}

bool xml_element(struct str xml, const char *container, const char *name, struct str *out)
{
    struct str inner, value;
    size_t at;
    if (!between(xml, container, &inner) || !between(inner, name, &value) || value.n == 0 ||
        text_find(value, STR("<"), &at) || text_find(value, STR("&"), &at)) {
        return false;
    }
    *out = value;
    return true;
}
