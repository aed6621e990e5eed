/*
 * plan_schema.h - in which part of JSON Schema the model takes the schemas of tools and of an answer,
 * and what becomes of one. Called by plan_make, then by the writers for each schema. Pure; worker.
 */
#ifndef WORKER_PLAN_PLAN_SCHEMA_H
#define WORKER_PLAN_PLAN_SCHEMA_H

#include "worker/plan/plan.h"

void plan_schema(struct plan *p);

/* The schema of a tool as it goes on, noted; p NULL: no memory. */
struct str plan_schema_tool(struct plan *p, const struct scan *s, scan_ref schema);
/* The same for a writer of edits: does its root lack "type":"object"? Noted, then it puts it there. */
bool plan_schema_lacks_root(struct plan *p, const struct scan *s, scan_ref schema);
/* The schema of the format of the plan's wish. */
struct str plan_schema_format(struct plan *p);

#endif
