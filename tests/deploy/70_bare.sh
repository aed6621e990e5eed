#!/usr/bin/env bash
# README's two commands on a minimal Debian 12, pasted as they stand there, each with its time: a chroot that has nothing
# but apt-get, and this tree as it would be cloned. The second, make check, is pasted with CHECK=1 only: it takes many minutes.
# shellcheck source=tests/deploy/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1
[ "$(id -u)" = 0 ] || skip_all "a chroot needs root"
need_apt mmdebstrap
ROOM=$T/room
BASE=$TOOLS/minbase.tar
[ -s "$BASE" ] || mmdebstrap --quiet --variant=minbase bookworm "$BASE" >"$T/mmdebstrap.log" 2>&1 || skip_all "no Debian can be made: $(tail -n 1 "$T/mmdebstrap.log")"
mkdir -p "$ROOM/src"
tar -xf "$BASE" -C "$ROOM"
cp /etc/resolv.conf "$ROOM/etc/"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$ROOM/src" 2>/dev/null

# inside COMMAND...: this process becomes it, in the room; its mounts and processes go with it
enter() {
    mount --make-rprivate /
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs tmpfs "$1/tmp"
    exec chroot "$1" /bin/sh -c 'cd /src && exec "$@"' "${@:1}"
}
inside() {
    exec unshare --mount --pid --fork --kill-child bash -euc "$(declare -f enter); enter \"\$@\"" - "$ROOM" \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root PORT="$PORT" "$@"
}
# paste WORDS: as at a prompt
paste() {
    local begin=$SECONDS
    (inside sh -c "$1") >"$T/out" 2>"$T/err" </dev/null
    CODE=$?
    echo "  $((SECONDS - begin)) s: $1"
    expect "$1: exit code ($(tail -n 2 "$T/err" | tr '\n' ' '))" "$CODE" 0
}
# What README says in words before its two commands, and those two.
expect_match "README: what a bare Debian lacks" "$(cat README.md)" '`apt-get update`.*`apt-get install make`'
expect_match "README, Chinese: what a bare Debian lacks" "$(cat README.zh-CN.md)" '`apt-get update`.*`apt-get install make`'
for guide in README.md README.zh-CN.md; do
    expect "$guide: the two commands" "$(grep -oE "^make (run|check)\$" "$guide" | head -2 | xargs)" "make run make check"
done

PORT=$(free_port)
URL=http://127.0.0.1:$PORT
paste 'apt-get update'
paste 'DEBIAN_FRONTEND=noninteractive apt-get install -y make'

# --- make run, until it is ended as by Ctrl-C
begin=$(now_ms)
(inside make run) >"$T/run.out" 2>"$T/run.err" </dev/null &
ROOM_PID=$!
trap 'kill -KILL $ROOM_PID 2>/dev/null; wait $ROOM_PID 2>/dev/null; cleanup' EXIT
said() { grep -qoE 'sk-[A-Za-z0-9_-]{20,}' "$T/run.out" "$T/run.err" || ! kill -0 "$ROOM_PID"; }
for _ in $(seq 900); do # by the second: what is waited for builds
    ! said || break
    sleep 1
done
KEY=$(cat "$T/run.out" "$T/run.err" | grep -oE 'sk-[A-Za-z0-9_-]{20,}' | head -1)
expect_match "make run prints a key: $(tail -n 3 "$T/run.err" | tr '\n' ' ')" "$KEY" '^sk-'
echo "  $((($(now_ms) - begin) / 1000)) s: make run, until its key"
ask "$(message 'say: one two')"
expect "a model answers" "$CODE" 200
call /ready
expect "ready" "$CODE" 200
# the last of the line unshare, make, bash is scripts/run.sh
runner() {
    local pid=$ROOM_PID next
    while next=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null) && [ -n "$next" ]; do
        pid=${next%% *}
        [[ $(tr '\0' ' ' <"/proc/$pid/cmdline") != *scripts/run.sh* ]] || break
    done
    echo "$pid"
}
kill -INT "$(runner)"
gone() { ! kill -0 "$ROOM_PID" 2>/dev/null; }
expect_true "Ctrl-C ends it" eventually 15 gone
call /health
expect "and nothing listens" "$CODE" 000

# --- make check
if [ -n "${CHECK:-}" ]; then
    paste 'make check'
    tail -n 3 "$T/out"
    grep -E 'FAILED|skipped' "$T/out" | head -20
fi
finish
