#!/usr/bin/env bash
# The benchmark: the mock Bedrock alone, nginx as a plain reverse proxy in front of it, and this server, in one
# run on one machine, so that ratios mean something where absolute figures do not. Each measurement is made in
# several rounds, all servers in turn; the ratios are medians over the rounds. Writes build/bench.json.
# Needs nginx and wrk (scripts/install-deps.sh --dev). Loopback only; everything it starts is ended by pid.
# usage: tests/bench/run.sh [seconds per measurement, default 3 [rounds, default 3]]
set -euo pipefail
cd "$(dirname "$0")/../.."
B=${B:-build}
seconds=${1:-3}
rounds=${2:-3}
model=anthropic.claude-sonnet-4-5-20250929-v1:0
work=$(mktemp -d)
pids=()
finish() {
    if [ ${#pids[@]} -gt 0 ]; then kill "${pids[@]}" 2>/dev/null || true; fi
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
for tool in nginx wrk jq; do
    command -v "$tool" >/dev/null || { echo "bench: $tool is missing; run scripts/install-deps.sh --dev" >&2; exit 2; }
done

free_port() { # a port nobody listens on now, below those of outgoing connections: a client that waits for it
              # in a loop could be given it, and connect to itself
    local p
    while :; do
        p=$((10000 + RANDOM % 20000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null; then
            echo "$p"
            return
        fi
    done
}
wait_http() { # URL
    for _ in $(seq 200); do
        curl -fsS -o /dev/null "$1" 2>/dev/null && return
        sleep 0.02
    done
    echo "bench: $1 does not answer" >&2
    exit 1
}

# --- the three servers -----------------------------------------------------------------------------
mock_port=$(free_port)
"$B/mock-bedrock" --port "$mock_port" --no-verify --quiet >"$work/mock.log" 2>&1 &
pids+=($!)
mock_pid=$!
wait_http "http://127.0.0.1:$mock_port/health"

nginx_port=$(free_port)
mkdir -p "$work/nginx"
cat >"$work/nginx.conf" <<CONF
worker_processes 2;
pid $work/nginx/pid;
error_log $work/nginx/error.log;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path $work/nginx/body;
    proxy_temp_path $work/nginx/proxy;
    fastcgi_temp_path $work/nginx/f; uwsgi_temp_path $work/nginx/u; scgi_temp_path $work/nginx/s;
    client_max_body_size 25m;
    client_body_buffer_size 1m;
    keepalive_requests 10000000;
    upstream mock { server 127.0.0.1:$mock_port; keepalive 256; keepalive_requests 10000000; }
    server {
        listen 127.0.0.1:$nginx_port;
        location / { proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
    }
}
CONF
nginx -p "$work/nginx" -c "$work/nginx.conf" -g 'daemon off;' >"$work/nginx.log" 2>&1 &
pids+=($!)
nginx_pid=$!
wait_http "http://127.0.0.1:$nginx_port/health"

our_port=$(free_port)
export STATE_DIR=$work/state STORAGE_BACKEND=sqlite AWS_REGION=us-west-2 AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=bench
export BEDROCK_ENDPOINT_URL=http://127.0.0.1:$mock_port RATE_LIMIT_ENABLED=false WORKERS=2
BENCH_KEY=$("$B/llm-api-converter" create-api-key -u bench -n bench --output json | jq -r .api_key)
export BENCH_KEY
start_ours() {
    PORT=$our_port HOST=127.0.0.1 LOG_LEVEL=warn "$B/llm-api-converter" >"$work/server.log" 2>&1 &
    our_pid=$!
}
# Microseconds from exec to the first byte of a 200. No program is started on the way: that would be measured too.
first_200_us() {
    local began=${EPOCHREALTIME/[.,]/} answer=
    start_ours
    until { exec 3<>"/dev/tcp/127.0.0.1/$our_port"; } 2>/dev/null; do :; done
    printf 'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' >&3
    read -r answer <&3
    first_us=$((${EPOCHREALTIME/[.,]/} - began))
    exec 3>&-
    [[ $answer == "HTTP/1.1 200"* ]] || { echo "bench: /health says $answer" >&2; exit 1; }
}
cold=()
for _ in 1 2 3 4 5; do
    first_200_us
    cold+=("$first_us")
    kill "$our_pid"
    wait "$our_pid" || true
done
cold_us=$(printf '%s\n' "${cold[@]}" | sort -n | sed -n 3p)
start_ours
pids+=("$our_pid")
wait_http "http://127.0.0.1:$our_port/ready"

# --- what is sent ------------------------------------------------------------------------------------
text=$(head -c 900 /dev/zero | tr '\0' 'x')
printf '{"anthropic_version":"bedrock-2023-05-31","max_tokens":64,"messages":[{"role":"user","content":"%s"}]}' "$text" >"$work/bedrock.json"
printf '{"model":"%s","max_tokens":64,"messages":[{"role":"user","content":"%s"}]}' "$model" "$text" >"$work/claude.json"
big=$(head -c 100000 /dev/zero | tr '\0' 'y')
printf '{"anthropic_version":"bedrock-2023-05-31","max_tokens":64,"messages":[{"role":"user","content":"%s"}]}' "$big" >"$work/bedrock-big.json"
printf '{"model":"%s","max_tokens":64,"messages":[{"role":"user","content":"%s"}]}' "$model" "$big" >"$work/claude-big.json"
invoke=/model/${model//:/%3A}/invoke

# --- measuring ---------------------------------------------------------------------------------------
tree() { # a pid and its children
    local p
    echo "$1"
    for p in $(pgrep -P "$1" 2>/dev/null); do tree "$p"; done
}
cpu_us() { # pid [name]: user + system time of a process tree, or of what bears that name in it
    local p ticks=0 hz
    hz=$(getconf CLK_TCK)
    for p in $(tree "$1"); do
        if [ $# -gt 1 ] && [ "$(cat "/proc/$p/comm")" != "$2" ]; then continue; fi
        ticks=$((ticks + $(sed 's/.*) //' "/proc/$p/stat" | awk '{print $12 + $13}'))) # the name may hold blanks
    done
    echo $((ticks * 1000000 / hz))
}
pss_kb() {
    local p sum=0
    for p in $(tree "$1"); do
        sum=$((sum + $(awk '/^Pss:/ {print $2}' "/proc/$p/smaps_rollup")))
    done
    echo "$sum"
}
# The refresher writes the usage records; nginx writes none. Its share is part of the sum and also told apart.
load() { # name pid port path body connections
    local before after out records
    before=$(cpu_us "$2")
    records=$(cpu_us "$2" refresher)
    out=$(BENCH_BODY=$5 wrk -t1 -c"$6" -d"${seconds}s" -s tests/bench/post.lua "http://127.0.0.1:$3$4" | grep '^{')
    sleep 0.5 # the last records are stored within 200 ms
    after=$(cpu_us "$2")
    records=$(($(cpu_us "$2" refresher) - records))
    jq -c --arg name "$1" --argjson c "$6" --argjson cpu $((after - before)) --argjson records "$records" \
        'def per($us): $us / .requests * 10 | floor / 10;
         {name: $name, connections: $c, rps: (.requests / .duration_us * 1000000 | floor), p50_us, p99_us, bad,
          cpu_us_per_request: per($cpu), of_it_usage_records: per($records)}' <<<"$out"
}
line() { jq -r '"  \(.name)  c=\(.connections)  \(.rps) req/s  p50 \(.p50_us) us  p99 \(.p99_us) us  cpu \(.cpu_us_per_request) us/req (usage records \(.of_it_usage_records))  bad \(.bad)"' <<<"$1"; }
all() { # label bedrock-body claude-body connections -> rows
    local row round
    echo "$1" >&2
    for round in $(seq "$rounds"); do
        for spec in "mock $mock_pid $mock_port $invoke $2" "nginx $nginx_pid $nginx_port $invoke $2" "ours $our_pid $our_port /v1/messages $3"; do
            # shellcheck disable=SC2086
            row=$(load $spec "$4")
            line "$row" >&2
            jq -c --arg set "$1" --argjson round "$round" '. + {set: $set, round: $round}' <<<"$row"
        done
    done
}
stream_request() { # port path body key
    {
        printf 'POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n' "$2"
        if [ -n "$4" ]; then printf 'x-api-key: %s\r\n' "$4"; fi
        printf 'Content-Length: %s\r\n\r\n%s' "$(printf %s "$3" | wc -c)" "$3"
    } >"$work/request.$1"
}
streams() { # name port count [hold]
    "$B/bench-streams" 127.0.0.1 "$2" "$work/request.$2" "$3" ${4:+"$4"} | jq -c --arg name "$1" '. + {name: $name}'
}

idle_kb=$(pss_kb "$our_pid")
echo "idle PSS of all our processes: $idle_kb KiB; exec to first 200: $cold_us us" >&2
rows=$(
    all "small, one connection" "$work/bedrock.json" "$work/claude.json" 1
    all "small, 64 connections" "$work/bedrock.json" "$work/claude.json" 64
    all "100 KB, 16 connections" "$work/bedrock-big.json" "$work/claude-big.json" 16
)
paced=$model--pace-20--tokens-64
body='{"anthropic_version":"bedrock-2023-05-31","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}'
ours="{\"model\":\"$paced\",\"max_tokens\":64,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
spath=/model/${paced//:/%3A}/invoke-with-response-stream
stream_request "$mock_port" "$spath" "$body" ""
stream_request "$nginx_port" "$spath" "$body" ""
stream_request "$our_port" /v1/messages "$ours" "$BENCH_KEY"
echo "paced streams (64 tokens, 20 ms)" >&2
streams_rows=$(
    for n in 1 100 500; do
        for who in "mock $mock_port" "nginx $nginx_port" "ours $our_port"; do
            # shellcheck disable=SC2086
            streams $who "$n"
        done
    done
)
jq -r '"  \(.name)  \(.streams) streams  complete \(.complete)  ttft p50 \(.ttft_p50_us) p99 \(.ttft_p99_us) us  gap p50 \(.gap_p50_us) p99 \(.gap_p99_us) us"' <<<"$streams_rows" >&2
streams ours "$our_port" 500 "$work/hold" >/dev/null &
for _ in $(seq 100); do [ -e "$work/hold" ] && break; sleep 0.05; done
loaded_kb=$(pss_kb "$our_pid")
wait $!
echo "PSS with 500 streams open: $loaded_kb KiB" >&2

jq -n --argjson rows "$(jq -s . <<<"$rows")" --argjson streams "$(jq -s . <<<"$streams_rows")" --argjson idle "$idle_kb" \
    --argjson loaded "$loaded_kb" --argjson cold "$cold_us" '
  def median: sort | .[length / 2 | floor];
  def rounds($set; f): [$rows | map(select(.set == $set)) | group_by(.round)[] |
      (map({key: .name, value: .}) | from_entries) | f] | median;
  def cpu($set): rounds($set; .ours.cpu_us_per_request / .nginx.cpu_us_per_request);
  def cpu_but_records($set):
      rounds($set; (.ours.cpu_us_per_request - .ours.of_it_usage_records) / .nginx.cpu_us_per_request);
  def s($n; $name): $streams[] | select(.streams == $n and .name == $name);
  {rows: $rows, streams: $streams, idle_pss_kb: $idle, pss_500_streams_kb: $loaded, exec_to_first_200_us: $cold,
   ratios: {
     cpu_ours_over_nginx_small_c64: cpu("small, 64 connections"),
     cpu_ours_over_nginx_small_c64_without_usage_records: cpu_but_records("small, 64 connections"),
     cpu_ours_over_nginx_100kb: cpu("100 KB, 16 connections"),
     cpu_ours_over_nginx_100kb_without_usage_records: cpu_but_records("100 KB, 16 connections"),
     added_p50_us_c1: rounds("small, one connection"; .ours.p50_us - .mock.p50_us),
     added_p99_us_c1: rounds("small, one connection"; .ours.p99_us - .mock.p99_us),
     nginx_added_p50_us_c1: rounds("small, one connection"; .nginx.p50_us - .mock.p50_us),
     nginx_added_p99_us_c1: rounds("small, one connection"; .nginx.p99_us - .mock.p99_us),
     added_ttft_p99_us_100: (s(100; "ours").ttft_p99_us - s(100; "mock").ttft_p99_us)}}' >build/bench.json
jq .ratios build/bench.json
bad=$(jq '[.rows[].bad] | add' build/bench.json)
[ "$bad" = 0 ] || { echo "bench: $bad answers were not 200" >&2; exit 1; }
