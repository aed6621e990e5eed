#!/usr/bin/env bash
# Makes the DynamoDB tables with the program itself. Flags as in `llm-api-converter setup-tables --help`. The program is
# $LLM_API_CONVERTER, else the one that make or make release has built, else the one in PATH, else the image
# llm-api-converter:latest in Docker.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/lib-program.sh
. "$ROOT/scripts/lib-program.sh"
NAME=setup-tables

export STORAGE_BACKEND=${STORAGE_BACKEND:-dynamodb}
run_program setup-tables "$@"
