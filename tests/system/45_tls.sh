#!/usr/bin/env bash
# The whole path through TLS: a throw-away CA, nginx with its certificate in front of the mock. A certificate of
# another CA is refused and the client gets an error, never plain text. Needs nginx and openssl; without them the
# test says so and checks nothing. nginx would speak HTTP/2 if it was offered, and hangs up after a few requests.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

for tool in nginx openssl; do
    command -v "$tool" >/dev/null || { echo "  $NAME: $tool is not installed (scripts/install-deps.sh --dev): skipped"; finish; }
done

certify() { # CA NAME KEY...: $T/NAME.pem for localhost, signed by $T/CA.pem
    openssl req -newkey "${@:3}" -nodes -subj /CN=localhost -keyout "$T/$2.key" -out "$T/$2.csr" 2>/dev/null
    openssl x509 -req -in "$T/$2.csr" -CA "$T/$1.pem" -CAkey "$T/$1.key" -CAcreateserial -days 2 \
        -extfile <(echo subjectAltName=DNS:localhost) -out "$T/$2.pem" 2>/dev/null
}
make_ca() { # NAME: $T/NAME.pem signs $T/NAME-server.pem for localhost
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
        -keyout "$T/$1.key" -out "$T/$1.pem" 2>/dev/null
    certify "$1" "$1-server" ec -pkeyopt ec_paramgen_curve:P-256
}
make_ca ours
make_ca strangers
certify ours ours-rsa rsa:2048

start_mock
TLS_PORT=$(free_port)
ONCE_13=$(free_port)
ONCE_12=$(free_port)
mkdir -p "$T/nginx"
once() { # PORT PROTOCOL CERTIFICATE: a server that hangs up after each answer, and notes whether it resumed the session (r) or not (.)
    cat <<CONF
    server {
        listen 127.0.0.1:$1 ssl;
        keepalive_requests 1;
        ssl_protocols $2;
        ssl_certificate $T/$3.pem;
        ssl_certificate_key $T/$3.key;
        access_log $T/sessions-$1 sessions;
        location / {
            proxy_pass $MOCK_URL; proxy_http_version 1.1; proxy_buffering off;
            proxy_set_header Connection ""; proxy_set_header Host \$http_host;
        }
    }
CONF
}
cat >"$T/nginx.conf" <<CONF
pid $T/nginx/pid;
error_log $T/nginx/error.log;
events { worker_connections 2048; }
http {
    log_format cipher '\$request_uri \$ssl_cipher';
    access_log $T/ciphers cipher;
    log_format sessions '\$ssl_session_reused \$request_uri';
    client_body_temp_path $T/nginx/a; proxy_temp_path $T/nginx/b; fastcgi_temp_path $T/nginx/c;
    uwsgi_temp_path $T/nginx/d; scgi_temp_path $T/nginx/e;
    server {
        listen 127.0.0.1:$TLS_PORT ssl http2;
        keepalive_requests 12;
        ssl_certificate $T/ours-server.pem;
        ssl_certificate_key $T/ours-server.key;
        location / {
            proxy_pass $MOCK_URL; proxy_http_version 1.1; proxy_buffering off;
            proxy_set_header Connection ""; proxy_set_header Host localhost:$TLS_PORT;
        }
    }
$(once "$ONCE_13" TLSv1.3 ours-server)
$(once "$ONCE_12" TLSv1.2 ours-rsa)
}
CONF
nginx -p "$T/nginx" -c "$T/nginx.conf" -g 'daemon off;' >"$T/nginx.log" 2>&1 &
nginx=$!
eventually $((5 * SLOW)) curl -s -o /dev/null --cacert "$T/ours.pem" "https://localhost:$TLS_PORT/health"

start_server WORKERS=1 METRICS_TOKEN=off BEDROCK_ENDPOINT_URL="https://localhost:$TLS_PORT" UPSTREAM_CA_FILE="$T/ours.pem"
connects() { curl -fsS "$URL/metrics" | awk '$1 == "llm_api_converter_upstream_connects_total" { print $2 }'; }
make_key tls
ask '{"model":"claude-sonnet-4-5","max_tokens":20,"messages":[{"role":"user","content":"say: hello"}]}'
expect "through TLS" "$CODE" 200
expect_json "answer" '.content[0].text' hello
# nginx takes the client's first. ChaCha20 is for CPUs that have no AES, such as few still have (and qemu's plain ones).
if grep -qw aes /proc/cpuinfo && grep -qwE 'pclmulqdq|pmull' /proc/cpuinfo; then
    eventually 5 grep -q ^/model/ "$T/ciphers"
    expect_match "the cipher that this CPU is good at" "$(grep ^/model/ "$T/ciphers")" 'AES_?(128|256)[-_]GCM'
fi
ask '{"model":"claude-sonnet-4-5","max_tokens":20,"stream":true,"messages":[{"role":"user","content":"say: a b c"}]}'
expect "stream through TLS" "$CODE" 200
expect_match "whole stream" "$(cat "$T/body")" '"type":"message_stop"'
codes=
for _ in 1 2 3 4 5 6; do
    ask '{"model":"claude-sonnet-4-5","max_tokens":20,"messages":[{"role":"user","content":"say: hello"}]}'
    codes+=$CODE
done
expect "one after the other" "$codes" 200200200200200200
eventually $((3 * SLOW)) eval '[ "$(connects)" -ge 1 ]'
sleep 1.2 # they are counted once a second
expect "on the connection that is there" "$(connects)" 1
for _ in 1 2 3 4 5 6; do
    ask "$(jq -nc '{model: "claude-sonnet-4-5", max_tokens: 20, messages: [{role: "user", content: ("say: " + "hello " * 16000)}]}')"
    codes+=$CODE
done
expect "96 KB, and a connection that has had its requests" "$codes" "$(printf '200%.0s' 1 2 3 4 5 6 7 8 9 10 11 12)"
kill -HUP "$nginx" # hangs up what is idle
for _ in 1 2 3; do
    ask '{"model":"claude-sonnet-4-5","max_tokens":20,"messages":[{"role":"user","content":"say: hello"}]}'
    codes+=$CODE
done
expect "nginx has hung up" "${codes#"${codes%?????????}"}" 200200200
stop_server

# --- an answer that nobody has asked for, behind one that somebody has: in a record of its own, and in the same one

python3 - "$T/ours-server.pem" "$T/ours-server.key" >"$T/shouts.port" <<'PY' &
import json, socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(8)
print(s.getsockname()[1], flush=True)
def answer(text):
    body = json.dumps({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": text}],
                       "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
def serve(c, number):
    there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(there, here, server_side=True)
    def until(step): # what it writes goes out at once and whole
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                done = None
            if here.pending:
                c.sendall(here.read())
            if done is not None:
                return done
            try:
                there.write(c.recv(65536) or sys.exit()) # of this thread
            except OSError:
                sys.exit()
    def records(*texts):
        for text in texts:
            tls.write(text)
        return True
    until(lambda: tls.do_handshake() or True)
    while True:
        request = b""
        while b'"messages"' not in request or not request.endswith(b"}"):
            request += until(lambda: tls.read(65536))
        own, other = answer(f"own {number}"), answer("nobody's")
        until(lambda: records(own, other) if number % 2 else records(own + other))
number = 0
while True:
    number += 1
    threading.Thread(target=serve, args=(s.accept()[0], number), daemon=True).start()
PY
shouts=$!
eventually 5 test -s "$T/shouts.port"
start_server WORKERS=1 BEDROCK_ENDPOINT_URL="https://localhost:$(cat "$T/shouts.port")" UPSTREAM_CA_FILE="$T/ours.pem"
codes=
for _ in 1 2 3 4; do
    ask '{"model":"claude-sonnet-4-5","max_tokens":20,"messages":[{"role":"user","content":"hi"}]}'
    codes+="$CODE $(jq -r '.content[0].text' "$T/body");"
done
expect "each has its own answer" "$codes" "200 own 1;200 own 2;200 own 3;200 own 4;"
kill "$shouts"
stop_server

# --- through a proxy, which sees the name and nothing else
python3 - "$T/proxied" >"$T/proxy.port" <<'PY' &
import select, socket, sys, threading
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(8)
print(s.getsockname()[1], flush=True)
def tunnel(c):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += c.recv(1)
    with open(sys.argv[1], "ab") as log:
        log.write(head)
    host, port = head.split()[1].decode().split(":")
    up = socket.create_connection(("127.0.0.1", int(port)))
    c.sendall(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n")
    while True:
        for end in select.select([c, up], [], [])[0]:
            data = end.recv(65536)
            if not data:
                c.close(), up.close()
                return
            (up if end is c else c).sendall(data)
while True:
    threading.Thread(target=tunnel, args=(s.accept()[0],), daemon=True).start()
PY
proxy=$!
eventually 5 test -s "$T/proxy.port"
start_server BEDROCK_ENDPOINT_URL="https://localhost:$TLS_PORT" UPSTREAM_CA_FILE="$T/ours.pem" UPSTREAM_PROXY=true \
    HTTPS_PROXY="http://127.0.0.1:$(cat "$T/proxy.port")"
codes=
for _ in 1 2 3; do
    ask '{"model":"claude-sonnet-4-5","max_tokens":20,"messages":[{"role":"user","content":"say: hello"}]}'
    codes+=$CODE
done
expect "through a proxy" "$codes" 200200200
expect_match "told where to" "$(cat "$T/proxied")" "^CONNECT localhost:$TLS_PORT HTTP/1.1"
expect_no_match "told more" "$(cat "$T/proxied")" '([Aa]uthorization|x-amz)'
stop_server
start_server BEDROCK_ENDPOINT_URL="https://localhost:$TLS_PORT" UPSTREAM_CA_FILE="$T/ours.pem" UPSTREAM_PROXY=true \
    HTTPS_PROXY="http://127.0.0.1:$(cat "$T/proxy.port")" NO_PROXY=localhost
: >"$T/proxied"
ask '{"model":"claude-sonnet-4-5","max_tokens":20,"messages":[{"role":"user","content":"say: hello"}]}'
expect "NO_PROXY" "$CODE $(cat "$T/proxied")" "200 "
kill "$proxy"
stop_server

start_server BEDROCK_ENDPOINT_URL="https://localhost:$TLS_PORT" UPSTREAM_CA_FILE="$T/strangers.pem"
ask '{"model":"claude-sonnet-4-5","max_tokens":20,"messages":[{"role":"user","content":"say: hello"}]}'
expect "a certificate of another CA" "$CODE" 502
expect_json "error type" '.error.type' api_error
stop_server
start_server BEDROCK_ENDPOINT_URL="https://127.0.0.1:$TLS_PORT" UPSTREAM_CA_FILE="$T/ours.pem"
ask '{"model":"claude-sonnet-4-5","max_tokens":20,"messages":[{"role":"user","content":"say: hello"}]}'
expect "a certificate for another name" "$CODE" 502
stop_server
mock_reset

# --- each connection but a worker's first resumes the TLS session of the one before; what nginx says of the model's requests
sessions() { awk '$2 ~ "^/model/" { printf "%s", $1 }' "$T/sessions-$1"; }
noted() { [ "$(sessions "$1" | wc -c)" -eq "$2" ]; }
linked=$(ldd "$PROGRAM" 2>/dev/null || true) # the static program: nothing
SESSIONS=ours
case $linked in *libcurl-gnutls*) SESSIONS=libcurl ;; *libssl*) ;; *libcurl*) SESSIONS=libcurl ;; esac
if [ $SESSIONS = libcurl ]; then
    echo "  $NAME: this libcurl has no OpenSSL, and sessions of its own: not tested"
else
    for port in "$ONCE_13" "$ONCE_12"; do
        start_server WORKERS=1 BEDROCK_ENDPOINT_URL="https://localhost:$port" UPSTREAM_CA_FILE="$T/ours.pem" RATE_LIMIT_ENABLED=false
        make_key "sessions-$port"
        codes='' clients=()
        for _ in 1 2 3 4; do
            ask "$(message hi)"
            codes+=$CODE
        done
        expect "four connections" "$codes" 200200200200
        eventually $((5 * SLOW)) noted "$port" 4
        expect "the first is a full handshake, the others are not" "$(sessions "$port")" .rrr
        for _ in $(seq 60); do
            curl -s -o /dev/null -H "x-api-key: $KEY" -d "$(message hi)" "$URL/v1/messages" &
            clients+=($!)
        done
        wait "${clients[@]}"
        eventually $((5 * SLOW)) noted "$port" 64
        expect "sixty at the same time" "$(sessions "$port")" ".$(printf 'r%.0s' $(seq 63))"
        stop_server
    done
fi

# --- sessions that cost a handshake cost no request a second attempt
retries() { curl -fsS "$URL/metrics" | awk '$1 == "llm_api_converter_upstream_retries_total" { print $2 }'; }
if [ $SESSIONS = ours ]; then
    # a server that cannot bear to be offered one: it hangs up
    python3 - "$ONCE_13" "$T/refused" >"$T/bears.port" <<'PY' &
import select, socket, sys, threading
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(8)
print(s.getsockname()[1], flush=True)
def extensions(hello): # RFC 8446 4.1.2
    at = 5 + 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at:at + 2], "big")
    at += 1 + hello[at] + 2
    found = {}
    while at < len(hello):
        size = int.from_bytes(hello[at + 2:at + 4], "big")
        found[int.from_bytes(hello[at:at + 2], "big")] = hello[at + 4:at + 4 + size]
        at += 4 + size
    return found
def relay(c):
    hello = b""
    while len(hello) < 5 or len(hello) < 5 + int.from_bytes(hello[3:5], "big"):
        more = c.recv(65536)
        if not more:
            return c.close()
        hello += more
    found = extensions(hello)
    if 41 in found: # pre_shared_key; 45: psk_key_exchange_modes
        with open(sys.argv[2], "a") as log:
            log.write(found[45].hex() + ";")
        return c.close()
    up = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    up.sendall(hello)
    while True:
        for end in select.select([c, up], [], [])[0]:
            data = end.recv(65536)
            if not data:
                return c.close(), up.close()
            (up if end is c else c).sendall(data)
while True:
    threading.Thread(target=relay, args=(s.accept()[0],), daemon=True).start()
PY
    bears=$!
    eventually 5 test -s "$T/bears.port"
    start_server WORKERS=1 METRICS_TOKEN=off BEDROCK_ENDPOINT_URL="https://localhost:$(cat "$T/bears.port")" UPSTREAM_CA_FILE="$T/ours.pem" RATE_LIMIT_ENABLED=false
    make_key bears
    codes=
    for _ in 1 2 3 4; do
        ask "$(message hi)"
        codes+=$CODE
    done
    expect "a session is refused by hanging up" "$codes" 200200200200
    expect "each but the first was, and would have had new keys (psk_dhe_ke alone)" "$(cat "$T/refused")" "0101;0101;0101;"
    eventually $((3 * SLOW)) eval '[ "$(connects)" -ge 4 ]' # they are counted once a second
    expect "and none was attempted again" "$(retries)" 0
    kill "$bears"
    stop_server

    # the server is another one meanwhile, with the same keys for its tickets
    ONCE=$(free_port)
    openssl rand 80 >"$T/ticket.key"
    another() { # DIRECTIVES
        {
            sed "/^    server {/,\$d; s|nginx/pid|nginx/another.pid|" "$T/nginx.conf"
            once "$ONCE" TLSv1.2 ours-rsa | sed "s|ssl_protocols .*|$1 ssl_session_ticket_key $T/ticket.key;|"
            echo '}'
        } >"$T/another.conf"
        nginx -p "$T/nginx" -c "$T/another.conf" -g 'daemon off;' >>"$T/nginx.log" 2>&1 &
        another=$!
        eventually $((5 * SLOW)) curl -s -o /dev/null --cacert "$T/ours.pem" "https://localhost:$ONCE/health"
    }
    start_server WORKERS=1 METRICS_TOKEN=off BEDROCK_ENDPOINT_URL="https://localhost:$ONCE" UPSTREAM_CA_FILE="$T/ours.pem" RATE_LIMIT_ENABLED=false
    make_key another
    codes=
    for directives in 'ssl_protocols TLSv1.3;' 'ssl_protocols TLSv1.2;' 'ssl_protocols TLSv1.2; ssl_session_tickets off;' \
        'ssl_protocols TLSv1.2;' 'ssl_protocols TLSv1.3;' 'ssl_protocols TLSv1.2;'; do
        another "$directives"
        for _ in 1 2; do
            ask "$(message hi)"
            codes+=$CODE
        done
        kill "$another"
        wait "$another" || true
    done
    expect "of TLS 1.3, of 1.2, without tickets, and back" "$codes" "$(printf '200%.0s' $(seq 12))"
    eventually $((3 * SLOW)) eval '[ "$(connects)" -ge 12 ]' # they are counted once a second
    expect "attempts after the first" "$(retries)" 0
    stop_server
fi

# what an open stream costs a worker, TLS and all: each connection has a context of libcurl's and of its library's own
private_kb() { awk '/^Private_(Clean|Dirty):/ { sum += $2 } END { print sum }' "/proc/$(processes '^worker' | head -1)/smaps_rollup"; }
STREAMS=200
start_server WORKERS=1 BEDROCK_ENDPOINT_URL="https://localhost:$TLS_PORT" UPSTREAM_CA_FILE="$T/ours.pem" RATE_LIMIT_ENABLED=false
make_key streams
script tokens-30,pace-1000 $((STREAMS + 1))
ask_until '^event: message_start' "$(message hi '{"stream":true}')" # what the first one costs is nobody's
expect "a stream that goes on" "$CODE" 200
body=$(message hi '{"stream":true}')
printf 'POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: %s\r\nContent-Length: %d\r\n\r\n%s' "$KEY" "${#body}" "$body" >"$T/request"
quiet=$(private_kb)
mkfifo "$T/hold"
"$BUILD/stuck-readers" 127.0.0.1 "$PORT" "$T/request" $STREAMS <"$T/hold" >"$T/stuck" &
exec {holder}>"$T/hold"
eventually $((10 * SLOW)) grep -q open "$T/stuck"
sleep 5
each_kb=$((($(private_kb) - quiet) / STREAMS))
expect_match "all streams are open" "$(curl -fsS "$MOCK_URL/__ledger" | jq -r .aborts)" '^[01]$'
exec {holder}>&-
echo "  $each_kb KiB a stream over TLS"
# OpenSSL 3.5 (Debian 13) needs more than 3.0 (12): a context 19 KiB for 14, a connection 16 for 9 before its handshake
most=60
if ldd "$PROGRAM" 2>/dev/null | grep -q libssl && [[ $(openssl version) != "OpenSSL 3.0."* ]]; then most=120; fi
case $BUILD in */asan) ;; *) expect_below "KiB of a stream over TLS" "$each_kb" $most ;; esac
finish
