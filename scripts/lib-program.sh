# shellcheck shell=bash
# lib-program.sh - runs a subcommand of the gateway's own program, wherever it is: $LLM_API_CONVERTER, what make or make
# release has built, PATH, else the image llm-api-converter:latest in Docker, which needs nothing else on the machine
# and runs on macOS, too. Sourced after lib.sh.

find_program() {
    local machine candidate
    if [ -n "${LLM_API_CONVERTER:-}" ]; then
        [ -x "$(command -v "$LLM_API_CONVERTER")" ] || die "LLM_API_CONVERTER=$LLM_API_CONVERTER is no program"
        echo "$LLM_API_CONVERTER"
        return
    fi
    case $(uname -m) in x86_64 | amd64) machine=amd64 ;; *) machine=arm64 ;; esac
    if [ "$(uname -s)" = Linux ]; then
        for candidate in "$ROOT/build/llm-api-converter" "$ROOT/build/linux-$machine/llm-api-converter"; do
            if [ -x "$candidate" ]; then
                echo "$candidate"
                return
            fi
        done
    fi
    command -v llm-api-converter || true
}

# The credentials of the AWS CLI as NAME=VALUE lines: a profile, single sign-on and all.
credentials() {
    if [ -n "${AWS_ACCESS_KEY_ID:-}" ]; then
        printf '%s\n' "AWS_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY=${AWS_SECRET_ACCESS_KEY:-}"
        [ -z "${AWS_SESSION_TOKEN:-}" ] || printf '%s\n' "AWS_SESSION_TOKEN=$AWS_SESSION_TOKEN"
    else
        need_aws
        aws_ask configure export-credentials --format env-no-export
    fi
}

# in_docker ARGUMENTS...: credentials and settings go by a file that only we can read, not by the list of processes.
in_docker() {
    local file code=0 name
    docker image inspect llm-api-converter:latest >/dev/null 2>&1 ||
        die "there is neither a program (make, or LLM_API_CONVERTER) nor an image llm-api-converter:latest: run scripts/build-docker.sh"
    file=$(mktemp)
    credentials >"$file" || { rm -f "$file" && exit 1; }
    for name in AWS_REGION MASTER_API_KEY ENVIRONMENT; do
        if [ -n "${!name:-}" ]; then printf '%s=%s\n' "$name" "${!name}" >>"$file"; fi
    done
    env | grep -E '^DYNAMODB_[A-Z_]*=' >>"$file" || true
    docker run --rm --env-file "$file" -e STORAGE_BACKEND=dynamodb llm-api-converter:latest "$@" || code=$?
    rm -f "$file"
    exit "$code"
}

# run_program ARGUMENTS...: instead of this script
run_program() {
    local program
    program=$(find_program)
    [ -z "$program" ] || exec "$program" "$@"
    need docker "run make (Debian or Ubuntu), or install Docker and build the image with scripts/build-docker.sh"
    in_docker "$@"
}
