# shellcheck shell=bash
# lib.sh - what the scripts share: messages, options, AWS calls, waiting, JSON. Sourced:
#
#   . "$(dirname "$0")/lib.sh"
#   NAME=deploy-apprunner # stands before every message
#
# What runs on a Mac runs under its bash 3.2 and its BSD tools: make lint knows what they lack (scripts/portable.tsv).
#
# AWS is called through three functions, so that --dry-run and failures are the same everywhere: aws_ask reads (under
# --dry-run, too), aws_do changes something, aws_make makes something that may be there already. Under --dry-run the
# latter two only print their command.

NAME=${NAME:-script}
DRY_RUN=${DRY_RUN:-}
REGION=${AWS_REGION:-us-east-1}
SERVICE=llm-api-converter
POLL_SECONDS=${POLL_SECONDS:-10} # between two looks at a deployment
# shellcheck disable=SC2034 # used by those who source this
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ACCOUNT=   # who_am_i
PARTITION= # aws, aws-us-gov
HIDDEN=()  # values that no message shows

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
    local word value
    {
        printf '+'
        for word in "$@"; do
            for value in ${HIDDEN[@]+"${HIDDEN[@]}"}; do word=${word//"$value"/HIDDEN}; done
            printf ' %q' "$word"
        done
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

# Exported, so that every call has a region: IAM's and STS's need one, too, as soon as an endpoint is set.
check_region() {
    [[ $REGION =~ ^[a-z]{2}(-[a-z]+)+-[0-9]+$ ]] || usage_error "-r $REGION: a region like us-west-2 is needed"
    case $REGION in cn-*) usage_error "-r $REGION: Amazon Bedrock is not offered in China's regions" ;; esac
    export AWS_REGION=$REGION AWS_DEFAULT_REGION=$REGION
}
# Narrower than each service's own rule: it names the ECR repository, the roles and the service.
check_service() {
    [[ $SERVICE =~ ^[a-z][a-z0-9-]{3,39}$ ]] || usage_error "-n $SERVICE: 4 to 40 of a-z, 0-9 and -, a letter first"
}
check_number() { # OPTION VALUE
    [[ $2 =~ ^[1-9][0-9]*$ ]] || usage_error "$1 $2: a whole number above 0 is needed"
}

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

# aws_make EXISTS-ERROR COMMAND...: false when it was there already (or, of a deletion, is no more); a regular expression
aws_make() {
    local exists=$1 text
    shift
    if [ -n "$DRY_RUN" ]; then
        print_command aws "$@"
        return
    fi
    text=$(aws "$@" 2>&1 >/dev/null) && return
    [[ $text =~ $exists ]] || aws_failed "$text" aws "$@"
    return 1
}

# who_am_i [EXPECTED]: ACCOUNT and PARTITION of the credentials; GovCloud's names begin with another word than arn:aws:
who_am_i() {
    local facts arn wanted=aws
    facts=$(aws_ask sts get-caller-identity --query '[Account,Arn]' --output text) || exit
    ACCOUNT=${facts%%[[:space:]]*} arn=${facts##*[[:space:]]}
    [ -z "${1:-}" ] || [ "$1" = "$ACCOUNT" ] ||
        die "the credentials are of account $ACCOUNT, but --account says $1: set AWS_PROFILE. Nothing was changed"
    PARTITION=${arn#arn:}
    PARTITION=${PARTITION%%:*}
    case $REGION in us-gov-*) wanted=aws-us-gov ;; esac
    [ "$PARTITION" = "$wanted" ] ||
        die "$REGION belongs to $wanted, the credentials to $PARTITION ($arn): set AWS_PROFILE or -r. Nothing was changed"
}

# run COMMAND...: any program but aws; printed under --dry-run
run() {
    if [ -n "$DRY_RUN" ]; then
        print_command "$@"
    else
        "$@" || die "failed: $*. To resume run the same command again"
    fi
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
