/*
 * xml.h - the text of one element in the small XML answers that reach us: STS's, and an error of an
 * emulator. No XML reader: these elements are written without attributes, and keys, codes and
 * messages need no escapes, so a value with markup is refused. Pure.
 */
#ifndef SERVER_AWS_XML_H
#define SERVER_AWS_XML_H

#include "server/base/text.h"

/* Text of <name>...</name> inside the first <container>; false if absent, empty or with markup in
 * it. out: within xml. */
bool xml_element(struct str xml, const char *container, const char *name, struct str *out);

#endif
