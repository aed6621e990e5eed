#!/usr/bin/env bash
# The .deb in a Debian that runs systemd: install, service, reload, SIGUSR2, upgrade under load, remove, purge.
# shellcheck source=tests/deploy/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/deploy/box.sh
. "$(dirname "$0")/box.sh"
cd "$ROOT" || exit 1
need_apt dpkg-dev=dpkg-shlibdeps mmdebstrap lintian
SERVICE=llm-api-converter
PORT=$(free_port)
URL=http://127.0.0.1:$PORT

# --- two versions of it
make_deb() { VERSION=$1 PROGRAM=$PROGRAM docker/deb/build.sh "$T/$2" >"$T/deb.log" 2>&1; }
make_deb 1.0.0 deb || skip_all "no package: $(tail -n 1 "$T/deb.log")"
make_deb 1.0.0 again
make_deb 1.0.1 deb
deb=$T/deb/${SERVICE}_1.0.0_$(dpkg --print-architecture).deb
new=${deb/1.0.0/1.0.1}
expect "the same bytes twice" "$(sha256sum <"$deb")" "$(sha256sum <"$T/again/${deb##*/}")"
expect "lintian has no error" "$(lintian --no-tag-display-limit "$deb" 2>&1 | grep '^E:')" ""
case $(dpkg --print-architecture) in amd64) other=arm64 ;; *) other=amd64 ;; esac
expect_match "a program of another architecture is refused" "$(ARCH=$other VERSION=1 PROGRAM=$PROGRAM docker/deb/build.sh "$T/no" 2>&1)" "is a program for .*, the package is for $other"

# --- install
start_mock
box_boot
cp "$deb" "$new" "$BOX/srv/"
mkdir -p "$BOX/etc/$SERVICE"
expect "dpkg -i" "$(box dpkg -i "/srv/${deb##*/}" >"$T/dpkg.log" 2>&1; echo $?)" 0
owner() { box stat -c '%a %U:%G' "$1"; }
expect "the settings" "$(owner /etc/$SERVICE/env)" "640 root:$SERVICE"
expect "their directory" "$(owner /etc/$SERVICE)" "750 root:$SERVICE"
expect "the state" "$(owner /var/lib/$SERVICE)" "700 $SERVICE:$SERVICE"
expect "the user" "$(box getent passwd $SERVICE | cut -d: -f6,7)" "/var/lib/$SERVICE:/usr/sbin/nologin"
expect "the unit is enabled" "$(box systemctl is-enabled $SERVICE)" enabled
active() { [ "$(box systemctl is-active $SERVICE)" = active ]; }
started() { [ -n "$(box systemctl show $SERVICE -p ExecMainStartTimestamp --value)" ]; } # port 8000 may be another's here
expect_true "the service was started" eventually 10 started
cat >>"$BOX/etc/$SERVICE/env" <<END
HOST=127.0.0.1
PORT=$PORT
AWS_REGION=us-west-2
AWS_ACCESS_KEY_ID=AKIAMOCKMOCKMOCKMOCK
AWS_SECRET_ACCESS_KEY=mock-secret-access-key
BEDROCK_ENDPOINT_URL=$MOCK_URL
END
box systemctl restart $SERVICE
expect_true "ready, within systemd's fence and its own" eventually 10 is_ready
journal() { box journalctl -u $SERVICE --no-pager -o cat; }
expect_no_match "the program's own fence is whole" "$(journal)" 'goes on without|sandbox'
main_pid() { box systemctl show $SERVICE -p MainPID --value; }
run_as() { box ps -o user:32= -p "$(main_pid)"; }
expect_match "as its user" "$(run_as)" "^$SERVICE *$"
expect "seccomp, no new privileges, no capability" "$(box cat "/proc/$(main_pid)/status" | awk '/^(Seccomp|NoNewPrivs|CapBnd):/ { print $2 }' | xargs)" "0000000000000000 1 2"

# --- a key, as root, by the service's settings; a request
cli() { box llm-api-converter "$@" --env-file /etc/$SERVICE/env; }
KEY=$(cli create-api-key -u alice -n laptop --output json 2>"$T/err" | jq -r .api_key)
expect_match "a key" "$KEY" '^sk-'
answered() {
    ask "$(message Hi)"
    [ "$CODE" = 200 ]
}
expect_true "the service knows it" eventually 5 answered
expect "the key store is still the service's" "$(owner /var/lib/$SERVICE/keys.db)" "600 $SERVICE:$SERVICE"
expect_match "top sees it" "$(cli top --once 2>&1)" 'worker 1'
counted() { [ "$(cli usage --output json | jq length)" = 1 ]; }
expect_true "usage" eventually 10 counted

# --- reload, SIGUSR2
pid=$(main_pid)
sed -i 's/^LOG_LEVEL=.*//' "$BOX/etc/$SERVICE/env"
echo RATE_LIMIT_REQUESTS_PER_WINDOW=100000 >>"$BOX/etc/$SERVICE/env"
expect_true "systemctl reload" box systemctl reload $SERVICE
reloaded() { journal | grep -qE '"event":"reload"'; }
expect_true "the settings were read anew" eventually 5 reloaded
expect "the same process" "$(main_pid)" "$pid"
box systemctl kill --kill-who=main --signal=USR2 $SERVICE
moved() { [ "$(main_pid)" != "$pid" ] && active && is_gone_inside "$pid"; }
is_gone_inside() { ! box test -d "/proc/$1"; }
expect_true "SIGUSR2: systemd follows to the successor" eventually 15 moved
expect_true "which serves" answered

# --- a package upgrade under load: no connection is lost
pid=$(main_pid)
jq -cn --arg m "$MODEL" '{model: $m, max_tokens: 50, messages: [{role: "user", content: "Hi"}]}' >"$T/body.json"
{
    printf 'POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n' \
        "$KEY" "$(wc -c <"$T/body.json")"
    cat "$T/body.json"
} >"$T/request"
"$BUILD/strict" 127.0.0.1 "$PORT" --kept 8 --request "$T/request" >"$T/load" 2>"$T/losses" &
load=$!
sleep 1
expect "dpkg -i of the next version" "$(box dpkg -i "/srv/${new##*/}" >"$T/dpkg.log" 2>&1; echo $?)" 0
expect_true "the successor took over" eventually 15 moved
sleep 1
kill -TERM $load
wait $load
told() { sed 's/ /\n/g' "$T/load" | awk -F= -v name="$1" '$1 == name { print $2 }'; }
echo "  upgrade: $(told answered) answered, $(told lost_kept) and $(told lost_fresh) lost, $(told bad) not 200"
expect_true "there was load" test "$(told answered)" -gt 200
expect "lost connections, answers that are not 200" "$(told lost_kept) $(told lost_fresh) $(told bad)" "0 0 0"
expect_true "settings stay" grep -qx "PORT=$PORT" "$BOX/etc/$SERVICE/env"
expect "settings are still the service's to read" "$(owner /etc/$SERVICE/env)" "640 root:$SERVICE"
expect "the version" "$(box dpkg-query -W -f '${Version}' $SERVICE)" 1.0.1

# --- what ends it
box systemctl stop $SERVICE
expect "stop: as asked" "$(box systemctl show $SERVICE -p Result -p ExecMainStatus --value | xargs)" "success 0"
echo PORT=none >>"$BOX/etc/$SERVICE/env"
box systemctl start $SERVICE
failed() { [ "$(box systemctl is-active $SERVICE)" = failed ]; }
expect_true "wrong settings: it fails" eventually 5 failed
expect "and is not started over and over" "$(box systemctl show $SERVICE -p NRestarts -p ExecMainStatus --value | xargs)" "0 2"
sed -i '/^PORT=none$/d' "$BOX/etc/$SERVICE/env"
box systemctl start $SERVICE
expect_true "ready again" eventually 10 is_ready
pid=$(main_pid)
expect "remove" "$(box dpkg -r $SERVICE >"$T/dpkg.log" 2>&1; echo $?)" 0
expect_true "stops it" is_gone_inside "$pid"
expect_true "and leaves keys and settings" box test -e /var/lib/$SERVICE/keys.db -a -e /etc/$SERVICE/env
expect "purge" "$(box dpkg -P $SERVICE >"$T/dpkg.log" 2>&1; echo $?)" 0
# shellcheck disable=SC2016 # the shell inside
expect "takes all away" "$(box sh -c 'ls -d /etc/$0 /var/lib/$0 /usr/bin/$0 /etc/systemd/system/$0.service /etc/systemd/system/*/$0.service 2>/dev/null' $SERVICE)" ""
expect "no failed unit is left" "$(box systemctl --failed --no-legend --plain | grep -c llm-api)" 0
finish
