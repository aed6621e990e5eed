#!/usr/bin/env bash
# What the sandbox costs: CPU of the workers per request, two servers that differ only in SANDBOX, loaded in turn so that
# whatever else the machine does meets both; and several such couples, since two processes of one program differ by some
# percent by where their memory lies. Nanoseconds come from /proc/<pid>/schedstat. Needs wrk.
# usage: B=build tests/bench/sandbox.sh      COUPLES=6 PAIRS=12 SECONDS_EACH=1
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
declare -A pids urls

start_one() { # MODE
    rm -rf "${T:?}/$1"
    PORT=$(free_port)
    start_server SANDBOX="$1" STATE_DIR="$T/$1" RATE_LIMIT_ENABLED=false LOG_LEVEL=warn USAGE_JOURNAL=memory USAGE_JOURNAL_RECORDS=200000
    run STATE_DIR="$T/$1" -- create-api-key -u bench -n bench --output json
    printf 'wrk.method = "POST"\nwrk.headers["x-api-key"] = "%s"\nwrk.body = [[%s]]\n' "$(jq -r .api_key "$T/out")" "$(message hi)" >"$T/$1.lua"
    pids[$1]=$SERVER_PID
    urls[$1]=$URL
}
cpu() { # ns of the workers of this master
    local pid sum=0
    for pid in $(cat "/proc/$1/task/$1/children"); do
        [[ $(<"/proc/$pid/comm") == *worker* ]] && sum=$((sum + $(cut -d' ' -f1 "/proc/$pid/schedstat")))
    done
    echo "$sum"
}
burst() { # MODE: ns per request, and adds to the count
    local before after n
    before=$(cpu "${pids[$1]}")
    wrk -t1 -c8 -d"${SECONDS_EACH:-1}s" -s "$T/$1.lua" "${urls[$1]}/v1/messages" >"$T/wrk"
    after=$(cpu "${pids[$1]}")
    grep -q Non-2xx "$T/wrk" && echo "sandbox: some requests were refused" >&2
    n=$(awk '/requests in/ { print $1 }' "$T/wrk")
    echo "$n" >>"$T/$1.count"
    echo $(((after - before) / n))
}
median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
couple() { # FIRST SECOND, by start
    local on off i
    start_one "$1"
    start_one "$2"
    burst on >/dev/null # warm
    burst off >/dev/null
    for i in $(seq "${PAIRS:-12}"); do
        if ((i % 2)); then
            on=$(burst on) off=$(burst off)
        else
            off=$(burst off) on=$(burst on)
        fi
        echo "$on" >>"$T/on.ns"
        echo "$off" >>"$T/off.ns"
        awk -v a="$on" -v b="$off" 'BEGIN { printf "%.4f\n", a / b }' >>"$T/ratio"
    done
    kill "${pids[@]}"
    wait "${pids[@]}" 2>/dev/null
    SERVER_PID=
}

start_mock
for i in $(seq "${COUPLES:-6}"); do
    if ((i % 2)); then couple on off; else couple off on; fi
    echo "  couple $i: ratio so far $(median <"$T/ratio")"
done
echo "sandbox on:  $(median <"$T/on.ns") ns of CPU a request, median of $(wc -l <"$T/on.ns") bursts, $(awk '{ n += $1 } END { print n }' "$T/on.count") requests"
echo "sandbox off: $(median <"$T/off.ns") ns, $(awk '{ n += $1 } END { print n }' "$T/off.count") requests"
echo "ratio: $(median <"$T/ratio") (median of the pairs' ratios)"
