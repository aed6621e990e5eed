/*
 * config_lanes.h - BEDROCK_LANES taken apart: regions, and roles of other accounts, in which Bedrock is
 * asked. Pure; any process.
 */
#ifndef SERVER_CONFIG_CONFIG_LANES_H
#define SERVER_CONFIG_CONFIG_LANES_H

#include "server/base/err.h"
#include "server/base/text.h"

#define CONFIG_LANES_MAX    8
#define CONFIG_LANES_REGION 40

struct config_lane {
    char region[CONFIG_LANES_REGION];
    char account[16]; /* of the role; "": that of the gateway's own credentials */
    struct str role;  /* its ARN; empty: the gateway's own credentials */
    struct str url;   /* where it is, elsewhere than in AWS; empty: by region */
    char name[64];    /* for the log and /metrics: "us-east-1", "us-east-1@123456789012" */
    uint64_t id;      /* of region, role and url, never 0: what is known of it in shared memory goes
                         by this, wherever in a list it stands */
};

struct config_lanes {
    unsigned
        n; /* 0: BEDROCK_LANES is not set, there is home alone: lane[0] has its region and id */
    struct config_lane lane[CONFIG_LANES_MAX];
};

/* list: REGION[@ROLE-ARN][=URL],...; what out points to is in it. INVALID names the setting. */
MUST_CHECK enum status config_lanes_read(struct str list, struct config_lanes *out,
                                         struct err *err);
/* Without BEDROCK_LANES. region: AWS_REGION; the same lane as one of that region in a list. */
void config_lanes_alone(struct str region, struct config_lanes *out);

#endif
