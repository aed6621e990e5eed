#!/usr/bin/env bash
# What the README says of settings, routes and targets is what the program and the Makefile have.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1

expect "table of settings in README" "$(B=${BUILD#"$ROOT"/} scripts/docs.sh --check 2>&1)" ""
for target in $(grep -oE '`make [a-z]+' README.md | sed 's/`make //' | sort -u); do
    expect_true "make $target exists" grep -qE "^$target:" Makefile
done
for command in $(sed -n '/} commands\[\]/,/^};/s/^ *{"\([a-z-]*\)".*/\1/p' master/main.c); do
    expect_true "README names the subcommand $command" grep -qE "^\\|.*\`$command" README.md
done
for path in $(grep -oE '^ *\{"[^"]+"' worker/exchange/routes.c | sed 's/.*"\(.*\)"/\1/; s/{prefix}/\/v1/; s/\*.*//'); do
    expect_true "README names the route $path" grep -qF -- "$path" README.md
done
for file in $(grep -oE '\(?(docker|scripts|tests|server|shm|worker|master)/[A-Za-z0-9_./-]+' README.md | tr -d '(' | sort -u); do
    file=${file%.}
    expect_true "README names $file, which exists" test -e "$file" -o -e "$file.c"
done

# The tables of "Metrics" against /metrics itself and the table of reasons and types it prints from.
families() { # of the last answer, as the README's rows
    awk '/^# HELP / { help = $0; sub(/^# HELP [^ ]* /, "", help); next }
        /^# TYPE / { name = $3; type = $4; sub(/^llm_api_converter_/, "", name); fresh = 1; next }
        fresh { fresh = 0; labels = ""
            if (match($0, /[{].*[}]/)) { labels = substr($0, RSTART + 1, RLENGTH - 2); gsub(/="[^"]*"/, "", labels)
                sub(/,le$/, "", labels); gsub(/,/, "`, `", labels); labels = "`" labels "`" }
            print "| `" name "` | " type " | " labels " | " help " |" }' "$T/body" | sort
}
rows() { awk -v title="## $2" '/^## / { inside = $0 == title } inside' "$1" | grep -E "^\| \`[A-Za-z_0-9]+\` \| $3" | sort; }
values() { sed -n '/define COUNTERS_REFUSALS/,/^enum counter/s/^ *X([A-Z_0-9]*, "\([^"]*\)", "\([^"]*\)").*/| `\1` | \2 |/p' shm/memory/counters.h | sort; }
KINDS='(counter|gauge|histogram) \|'
start_mock
start_server METRICS_AUTH=off
call /metrics
expect_true "there are families" test "$(families | wc -l)" -gt 40
expect "metrics: README" "$(diff <(families) <(rows README.md Metrics "$KINDS"))" ""
expect "metrics: README.zh-CN, but the meanings" "$(diff <(families | cut -d'|' -f1-4) <(rows README.zh-CN.md 指标 "$KINDS" | cut -d'|' -f1-4))" ""
expect "reasons and types: README" "$(diff <(values) <(rows README.md Metrics '[^|]*\|$'))" ""
expect "reasons and types: README.zh-CN" "$(diff <(values | cut -d'|' -f2) <(rows README.zh-CN.md 指标 '[^|]*\|$' | cut -d'|' -f2))" ""
expect "reasons and types: /metrics" "$(values | cut -d'`' -f2 | sort)" "$(sed -nE 's/^llm_api_converter_(refusals|upstream_errors)_total\{[a-z]+="([^"]*)"\} .*/\2/p' "$T/body" | sort)"
finish
