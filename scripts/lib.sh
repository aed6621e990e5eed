# shellcheck shell=bash
# lib.sh - what the deployment scripts share: messages, tools, options, AWS calls that --dry-run only prints. Sourced:
#
#   . "$(dirname "$0")/lib.sh"
#   NAME=deploy-apprunner          # stands before every message
#
# A script sets HELP, reads its options with `option` and calls AWS through `aws_do` (changes something, printed only
# under --dry-run) or `aws_ask` (reads, done under --dry-run, too).

NAME=${NAME:-script}
DRY_RUN=${DRY_RUN:-}
RESUME=${RESUME:-run the same command again; steps that are done are skipped}

say() { printf '%s\n' "$*" >&2; }

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

step() { printf '==> %s\n' "$*" >&2; }

# need TOOL HOW-TO-GET-IT
need() { command -v "$1" >/dev/null 2>&1 || die "$1 is missing: $2"; }

# value OPTION "$@": the argument of an option, which must be there
value() {
    [ $# -ge 2 ] && [ -n "$2" ] || usage_error "$1 needs a value"
    printf '%s\n' "$2"
}
