# shellcheck shell=bash
# clock.sh - a calendar that is moved (clock_shim.c), for 47_clock.sh and for MONTH_ENDS_IN of run.sh. Sourced.

# make_clock FILE.so: the shim, compiled
make_clock() { "${SHIM_CC:-gcc}" -O2 -fPIC -shared -D_GNU_SOURCE -o "$1" "$(dirname "${BASH_SOURCE[0]}")/clock_shim.c"; }

# shift_clock FILE MS: the clocks that follow FILE are MS off from now on (all 8 bytes in one write)
shift_clock() {
    local i fd bytes=
    for i in 0 1 2 3 4 5 6 7; do
        printf -v bytes '%s\\x%02x' "$bytes" $((($2 >> (8 * i)) & 255))
    done
    exec {fd}<>"$1"
    printf '%b' "$bytes" >&"$fd"
    exec {fd}>&-
}
