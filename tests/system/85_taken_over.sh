#!/usr/bin/env bash
# A worker in which somebody else's code runs (tests/taken): each thing it tries, and what comes of it. As root starts it,
# as a plain user starts it, and once without the sandbox, to see that the attempts are real.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

case $BUILD in */asan | */cov)
    skip "the sanitizers' own work needs what the sandbox forbids"
    finish
    ;;
esac
(cd "$ROOT" && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s VARIANT=taken build/taken/llm-api-converter) >"$T/make.out" 2>&1 || {
    fail "make VARIANT=taken: $(tail -3 "$T/make.out")"
    finish
}
PROGRAM=$ROOT/build/taken/llm-api-converter
SECRET=hidden-$RANDOM$RANDOM-secret
MASTER_KEY=correct-horse-$RANDOM$RANDOM-battery

row() { sed -n "s/^sandbox: $1 *//p" "$T/report"; }
children() { cat "/proc/$SERVER_PID/task/$SERVER_PID/children"; }
deaths() { grep -c 'exit: worker . was killed by SIGSYS (the sandbox' "$T/server.log"; }
# what the log says of the last attempt with these words; "" when the worker died of it
outcome() { sed -n "s|.*taken-over: $1: ||p" "$T/server.log" | tail -1; }
attempt() { curl -s -o /dev/null --max-time 5 -H "x-taken-over: $1" "$URL/health"; }
# A worker comes back at once or after a moment of back-off: the next attempt waits for one that serves.
serves() { eventually $((15 * SLOW)) healthy; }

# told WHAT ATTEMPT REGEX: the worker lives, and this came of it
told() {
    serves
    attempt "$2"
    if [[ $SANDBOX == off ]]; then return; fi
    expect_match "$WHO: $1" "$(outcome "$2")" "^($3)$"
}
# killed WHAT ATTEMPT: the worker dies of it, and the master says by what
killed() {
    local before
    serves
    before=$(deaths)
    attempt "$2"
    eventually 5 grew "$before"
    expect "$WHO: $1 kills" "$(($(deaths) - before)) $(outcome "$2")" "1 "
}
grew() { [ "$(deaths)" -gt "$1" ]; }

# hits PID WORD: how often the word is in the memory of the process. Only root may look.
hits() {
    local from to perms rest sum=0
    while read -r from perms _ _ _ rest; do
        to=0x${from#*-} from=0x${from%-*}
        [[ $perms == r* && $rest != "[v"* ]] || continue
        sum=$((sum + $(dd if="/proc/$1/mem" bs=4096 skip=$((from / 4096)) count=$(((to - from) / 4096)) 2>/dev/null | grep -aoF "$2" | wc -l)))
    done <"/proc/$1/maps"
    echo "$sum"
}

# The server as WHO; the mock checks the signature, so the secret is where it has to be.
begin() { # launch's arguments
    : >"$T/server.log"
    rm -rf "$T/state"
    printf 'AWS_SECRET_ACCESS_KEY=%s\nMASTER_API_KEY=%s\n' "$SECRET" "$MASTER_KEY" >"$T/private"
    chmod 600 "$T/private"
    start_server WORKERS=6 AWS_SECRET_ACCESS_KEY="$SECRET" MASTER_API_KEY="$MASTER_KEY" "$@" # six: each death holds a slot back
    KEY=$MASTER_KEY
}

everything() {
    local worker refresher pid
    read -r refresher worker _ <<<"$(children)"
    ask "$(message hi)"
    expect "$WHO: a request" "$CODE" 200
    eventually $((5 * SLOW)) all_ready
    run -- top --output json
    expect "$WHO: top" "$(jq -r '[.processes[] | select(.state == "ready")] | length' "$T/out")" 7
    for pid in $SERVER_PID $worker $refresher; do
        expect "$WHO: uid of $pid" "$(awk '/^Uid:/ { print $2, $3, $4, $5 }' "/proc/$pid/status")" "$UID_WANTED $UID_WANTED $UID_WANTED $UID_WANTED"
        expect "$WHO: capabilities of $pid" "$(awk '/^Cap(Prm|Eff|Inh|Amb):/ { print $2 }' "/proc/$pid/status" | sort -u)" 0000000000000000
        expect "$WHO: no new privileges of $pid" "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$pid/status")" 1
        [[ $SECCOMP == yes* ]] && expect "$WHO: seccomp of $pid" "$(awk '/^Seccomp:/ { print $2 }' "/proc/$pid/status")" 2
        expect "$WHO: $pid is not dumpable" "$(stat -c %u "/proc/$pid/environ")" 0
    done
    # what the master had is gone from where it lay; root may look, to see that nothing is there
    if [ "$(id -u)" -eq 0 ]; then
        expect_no_match "$WHO: environment of the master" "$(tr '\0' '\n' <"/proc/$SERVER_PID/environ")" "$SECRET|$MASTER_KEY"
        expect "$WHO: the secret in the refresher" "$(($(hits "$refresher" "$SECRET") > 0))" 1
        expect "$WHO: the secret in the master" "$(hits "$SERVER_PID" "$SECRET")" 0
        expect "$WHO: the secret in a worker" "$(hits "$worker" "$SECRET")" 0
        expect "$WHO: the master key in the master" "$(hits "$SERVER_PID" "$MASTER_KEY")" 0
        expect "$WHO: the master key in a worker" "$(hits "$worker" "$MASTER_KEY")" 0
        expect "$WHO: the master key in the refresher" "$(hits "$refresher" "$MASTER_KEY")" 0
    fi
    # a refresher that died gets the secret again
    kill -KILL "$refresher"
    replaced() { [ "$(children | wc -w)" -eq 7 ] && [[ " $(children) " != *" $refresher "* ]]; }
    eventually $((5 * SLOW)) replaced
    eventually $((5 * SLOW)) is_ready
    ask "$(message hi)"
    expect "$WHO: signed after the refresher's death" "$CODE" 200
    attempts "$refresher"
    serves
    ask "$(message hi)"
    expect "$WHO: requests go on" "$CODE" 200
}

attempts() {
    local no='Permission denied' gone='No such file or directory'
    local none="$no|$gone" # another user's file may not even be there for it

    # it has none of the secrets, and no way to them
    told "own environment" "environment AWS_SECRET_ACCESS_KEY" "$gone"
    told "own environment" "environment MASTER_API_KEY" "$gone"
    told "descriptors that were left open" "search-descriptors AWS_SECRET_ACCESS_KEY" "$gone"
    told "the master's environment" "read-master environ" "$no"
    told "the master's memory" "read-master mem" "$no"
    told "the master's descriptors" "read-master fd" "$no"
    told "the refresher's environment" "read /proc/$1/environ" "$none"

    # no file but what it needs
    if [[ $LANDLOCK == yes* ]]; then
        told "what it needs" "read /etc/ssl/certs/ca-certificates.crt" works
        told "what it needs" "read /etc/hosts" works
        told "own environment in /proc" "read /proc/self/environ" "$no"
        told "passwords" "read /etc/passwd" "$no"
        told "shadow" "read /etc/shadow" "$no"
        told "settings" "read $T/private" "$no"
        told "the key store" "read $T/state/keys.db" "$no"
        told "the usage journal by name" "read $T/state/usage.journal" "$no"
        told "this program" "read $PROGRAM" "$no"
        told "writing STATE_DIR" "write $T/state/x" "$no"
        told "writing the key store" "write $T/state/keys.db" "$no"
        told "writing /tmp" "write /tmp/taken-over" "$no"
        told "writing a log" "write $T/server.log" "$no"
        told "a port of its own" "bind 0" "$no"
    fi
    told "the key table" "write-key-table" "$no"

    # no program, no process, nobody else
    if [[ $SECCOMP == yes* ]]; then
        told "Docker and the like" "connect-unix /run/docker.sock" "Address family not supported by protocol"
        told "the master's window" "connect-unix $T/state/top.sock" "Address family not supported by protocol"
        told "calls past the filter" "io-uring" "Function not implemented"
        killed "exec" "exec /bin/sh"
        killed "fork" "fork"
        killed "ptrace" "trace"
        killed "memory of the master" "read-memory"
        killed "a signal for the master" "signal 9"
        killed "a signal for a thread of it" "signal-thread 9"
        killed "a signal by a socket" "signal-by-socket"
        killed "memory that is code" "new-code"
        killed "memory that becomes code" "make-code"
        killed "a listener" "listen"
        killed "a raw socket" "raw-socket"
        killed "removing a file" "remove $T/state/keys.db"
        told "cutting the usage journal" "cut-journal" "$no"
        killed "another user" "become-root"
        killed "showing itself" "show-itself"
    fi
    expect_true "$WHO: the master lives" is_running "$SERVER_PID"
    expect_true "$WHO: the key store is there" test -s "$T/state/keys.db"

    # what is not prevented: a connection to anywhere
    told "a connection elsewhere works" "connect ${MOCK_URL##*:}" works
    # and a failed assertion is still what it says
    serves
    attempt abort
    eventually 5 grep -q 'exit: worker . was killed by SIGABRT;' "$T/server.log"
    expect "$WHO: abort() says SIGABRT" "$?" 0
    # by its own words, in the log and in both shapes of top
    serves
    attempt assert
    said='taken_over.c:[0-9]+: !argument && !w'
    eventually 5 grep -qE "exit: worker . was killed by SIGABRT; .*$said" "$T/server.log"
    expect "$WHO: a failed assertion is in the log" "$?" 0
    run -- top --pid "$SERVER_PID" --once
    expect_match "$WHO: and in top" "$(cat "$T/out")" "worker . .* ago one was killed by SIGABRT; .*$said"
    run -- top --pid "$SERVER_PID" --output json
    expect_true "$WHO: and in its JSON" jq -e --arg said "$said" '[.deaths[] | .assertion // "" | select(test($said))] | length > 0' "$T/out"
}

start_mock --access-key AKIAMOCKMOCKMOCKMOCK --secret "$SECRET"
run -- check-config
grep '^sandbox: ' "$T/out" >"$T/report"
expect "check-config says what there is" "$(wc -l <"$T/report")" 6
SECCOMP=$(row seccomp)
LANDLOCK=$(row landlock)
echo "  seccomp: $SECCOMP; Landlock: $LANDLOCK"
SANDBOX=on

if [ "$(id -u)" -eq 0 ]; then
    WHO="started by root"
    UID_WANTED=65534
    begin
    expect_match "$WHO: says whom it became" "$(cat "$T/server.log")" 'goes on as user nobody \(65534:65534\)'
    expect "$WHO: owner of STATE_DIR" "$(stat -c %U "$T/state")" nobody
    everything
    stop_server
    expect "$WHO: exit code" "$CODE" 0
    expect "$WHO: nothing of root's is left" "$(find "$T/state" ! -user nobody | wc -l)" 0
fi

WHO="started by a plain user"
UID_WANTED=$(id -u)
if [ "$UID_WANTED" -eq 0 ]; then
    UID_WANTED=1
    plain=(setpriv --reuid=1 --regid=1 --clear-groups)
    chmod 777 "$T"
    start_program=$PROGRAM
    printf '#!/bin/sh\nexec %s %s "$@"\n' "${plain[*]}" "$start_program" >"$T/plain"
    chmod 755 "$T/plain"
    PROGRAM=$T/plain
fi
begin
everything
stop_server
expect "$WHO: exit code" "$CODE" 0

WHO="without the sandbox"
SANDBOX=off
begin SANDBOX=off
expect_match "it says so" "$(cat "$T/server.log")" 'warn .*SANDBOX is off'
for what in "read /etc/passwd" "exec /bin/sh" "fork" "new-code" "listen" "write $T/state/x" "connect ${MOCK_URL##*:}"; do
    told "" "$what" ""
    case $what in
    exec*) expect_match "$WHO: $what" "$(cat "$T/server.log")" '^taken-over: exec works' ;;
    *) expect "$WHO: $what" "$(outcome "$what")" works ;;
    esac
done
stop_server
finish
