/*
 * map_model.h - the subcommand map-model: the table that says which Bedrock model a name stands
 * for. It wins over everything else that chooses a model (worker/model/models.h).
 */
#ifndef MASTER_CLI_MAP_MODEL_H
#define MASTER_CLI_MAP_MODEL_H

#include "master/cli/commands.h"

int map_model_run(int argc, char **argv);
extern const struct commands_about map_model_about;

#endif
