#!/usr/bin/env bash
# Makes an API key with the program itself, so that names with quotes, hashing and checks are the server's own.
# Flags as in `llm-api-converter create-api-key --help`. The program is $LLM_API_CONVERTER, else the one that make or
# make release has built, else the one in PATH, else the image llm-api-converter:latest in Docker.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/lib-program.sh
. "$ROOT/scripts/lib-program.sh"
NAME=create-api-key

# A table, an endpoint or a region can only mean DynamoDB, also on a machine where the embedded store is the default.
for argument in "$@"; do
    case $argument in
    -T* | -e* | -r* | --table | --table=* | --table-name | --table-name=* | --endpoint | --endpoint=* | --endpoint-url | --endpoint-url=* | --region | --region=*)
        export STORAGE_BACKEND=${STORAGE_BACKEND:-dynamodb}
        ;;
    esac
done
run_program create-api-key "$@"
