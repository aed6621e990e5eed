/*
 * admin.h - routes that answer by themselves: health, readiness, probes, sinks. Worker; no store
 * access.
 */
#ifndef WORKER_DOOR_ADMIN_H
#define WORKER_DOOR_ADMIN_H

#include "shm/memory/standing.h"
#include "worker/turn/turn.h"

enum verdict admin_health(struct exchange *x); /* 200, 503 only while the service ends */
/* 503 with the reason until keys and credentials are there */
enum verdict admin_ready(struct exchange *x);
/* Why /ready says no, in words for anybody; NULL: it is ready. */
const char *admin_trouble(struct worker *w, struct standing *standing_out);
enum verdict admin_liveness(struct exchange *x);
enum verdict admin_health_ptc(struct exchange *x);
enum verdict admin_version(struct exchange *x);
enum verdict admin_hello(struct exchange *x);  /* HEAD and GET /api/hello: Claude Code's probe */
enum verdict admin_events(struct exchange *x); /* POST /api/event_logging/batch: discarded unread */
enum verdict admin_message_by_id(struct exchange *x);  /* 501 */
enum verdict admin_response_by_id(struct exchange *x); /* 404 */
enum verdict admin_absent(struct exchange *x);    /* 404: parts of the two APIs that are not here */
enum verdict admin_preflight(struct exchange *x); /* OPTIONS on any path */

#endif
