#!/usr/bin/env bash
# Whose the processes and files are when root starts the server, and that all goes on working after the change: ports
# below 1024, subcommands of root's, SIGHUP, SIGUSR2, a STATE_DIR that only root could reach. Without root: what is left.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

case $BUILD in */cov)
    skip "coverage is measured as root"
    finish
    ;;
esac
says() { grep -qE -- "$1" "$T/server.log"; }
# fresh [VAR=value...]: another run with a log of its own
fresh() {
    stop_server
    : >"$T/server.log"
    start_server "$@"
}
owners() { (cd "$1" && stat -c '%U %n' ./* | sort | tr '\n' ' '); }
uids() { # of the master and its children
    local pid
    for pid in $SERVER_PID $(cat "/proc/$SERVER_PID/task/$SERVER_PID/children"); do awk '/^Uid:/ { print $2 $3 $4 $5 }' "/proc/$pid/status"; done | sort -u | tr '\n' ' '
}
reloaded() { [ "$(grep -c 'reload: done' "$T/server.log")" -gt "$1" ]; }

# --- a file that a rule stands for is replaced: new processes take the new one, nobody has to ask
start_mock --access-key AKIAMOCKMOCKMOCKMOCK --secret right-secret --bearer bearer-of-the-test
cp /etc/ssl/certs/ca-certificates.crt "$T/ca.pem"
printf 'AWS_ACCESS_KEY_ID=AKIAMOCKMOCKMOCKMOCK\nAWS_SECRET_ACCESS_KEY=wrong-secret\n' >"$T/.env"
start_server UPSTREAM_CA_FILE="$T/ca.pem" AWS_ACCESS_KEY_ID= AWS_SECRET_ACCESS_KEY= MASTER_API_KEY=correct-horse-battery-staple
make_key alice
if [ "$(sed -n 's/^sandbox: landlock *//p' <(run -- check-config && cat "$T/out") | cut -c1-3)" = yes ]; then
    replaced() { # again and again: the master may not have looked at the one before yet
        cp "$T/ca.pem" "$T/ca.new"
        mv "$T/ca.new" "$T/ca.pem"
        eventually 1 reloaded 0
    }
    eventually $((10 * SLOW)) replaced
    expect "a replaced CA bundle: reload" "$?" 0
fi

# --- SIGHUP takes new credentials from .env, pair by pair
ask "$(message hi)"
expect "a wrong secret" "$CODE" 500
printf 'AWS_ACCESS_KEY_ID=AKIAMOCKMOCKMOCKMOCK\nAWS_SECRET_ACCESS_KEY=right-secret\n' >"$T/.env"
before=$(grep -c 'reload: done' "$T/server.log")
kill -HUP "$SERVER_PID"
eventually $((10 * SLOW)) reloaded "$before"
expect "SIGHUP" "$?" 0
answers() {
    ask "$(message hi)"
    [ "$CODE" = 200 ]
}
eventually $((10 * SLOW)) answers
expect "the right secret of .env" "$CODE" 200
KEY=correct-horse-battery-staple
answers
expect "the master key after SIGHUP" "$CODE" 200
fresh AWS_BEARER_TOKEN_BEDROCK=bearer-of-the-test AWS_ACCESS_KEY_ID= AWS_SECRET_ACCESS_KEY= MASTER_API_KEY=$KEY
kill -HUP "$SERVER_PID"
eventually $((10 * SLOW)) reloaded 0
answers
expect "a Bedrock API key after SIGHUP" "$CODE" 200
rm "$T/.env"

if [ "$(id -u)" -ne 0 ]; then
    expect "it stays who it was" "$(uids)" "$(printf '%s%s%s%s ' "$(id -u)" "$(id -u)" "$(id -u)" "$(id -u)")"
    run RUN_AS_USER=root -- check-config
    expect_match "check-config" "$(cat "$T/out")" "^sandbox: user +stays $(id -u):"
    skip "the rest needs root"
    finish
fi
right="AWS_SECRET_ACCESS_KEY=right-secret"

# --- nobody, in a STATE_DIR that it makes, below a directory that is closed to it; subcommands of root's; an upgrade
stop_server
mkdir -m 700 "$T/closed"
PROGRAM=$T/program
install -m 755 "$BUILD/llm-api-converter" "$PROGRAM"
fresh STATE_DIR="$T/closed/state" $right
expect "users" "$(uids)" "65534655346553465534 "
run STATE_DIR="$T/closed/state" -- create-api-key -u bob -n x --output json
KEY=$(jq -r .api_key "$T/out")
answers
expect "closed directory: a request" "$CODE" 200
served() {
    run STATE_DIR="$T/closed/state" -- top --output json
    [ "$(jq '[.processes[] | select(.state == "ready")] | length' "$T/out")" = 3 ]
}
eventually $((5 * SLOW)) served
expect "closed directory: top" "$CODE $(jq '[.processes[] | select(.state == "ready")] | length' "$T/out")" "0 3"
kill -HUP "$SERVER_PID"
eventually $((10 * SLOW)) reloaded 0
expect "closed directory: SIGHUP" "$?" 0
answers
expect "closed directory: a request after it" "$CODE" 200
old=$SERVER_PID
kill -USR2 "$old"
eventually $((15 * SLOW)) says 'upgrade: ready'
expect "closed directory: SIGUSR2" "$?" 0
wait "$old"
SERVER_PID=$(cat "$T/closed/state/master.pid")
expect "the successor's users" "$(uids)" "65534655346553465534 "
answers
expect "closed directory: a request after it" "$CODE" 200
run STATE_DIR="$T/closed/state" -- usage --output json
expect "usage of root's" "$CODE" 0
expect "closed directory: owners" "$(stat -c %U "$T/closed") $(owners "$T/closed/state" | tr ' ' '\n' | grep -cE '^root$')" "root 0"
kill -TERM "$SERVER_PID"
eventually $((10 * SLOW)) is_gone "$SERVER_PID"
SERVER_PID=

# --- the owner of STATE_DIR; files that subcommands of root's make belong to it as well
mkdir "$T/daemons"
chown daemon:daemon "$T/daemons"
run STATE_DIR="$T/daemons" -- create-api-key -u carol -n x --output json
KEY=$(jq -r .api_key "$T/out")
fresh STATE_DIR="$T/daemons" $right
expect "the owner of STATE_DIR" "$(uids)" "1111 "
answers
expect "daemon: a request" "$CODE" 200
for command in "list-keys" "create-api-key -u dora -n y" "usage" "top --once"; do
    # shellcheck disable=SC2086
    run STATE_DIR="$T/daemons" -- $command
    expect "root's $command" "$CODE" 0
done
expect "daemon: owners" "$(owners "$T/daemons")" \
    "daemon ./keys.db daemon ./keys.db-shm daemon ./keys.db-wal daemon ./master.pid daemon ./top.sock daemon ./usage.journal "

# --- one that it did not make stays root's, and that is said
mkdir "$T/roots"
launch STATE_DIR="$T/roots" PORT="$(free_port)" $right
eventually $((5 * SLOW)) says 'STATE_DIR .*/roots is not writable for user nobody: chown it'
expect "root's STATE_DIR: what to do" "$?" 0
kill -TERM "$SERVER_PID"
wait "$SERVER_PID"
expect "root's STATE_DIR: owner" "$(stat -c %U "$T/roots")" root
SERVER_PID=

# --- a port that only root may have, and keep it over an upgrade
PORT=
for port in $(seq 900 960); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || PORT=$port
    [ -z "$PORT" ] || break
done
fresh STATE_DIR="$T/daemons" $right RUN_AS_USER=daemon
expect "port $PORT: users" "$(uids)" "1111 "
old=$SERVER_PID
kill -USR2 "$old"
eventually $((15 * SLOW)) says 'upgrade: ready'
expect "port $PORT: SIGUSR2" "$?" 0
wait "$old"
SERVER_PID=$(cat "$T/daemons/master.pid")
expect_true "port $PORT: the successor answers" healthy
kill -TERM "$SERVER_PID"
eventually $((10 * SLOW)) is_gone "$SERVER_PID"
SERVER_PID=
PORT=

# --- who it may be
refused() { # REGEX VAR=value...
    local regex=$1
    shift
    run STATE_DIR="$T/never" PORT="$(free_port)" "$@" -- serve
    expect "refused: $*" "$CODE $(wc -l <"$T/err")" "2 1"
    expect_match "refused: $*" "$(cat "$T/err")" "$regex"
}
refused 'RUN_AS_USER.*ALLOW_ROOT=true' RUN_AS_USER=root
refused 'RUN_AS_USER.*ALLOW_ROOT=true' RUN_AS_USER=0:0
refused 'RUN_AS_USER: nosuchuser is no user' RUN_AS_USER=nosuchuser
expect_true "and nothing was made" test ! -e "$T/never"
fresh STATE_DIR="$T/roots" RUN_AS_USER=root ALLOW_ROOT=true $right
expect "root where it is allowed" "$(uids)" "0000 "
expect "without capabilities" "$(awk '/^Cap(Prm|Eff|Bnd):/ { print $2 }' "/proc/$SERVER_PID/status" | sort -u)" 0000000000000000

# --- credentials that only root could read are not taken for absent
mkdir -m 700 "$T/home" "$T/home/.aws"
printf '[default]\naws_access_key_id = AKIAMOCKMOCKMOCKMOCK\naws_secret_access_key = right-secret\n' >"$T/home/.aws/credentials"
stop_server
: >"$T/server.log"
rm -rf "$T/state"
launch HOME="$T/home" STORAGE_BACKEND=auto AWS_ACCESS_KEY_ID= AWS_SECRET_ACCESS_KEY= DYNAMODB_TIMEOUT=1
eventually $((5 * SLOW)) says 'keystore: dynamodb: AWS credentials are configured'
expect "the store that root would have had" "$?" 0
expect_match "and why it has no credentials" "$(cat "$T/server.log")" '\.aws/credentials cannot be read by user nobody: set RUN_AS_USER'
stop_server
finish
