/*
 * config_private.h - what the files of config share: the table as rows, and each value as given.
 */
#ifndef SERVER_BASE_CONFIG_PRIVATE_H
#define SERVER_BASE_CONFIG_PRIVATE_H

#include "server/config/config.h"

enum config_kind {
    CONFIG_KIND_TEXT,
    CONFIG_KIND_URL,
    CONFIG_KIND_CHOICE,
    CONFIG_KIND_BOOL,
    CONFIG_KIND_INT,
    /* config_elder.h's */
    CONFIG_KIND_TABLE,
    CONFIG_KIND_OLD_TEXT,
    CONFIG_KIND_SWITCH
};

struct config_row {
    enum config_kind kind;
    enum config_when when;
    size_t offset; /* of the field in struct config; SWITCH: none */
    const char *name;
    const char *alias;   /* "" for none */
    const char *dflt;    /* TABLE: its ending; OLD_TEXT: the newer setting; SWITCH: its setting */
    const char *choices; /* CHOICE; SWITCH: the value that false gives */
    int64_t min;         /* INT only */
    int64_t max;
    bool secret;
};

#define CONFIG_ROW_ONE(...) +1
enum {
    CONFIG_ROW_COUNT = 0 CONFIG_TABLE(CONFIG_ROW_ONE, CONFIG_ROW_ONE, CONFIG_ROW_ONE,
                                      CONFIG_ROW_ONE, CONFIG_ROW_ONE)
        CONFIG_ELDER_READ(CONFIG_ROW_ONE, CONFIG_ROW_ONE, CONFIG_ROW_ONE)
};
extern const struct config_row
    config_rows[CONFIG_ROW_COUNT]; /* in the table's order, then elders */

/* From weak to strong. */
enum config_source {
    CONFIG_SOURCE_DEFAULT,
    CONFIG_SOURCE_FILE,
    CONFIG_SOURCE_ENVIRONMENT,
    CONFIG_SOURCE_COMMAND_LINE
};

struct config_setting {
    char *value; /* NULL: the default */
    enum config_source source;
    bool by_alias;
};

struct config_private {
    struct config_setting settings[CONFIG_ROW_COUNT];
    bool out_of_memory;
    /* seen while the texts were still there, for config_warnings */
    bool master_known, master_short, metrics_short, static_keys_in_ecs;
};

bool config_is_choice(const char *choices, struct str value); /* "a|b|c", any case */
bool config_is_loopback(struct str host);
bool config_parse_bool(struct str s, bool *out); /* false: is neither */
/* Once all values are read; takes some of them apart. */
MUST_CHECK enum status config_check(struct config *c, struct err *err);

#endif
