# shellcheck shell=bash
# lib.sh - what the deployment scripts share: messages, options, AWS calls, images, roles. Sourced:
#
#   . "$(dirname "$0")/lib.sh"
#   NAME=deploy-apprunner # stands before every message
#
# AWS is called through three functions, so that --dry-run and failures are the same everywhere: aws_ask reads (under
# --dry-run, too), aws_do changes something, aws_make makes something that may be there already. Under --dry-run the
# latter two only print their command.

NAME=${NAME:-script}
DRY_RUN=${DRY_RUN:-}
REGION=${AWS_REGION:-us-east-1}
SERVICE=llm-api-converter
POLL_SECONDS=${POLL_SECONDS:-10} # between two looks at a deployment
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
IAM=$ROOT/scripts/iam
# IAM needs about this long until a new role may be assumed everywhere.
ROLE_SECONDS=${ROLE_SECONDS:-10}
MADE_ROLE=

# --- messages -------------------------------------------------------------------------------------------------

say() { printf '%s\n' "$*" >&2; }
step() { printf '==> %s\n' "$*" >&2; }

# One line, exit 1.
die() {
    printf '%s: %s\n' "$NAME" "$*" >&2
    exit 1
}

# Wrong usage: one line, exit 2.
usage_error() {
    printf '%s: %s (--help lists the options)\n' "$NAME" "$*" >&2
    exit 2
}

# What --dry-run shows goes to the script's own stdout, also from inside $(...), whose answer is then empty.
exec 3>&1
print_command() {
    {
        printf '+'
        printf ' %q' "$@"
        printf '\n'
    } >&3
}

# --- options --------------------------------------------------------------------------------------------------

# need TOOL HOW-TO-GET-IT
need() { command -v "$1" >/dev/null 2>&1 || die "$1 is missing: $2"; }
need_aws() { need aws "install the AWS CLI v2 (https://aws.amazon.com/cli/) and run aws configure"; }
need_docker() { need docker "install Docker with buildx, or deploy an image that is in ECR already with --skip-build"; }

# need_value "$@": an option that stands first has a value behind it
need_value() {
    if [ $# -lt 2 ] || [ -z "$2" ]; then usage_error "$1 needs a value"; fi
}

check_region() { [[ $REGION =~ ^[a-z]{2}(-[a-z]+)+-[0-9]+$ ]] || usage_error "-r $REGION: a region like us-west-2 is needed"; }
# Narrower than each service's own rule: it names the ECR repository, the roles and the service.
check_service() {
    [[ $SERVICE =~ ^[a-z][a-z0-9-]{3,39}$ ]] || usage_error "-n $SERVICE: 4 to 40 of a-z, 0-9 and -, a letter first"
}
check_variable() { [[ $1 =~ ^[A-Za-z_][A-Za-z0-9_]*= ]] || usage_error "--env $1: NAME=VALUE is needed"; }

# --- AWS ------------------------------------------------------------------------------------------------------

aws_failed() { # ERROR-TEXT COMMAND...
    local text
    text=$(tr '\n' ' ' <<<"$1" | sed 's/^ *//; s/ *$//')
    shift
    die "$1 $2 $3 failed: $text. To resume run the same command again; what is done already is left alone"
}

aws_ask() {
    local out err
    err=$(mktemp)
    if out=$(aws "$@" 2>"$err"); then
        rm -f "$err"
        # None is the CLI's word for an empty answer
        if [ "${out:-None}" != None ]; then printf '%s\n' "$out"; fi
        return
    fi
    out=$(cat "$err")
    rm -f "$err"
    aws_failed "$out" aws "$@"
}

aws_do() {
    if [ -n "$DRY_RUN" ]; then
        print_command aws "$@"
    else
        aws_ask "$@"
    fi
}

# aws_make EXISTS-ERROR COMMAND...: false when it was there already
aws_make() {
    local exists=$1 text
    shift
    if [ -n "$DRY_RUN" ]; then
        print_command aws "$@"
        return
    fi
    text=$(aws "$@" 2>&1 >/dev/null) && return
    [[ $text == *"$exists"* ]] || aws_failed "$text" aws "$@"
    return 1
}

# account [EXPECTED]: prints the account that the credentials belong to
account() {
    local id
    id=$(aws_ask sts get-caller-identity --query Account --output text) || exit
    [ -z "${1:-}" ] || [ "$1" = "$id" ] ||
        die "the credentials are of account $id, but --account says $1: set AWS_PROFILE. Nothing was changed"
    printf '%s\n' "$id"
}

# make_role ROLE TRUST-FILE DESCRIPTION
make_role() {
    if aws_make EntityAlreadyExists iam create-role --role-name "$1" --description "$3" \
        --assume-role-policy-document "file://$IAM/$2"; then
        MADE_ROLE=yes
    fi
}

wait_for_roles() {
    if [ -n "$MADE_ROLE" ] && [ -z "$DRY_RUN" ]; then
        sleep "$ROLE_SECONDS"
    fi
}

# --- images ---------------------------------------------------------------------------------------------------

# registry ACCOUNT: ECR's host
registry() { printf '%s.dkr.ecr.%s.amazonaws.com\n' "$1" "$REGION"; }

# run COMMAND...: any program but aws; printed under --dry-run
run() {
    if [ -n "$DRY_RUN" ]; then
        print_command "$@"
    else
        "$@" || die "failed: $*. To resume run the same command again"
    fi
}

make_repository() {
    aws_make RepositoryAlreadyExistsException ecr create-repository --repository-name "$SERVICE" --region "$REGION" || true
}

login() { # REGISTRY
    local password
    if [ -n "$DRY_RUN" ]; then
        echo "+ aws ecr get-login-password --region $REGION | docker login --username AWS --password-stdin $1" >&3
        return
    fi
    password=$(aws_ask ecr get-login-password --region "$REGION")
    docker login --username AWS --password-stdin "$1" >/dev/null <<<"$password" ||
        die "docker login to $1 failed. To resume run the same command again"
}

# push_image ACCOUNT PLATFORM: builds llm-api-converter and pushes it as SERVICE:latest
push_image() {
    local target
    target=$(registry "$1")
    step "image for linux/$2"
    run "$ROOT/scripts/build-docker.sh" -p "$2" -t latest
    step "push to $target/$SERVICE"
    make_repository
    login "$target"
    run docker tag llm-api-converter:latest "$target/$SERVICE:latest"
    run docker push "$target/$SERVICE:latest"
}

# --- waiting --------------------------------------------------------------------------------------------------

# wait_until MINUTES WHAT COMMAND...: until the command answers 0; any code but 1 ends it
wait_until() {
    local end=$((SECONDS + $1 * 60)) what=$2 code
    shift 2
    if [ -n "$DRY_RUN" ]; then
        say "(dry run: would wait for $what)"
        return
    fi
    step "waiting for $what"
    while :; do
        code=0
        "$@" || code=$?
        [ "$code" -ne 0 ] || return 0
        [ "$code" -eq 1 ] || exit 1
        [ "$SECONDS" -lt "$end" ] || die "$what did not come in time; it goes on without this script, which can be run again (--timeout MINUTES)"
        sleep "$POLL_SECONDS"
    done
}

# --- JSON -----------------------------------------------------------------------------------------------------

# json_text TEXT: as a JSON string
json_text() {
    local s=$1
    s=${s//\\/\\\\}
    s=${s//\"/\\\"}
    s=${s//$'\n'/\\n}
    s=${s//$'\t'/\\t}
    printf '"%s"' "$s"
}
