#!/usr/bin/env bash
# Asks a deployed gateway what the guide asks it. See --help.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
NAME=smoke

HELP='usage: scripts/smoke.sh [options] URL KEY
Checks a running gateway: health, refusal without a key, one answer, one stream. Exit 0 when all are right, else 1.
KEY may be "-": it is then read from standard input, and does not show in the list of processes.

  -m, --model NAME         default: claude-sonnet-4-6
      --timeout SECONDS    for each request; default: 60
      --dry-run            print the requests
  -h, --help               this text'

model=claude-sonnet-4-6 timeout=60 words=()
while [ $# -gt 0 ]; do
    case $1 in
    -m | --model) need_value "$@" && model=$2 && shift ;;
    --timeout) need_value "$@" && timeout=$2 && shift ;;
    --dry-run) DRY_RUN=yes ;;
    -h | --help) echo "$HELP" && exit ;;
    -?*) usage_error "unknown option $1" ;;
    *) words+=("$1") ;;
    esac
    shift
done
[ ${#words[@]} -eq 2 ] || usage_error "URL and KEY are needed"
url=${words[0]%/} key=${words[1]}
[[ $url == http://* || $url == https://* ]] || usage_error "$url: the URL begins with http:// or https://"
[[ $timeout =~ ^[1-9][0-9]*$ ]] || usage_error "--timeout $timeout: seconds are needed"
[ "$key" != - ] || read -r key || usage_error "KEY is -, but nothing stands on standard input"
need curl "apt-get install curl"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The key goes to curl by a file that only we can read.
(umask 077 && printf 'x-api-key: %s\n' "$key" >"$work/key")
failed=0

# check WHAT STATUS PATTERN curl-arguments...: the status, and a pattern in the body
check() {
    local what=$1 status=$2 pattern=$3 got
    shift 3
    if [ -n "$DRY_RUN" ]; then
        print_command curl "$@"
        return
    fi
    got=$(curl -sS -N -o "$work/body" -w '%{http_code}' --max-time "$timeout" "$@" 2>"$work/error") || got="no answer: $(cat "$work/error")"
    if [ "$got" = "$status" ] && grep -q -- "$pattern" "$work/body"; then
        echo "ok      $what"
    else
        failed=1
        echo "FAILED  $what: $got, wanted $status with $pattern: $(head -c 300 "$work/body" 2>/dev/null)"
    fi
    : >"$work/body"
}

body() { printf '{"model":"%s","max_tokens":100,%s"messages":[{"role":"user","content":"Hello!"}]}' "$model" "$1"; }

check "GET /health" 200 '' "$url/health"
check "POST /v1/messages without a key" 401 authentication_error -X POST "$url/v1/messages" \
    -H 'Content-Type: application/json' -d "$(body '')"
check "POST /v1/messages" 200 '"type":"message"' -X POST "$url/v1/messages" -H 'Content-Type: application/json' \
    -H "@$work/key" -d "$(body '')"
check "POST /v1/messages, streamed" 200 message_stop -X POST "$url/v1/messages" -H 'Content-Type: application/json' \
    -H "@$work/key" -d "$(body '"stream":true,')"
exit "$failed"
