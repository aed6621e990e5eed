# shellcheck shell=bash
# pairs.sh - two servers that differ in one thing only, loaded in turn so that whatever else the machine does meets both;
# and many such couples: two processes of one and the same program differ by up to 8 % by where their memory lies.
# CPU is that of the workers, in nanoseconds out of /proc/<pid>/schedstat. Needs wrk. Sourced by sandbox.sh and against.sh:
#
#   pairs_settings() { ... }   # NAME: sets SETTINGS (an array of NAME=VALUE), PROGRAM and perhaps LOAD for the server of that name
#   pairs_run on off           # COUPLES=16 PAIRS=3 SECONDS_EACH=1 CONNECTIONS=8 LOAD=messages|chat|responses|invoke
# shellcheck source=tests/system/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../system/lib.sh"
declare -A pids urls

pairs_body() { # of one request
    case ${LOAD:-messages} in
    messages) message hi ;;
    chat) MODEL=qwen.qwen3-coder-480b-a35b-v1:0 message hi ;;
    invoke) message hi | jq -c '{anthropic_version: "bedrock-2023-05-31"} + del(.model)' ;;
    responses) echo '{"model":"qwen.qwen3-coder-480b-a35b-v1:0","max_output_tokens":100,"input":"hi"}' ;;
    esac
}
pairs_path() {
    case ${LOAD:-messages} in
    messages) echo /v1/messages ;;
    chat) echo /v1/chat/completions ;;
    responses) echo /v1/responses ;;
    invoke) echo "/model/$MODEL/invoke" ;;
    esac
}

pairs_start() { # NAME
    rm -rf "${T:?}/$1"
    PORT=$(free_port)
    SETTINGS=()
    pairs_settings "$1"
    start_server STATE_DIR="$T/$1" RATE_LIMIT_ENABLED=false LOG_LEVEL=warn USAGE_JOURNAL=memory "${SETTINGS[@]}"
    run STATE_DIR="$T/$1" -- create-api-key -u bench -n bench --output json
    printf 'wrk.method = "POST"\nwrk.headers["x-api-key"] = "%s"\nwrk.headers["content-type"] = "application/json"\nwrk.body = [[%s]]\n' \
        "$(jq -r .api_key "$T/out")" "$(pairs_body)" >"$T/$1.lua"
    pids[$1]=$SERVER_PID
    urls[$1]=$URL$(pairs_path)
}
pairs_cpu() { # MASTER_PID: ns of its workers
    local pid sum=0
    for pid in $(cat "/proc/$1/task/$1/children"); do
        [[ $(<"/proc/$pid/comm") == *worker* ]] && sum=$((sum + $(cut -d' ' -f1 "/proc/$pid/schedstat")))
    done
    echo "$sum"
}
pairs_burst() { # NAME: ns per request, and adds to the count
    local before after n
    before=$(pairs_cpu "${pids[$1]}")
    wrk -t1 -c"${CONNECTIONS:-8}" -d"${SECONDS_EACH:-1}s" --latency -s "$T/$1.lua" "${urls[$1]}" >"$T/wrk"
    after=$(pairs_cpu "${pids[$1]}")
    grep -q Non-2xx "$T/wrk" && echo "pairs: some requests were refused by $1" >&2
    n=$(awk '/requests in/ { print $1 }' "$T/wrk")
    echo "$n" >>"$T/$1.count"
    awk '$1 == "50%" { print $2 * ($2 ~ /ms$/ ? 1000 : 1) }' "$T/wrk" >"$T/$1.last" # us
    echo $(((after - before) / n))
}
pairs_median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

pairs_couple() { # A B FIRST SECOND: the two names, and in which order they start
    local a b i
    pairs_start "$3"
    pairs_start "$4"
    pairs_burst "$1" >/dev/null # warm
    pairs_burst "$2" >/dev/null
    for i in $(seq "${PAIRS:-3}"); do
        if ((i % 2)); then
            a=$(pairs_burst "$1") b=$(pairs_burst "$2")
        else
            b=$(pairs_burst "$2") a=$(pairs_burst "$1")
        fi
        cat "$T/$1.last" >>"$T/$1.p50"
        cat "$T/$2.last" >>"$T/$2.p50"
        echo "$a" >>"$T/$1.ns"
        echo "$b" >>"$T/$2.ns"
        awk -v a="$a" -v b="$b" 'BEGIN { printf "%.4f\n", a / b }' >>"$T/ratio"
    done
    kill "${pids[@]}"
    wait "${pids[@]}" 2>/dev/null
    pids=()
    SERVER_PID=
}

pairs_run() { # A B
    local i name
    rm -f "$T"/*.ns "$T"/*.count "$T"/*.p50 "$T/ratio"
    [ -n "$MOCK_PID" ] || start_mock
    for i in $(seq "${COUPLES:-16}"); do
        if ((i % 2)); then pairs_couple "$1" "$2" "$1" "$2"; else pairs_couple "$1" "$2" "$2" "$1"; fi
        echo "  couple $i: ratio so far $(pairs_median <"$T/ratio")"
    done
    for name in "$1" "$2"; do
        echo "$name: $(pairs_median <"$T/$name.ns") ns of CPU a request, median of $(wc -l <"$T/$name.ns") bursts, $(awk '{ n += $1 } END { print n }' "$T/$name.count") requests"
    done
    echo "ratio $1/$2: $(pairs_median <"$T/ratio") (median of the pairs' ratios; load: ${LOAD:-messages})"
}
