#!/usr/bin/env bash
# Makes an API key with the program itself, so that names with quotes, hashing and checks are the server's own.
# Flags as in `llm-api-converter create-api-key --help`. The program is $LLM_API_CONVERTER, else the one that make or
# make release has built, else the one in PATH.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

find_program() {
    local candidate
    if [ -n "${LLM_API_CONVERTER:-}" ]; then
        echo "$LLM_API_CONVERTER"
        return
    fi
    for candidate in "$root/build/llm-api-converter" "$root/build/linux-$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')/llm-api-converter"; do
        [ ! -x "$candidate" ] || {
            echo "$candidate"
            return
        }
    done
    command -v llm-api-converter
}

program=$(find_program) || program=
if [ ! -x "$(command -v "$program")" ]; then
    echo "create-api-key: no llm-api-converter found: run make, or set LLM_API_CONVERTER to its path" >&2
    exit 1
fi
# A table, an endpoint or a region can only mean DynamoDB, also on a machine where the embedded store is the default.
for argument in "$@"; do
    case $argument in
    -T* | -e* | -r* | --table | --table=* | --table-name | --table-name=* | --endpoint | --endpoint=* | --endpoint-url | --endpoint-url=* | --region | --region=*)
        export STORAGE_BACKEND=${STORAGE_BACKEND:-dynamodb}
        ;;
    esac
done
exec "$program" create-api-key "$@"
