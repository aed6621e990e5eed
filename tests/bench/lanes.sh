#!/usr/bin/env bash
# What two lanes cost a request that no lane refuses: CPU of the workers, and the median of what one client waits for its answer.
# Exit 1 when lanes add more than 2 microseconds to that median. See pairs.sh for the method and its knobs; with AGAINST the
# server without lanes is that other build.
# usage: B=build COUPLES=8 tests/bench/lanes.sh
CONNECTIONS=${CONNECTIONS:-1}
# shellcheck source=tests/bench/pairs.sh
. "$(dirname "$0")/pairs.sh"
this=$PROGRAM
pairs_settings() {
    PROGRAM=$this
    case $1 in
    lanes) SETTINGS=(BEDROCK_LANES="us-west-2=$MOCK_URL,us-east-1=$MOCK_URL" BEDROCK_ENDPOINT_URL=) ;;
    home) PROGRAM=${AGAINST:-$this} ;;
    esac
}
pairs_run lanes home
paste "$T/lanes.p50" "$T/home.p50" | awk '
    NF == 2 { a[NR] = $1; d[NR] = $1 - $2 }
    function median(v, n,    i, j, x) {
        for (i = 2; i <= n; i++) { x = v[i]; for (j = i - 1; j > 0 && v[j] > x; j--) v[j + 1] = v[j]; v[j + 1] = x }
        return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
    }
    END {
        if (!NR) exit 1
        added = median(d, NR)
        printf "lanes: a request that nobody refuses waits %.1f us with two lanes, at the median; they add %.1f us, at most 2 (%d bursts in turn)\n", median(a, NR), added, NR
        exit added > 2
    }'
