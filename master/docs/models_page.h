/*
 * models_page.h - the table of models as it was linked in, for people: the page of worker/README.md.
 * CLI; pure but for the table in force.
 */
#ifndef MASTER_DOCS_MODELS_PAGE_H
#define MASTER_DOCS_MODELS_PAGE_H

#include "server/base/buf.h"
#include "server/json/json.h"

void models_page_markdown(struct buf *out);
/* An array of objects; `models --output json` says more. */
void models_page_json(struct json_out *w);

#endif
