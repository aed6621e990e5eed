#!/usr/bin/env bash
# The whole path through TLS: a throw-away CA, nginx with its certificate in front of the mock. A certificate of
# another CA is refused and the client gets an error, never plain text. Needs nginx and openssl; without them the
# test says so and checks nothing.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

for tool in nginx openssl; do
    command -v "$tool" >/dev/null || { echo "  $NAME: $tool is not installed (scripts/install-deps.sh --dev): skipped"; finish; }
done

make_ca() { # NAME: $T/NAME.pem signs $T/NAME-server.pem for localhost
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
        -keyout "$T/$1.key" -out "$T/$1.pem" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
        -keyout "$T/$1-server.key" -out "$T/$1.csr" 2>/dev/null
    openssl x509 -req -in "$T/$1.csr" -CA "$T/$1.pem" -CAkey "$T/$1.key" -CAcreateserial -days 2 \
        -extfile <(echo subjectAltName=DNS:localhost) -out "$T/$1-server.pem" 2>/dev/null
}
make_ca ours
make_ca strangers

start_mock
TLS_PORT=$(free_port)
mkdir -p "$T/nginx"
cat >"$T/nginx.conf" <<CONF
pid $T/nginx/pid;
error_log $T/nginx/error.log;
events {}
http {
    access_log off;
    client_body_temp_path $T/nginx/a; proxy_temp_path $T/nginx/b; fastcgi_temp_path $T/nginx/c;
    uwsgi_temp_path $T/nginx/d; scgi_temp_path $T/nginx/e;
    server {
        listen 127.0.0.1:$TLS_PORT ssl;
        ssl_certificate $T/ours-server.pem;
        ssl_certificate_key $T/ours-server.key;
        location / {
            proxy_pass $MOCK_URL; proxy_http_version 1.1; proxy_buffering off;
            proxy_set_header Connection ""; proxy_set_header Host localhost:$TLS_PORT;
        }
    }
}
CONF
nginx -p "$T/nginx" -c "$T/nginx.conf" -g 'daemon off;' >"$T/nginx.log" 2>&1 &
eventually 5 curl -s -o /dev/null --cacert "$T/ours.pem" "https://localhost:$TLS_PORT/health"

start_server BEDROCK_ENDPOINT_URL="https://localhost:$TLS_PORT" UPSTREAM_CA_FILE="$T/ours.pem"
make_key tls
ask '{"model":"claude-sonnet-4-5","max_tokens":20,"messages":[{"role":"user","content":"say: hello"}]}'
expect "through TLS" "$CODE" 200
expect_json "answer" '.content[0].text' hello
ask '{"model":"claude-sonnet-4-5","max_tokens":20,"stream":true,"messages":[{"role":"user","content":"say: a b c"}]}'
expect "stream through TLS" "$CODE" 200
expect_match "whole stream" "$(cat "$T/body")" '"type":"message_stop"'
stop_server

start_server BEDROCK_ENDPOINT_URL="https://localhost:$TLS_PORT" UPSTREAM_CA_FILE="$T/strangers.pem"
ask '{"model":"claude-sonnet-4-5","max_tokens":20,"messages":[{"role":"user","content":"say: hello"}]}'
expect "a certificate of another CA" "$CODE" 502
expect_json "error type" '.error.type' api_error
stop_server
start_server BEDROCK_ENDPOINT_URL="https://127.0.0.1:$TLS_PORT" UPSTREAM_CA_FILE="$T/ours.pem"
ask '{"model":"claude-sonnet-4-5","max_tokens":20,"messages":[{"role":"user","content":"say: hello"}]}'
expect "a certificate for another name" "$CODE" 502
finish
