/*
 * metrics_family.h - what a family of metrics is called and means, as /metrics and the documents
 * tell it. Any process.
 */
#ifndef WORKER_DOOR_METRICS_FAMILY_H
#define WORKER_DOOR_METRICS_FAMILY_H

#define METRICS_PREFIX "llm_api_converter_" /* of every name */

struct metrics_family {
    const char *name;   /* without the prefix */
    const char *type;   /* counter, gauge or histogram */
    const char *labels; /* "route,dialect"; "" for none. A histogram also has le */
    const char *help;
};

#endif
