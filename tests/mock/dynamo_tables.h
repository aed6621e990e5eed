/*
 * dynamo_tables.h - the operations of mock-dynamo on tables: making, describing, listing, time to
 * live. What a request says is checked as AWS does.
 */
#ifndef MOCK_DYNAMO_TABLES_H
#define MOCK_DYNAMO_TABLES_H

#include "tests/mock/dynamo_mock.h"

void dynamo_tables_create(struct dynamo_call *c);
void dynamo_tables_describe(struct dynamo_call *c);
void dynamo_tables_list(struct dynamo_call *c);
void dynamo_tables_describe_ttl(struct dynamo_call *c);
void dynamo_tables_update_ttl(struct dynamo_call *c);

#endif
