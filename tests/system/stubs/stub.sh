#!/usr/bin/env bash
# stub.sh - plays aws, docker and others for 92_scripts.sh and 94_guide.sh, by the name it is called by. Each call is one
# line in $STUB/calls (blanks squeezed). What it answers stands in $STUB/KEY: a line a call, "EXIT-CODE TEXT" (\t and \n
# are understood), the last line stays; without a file: nothing, exit 0. KEY is service.operation for aws, with @QUERY
# behind it when there is such a file (letters, digits and dots of --query; skeleton for --generate-cli-skeleton);
# program.word for the others.
set -uo pipefail
name=$(basename "$0")
line=$(printf ' %s' "$@" | tr -s ' \n\t' ' ')
printf '%s%s\n' "$name" "$line" >>"$STUB/calls" # in one piece: two stubs of a pipe write here at the same time
[[ "$*" != *--password-stdin* ]] || cat >/dev/null

if [ "$name" = aws ]; then
    key=${1:-}.${2:-}
    query=
    for ((i = 1; i < $#; i++)); do
        if [ "${!i}" = --query ]; then
            i=$((i + 1))
            query=$(tr -cd 'A-Za-z0-9.' <<<"${!i}")
        fi
    done
    [ ! -e "$STUB/$key@$query" ] || key=$key@$query
    [[ "$*" != *--generate-cli-skeleton* || ! -e $STUB/$key@skeleton ]] || key=$key@skeleton
else
    key=$name.${1:-}
fi
[ -e "$STUB/$key" ] || exit 0
count=$(($(cat "$STUB/$key.count" 2>/dev/null || echo 0) + 1))
echo "$count" >"$STUB/$key.count"
line=$(sed -n "${count}p" "$STUB/$key")
[ -n "$line" ] || line=$(tail -n 1 "$STUB/$key")
code=${line%% *}
if [ "$code" -eq 0 ]; then printf '%b\n' "${line#* }"; else printf '%b\n' "${line#* }" >&2; fi
exit "$code"
