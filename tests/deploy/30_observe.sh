#!/usr/bin/env bash
# docker/observe: promtool's judgement of rules and metrics, each rule on recorded series, and Prometheus itself against
# the running gateway: with METRICS_TOKEN it may scrape, and every query of dashboard and rules has data.
# shellcheck source=tests/deploy/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT/docker/observe" || exit 1
unpacked prometheus usr/bin/promtool
PROMTOOL=$UNPACKED
need_pip yaml pyyaml
python=$TOOLS/venv/bin/python

# --- rules
as_json() { "$python" -c 'import sys, json, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)' <"$1"; }
as_json alerts.yaml >"$T/alerts.json"
as_json alerts_test.yaml >"$T/tests.json"
expect_match "promtool check rules" "$("$PROMTOOL" check rules alerts.yaml 2>&1)" "SUCCESS: $(jq '[.groups[].rules[]] | length' "$T/alerts.json") rules found"
expect_true "promtool test rules" "$PROMTOOL" test rules alerts_test.yaml
rules=$(jq -r '.groups[].rules[].alert' "$T/alerts.json" | sort)
expect "each rule is made to fire" "$(jq -r '.tests[].alert_rule_test[] | select(.exp_alerts != []) | .alertname' "$T/tests.json" | sort)" "$rules"
expect "each rule is quiet on the good day, five times asked" "$(jq -r '.tests[0].alert_rule_test[] | select(.exp_alerts == []) | .alertname' "$T/tests.json" | sort | uniq -c | awk '{ print $1, $2 }')" \
    "$(sed 's/^/5 /' <<<"$rules")"
# A rule that can never fire, and one that always does, are found by these tests.
for spoil in 's/ > 300/ > 3000000/' 's/models\{why!="not_offered_here"\}/models/' 's/\) >= 20$/) >= 2/' 's/ >= 10$/ >= 1000/' 's/reason="queue"/reason="rate"/' 's/ > 300/ > 3/' 's/workers_ready == 0/workers_ready == 2/' 's/_price_unknown_total\[1h\]/_price_known_total[1h]/'; do
    mkdir -p "$T/spoilt"
    sed -E "$spoil" alerts.yaml >"$T/spoilt/alerts.yaml"
    cp alerts_test.yaml "$T/spoilt/"
    expect_true "spoilt by $spoil: a test fails" bash -c '! "$1" test rules "$2/alerts_test.yaml"' - "$PROMTOOL" "$T/spoilt"
done
run -- docs metrics --output json
jq -r '.prefix as $p | .metrics[] | $p + .name + (if .type == "histogram" then "\n" + $p + .name + "_bucket\n" + $p + .name + "_count\n" + $p + .name + "_sum" else "" end)' "$T/out" |
    sort >"$T/names"
jq -r '.panels[].targets[]?.expr' dashboard.json >"$T/dashboard.queries"
jq -r '.groups[].rules[].expr' "$T/alerts.json" >"$T/rule.names"
expect "every metric that is asked for exists" "$(cat "$T/dashboard.queries" "$T/rule.names" | grep -oE 'llm_api_converter_[a-z0-9_]+' | sort -u | comm -23 - "$T/names")" ""

# --- the dashboard as Grafana reads it
expect_true "dashboard.json" jq -e '.title and .uid and .schemaVersion and (.panels | length > 20)' dashboard.json
expect "no id twice" "$(jq -r '.panels[].id' dashboard.json | sort | uniq -d)" ""
expect "each panel has a title and queries" "$(jq '[.panels[] | select(.type != "row") | select((.title | not) or (.targets | length == 0))] | length' dashboard.json)" 0
expect "no panel lies on another" "$(jq '[.panels as $p | range($p | length) as $i | range($i) as $j | $p[$i].gridPos as $a | $p[$j].gridPos as $b
    | select($a.x < $b.x + $b.w and $b.x < $a.x + $a.w and $a.y < $b.y + $b.h and $b.y < $a.y + $a.h)] | length' dashboard.json)" 0

# --- for real
TOKEN=scrape-0123456789abcdef
start_mock
start_server METRICS_TOKEN=$TOKEN RATE_LIMIT_REQUESTS_PER_WINDOW=40 KEEPALIVE_TIMEOUT=2 QUEUE_SECONDS=5 \
    AWS_REGION=us-west-2 BEDROCK_ENDPOINT_URL= "BEDROCK_LANES=us-west-2=$MOCK_URL,us-east-1=$MOCK_URL"
make_key alice
mkdir "$T/prometheus"
printf %s "$TOKEN" >"$T/prometheus/token"
WEB=127.0.0.1:$(free_port)
sed "s#/run/secrets/metrics_token#$T/prometheus/token#; s#/etc/prometheus/alerts.yaml#$PWD/alerts.yaml#; s#gateway:8000#127.0.0.1:$PORT#; s#15s#1s#" \
    prometheus.yaml >"$T/prometheus/prometheus.yaml"
expect_match "promtool check config" "$("$PROMTOOL" check config "$T/prometheus/prometheus.yaml" 2>&1)" 'SUCCESS: .* is valid prometheus config'
curl -fsS -H "authorization: Bearer $TOKEN" "$URL/metrics" >"$T/metrics"
expect "promtool check metrics" "$("$PROMTOOL" check metrics <"$T/metrics" 2>&1)" ""
"${PROMTOOL%/*}/prometheus" --config.file="$T/prometheus/prometheus.yaml" --storage.tsdb.path="$T/prometheus/data" --web.listen-address="$WEB" \
    >"$T/prometheus/log" 2>&1 &
PROMETHEUS=$!
trap 'kill $PROMETHEUS 2>/dev/null; wait $PROMETHEUS 2>/dev/null; cleanup' EXIT
ask_prometheus() { curl -sS --max-time 5 --data-urlencode "query=$1" "http://$WEB/api/v1/query"; }
scraped() { [ "$(ask_prometheus 'up{job="llm-api-converter"}' | jq -r '.data.result[0].value[1]')" = 1 ]; }
expect_true "Prometheus scrapes with the token" eventually 20 scraped

# Some of everything, for some twenty scrapes.
for round in $(seq 20); do
    ask "$(message hello)"
    ask "$(message hello '{"stream":true}')"
    call /v1/chat/completions -H "authorization: Bearer $KEY" -d "$(message hello)"
    case $round in
    3 | 9 | 15 | 19) script throttle 5 && ask "$(message hello)" ;;
    4 | 10) script cut && ask "$(message hello '{"stream":true}')" ;;
    5 | 11) call /v1/messages -d '{}' ;;
    6 | 12) call /nothing ;;
    esac
    sleep 0.9
done
# A slow machine: its window has moved on.
for _ in $(seq 60); do
    [ "$CODE" != 429 ] || break
    ask "$(message hello)"
done
expect "the last was over its limit" "$CODE" 429

# A query as Grafana sends it; the thresholds of a rule taken away, since nothing burns here.
has_data() { ask_prometheus "$1" | jq -e '.status == "success" and ([.data.result[].value[1] | select(. != "NaN")] | length > 0)' >/dev/null; }
asked=0
while IFS= read -r query; do
    query=${query//\$__rate_interval/20s}
    query=${query//\$instance/.*}
    asked=$((asked + 1))
    expect_true "the dashboard's query has data: $query" has_data "$query"
done <"$T/dashboard.queries"
while IFS= read -r query; do
    asked=$((asked + 1))
    expect_true "the rule's query has data: $query" has_data "$(sed -E 's/ (>|>=|==) [0-9.]+//g; s/\[[0-9]+[mh]\]/[20s]/g; s/\[[0-9]+m:1m\]/[20s:1s]/g' <<<"$query")"
done < <(jq -r '.groups[].rules[].expr | gsub("\n"; " ")' "$T/alerts.json")
echo "  $asked queries asked of $("${PROMTOOL%/*}/prometheus" --version 2>&1 | head -1 | cut -d, -f1,2 | cut -d' ' -f1-3)"
expect "Prometheus takes every rule for good" "$(curl -sS "http://$WEB/api/v1/rules" | jq -r '[.data.groups[].rules[].health] | unique | join(" ")')" ok
expect "its variable has the instance" "$(curl -sS "http://$WEB/api/v1/label/instance/values" | jq -r '.data[]')" "127.0.0.1:$PORT"

# --- it may do nothing else, and without it nothing
expect "the scraper's token at a model" "$(curl -s -o /dev/null -w '%{http_code}' -H "x-api-key: $TOKEN" -d "$(message hello)" "$URL/v1/messages")" 401
stop_server
start_server METRICS_TOKEN=another-0123456789abcdef
refused() { [ "$(ask_prometheus 'up{job="llm-api-converter"}' | jq -r '.data.result[0].value[1]')" = 0 ]; }
expect_true "with another token it is down for Prometheus" eventually 20 refused
finish
