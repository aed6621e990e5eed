#!/usr/bin/env bash
# What the README says of settings, routes, metrics, commands and targets is what the program (`docs`) and the Makefile have,
# and what `docs` prints is what a running server does.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1

for table in settings routes metrics commands; do
    run -- docs "$table"
    expect "docs $table" "$CODE $(wc -c <"$T/err")" "0 0"
    cp "$T/out" "$T/$table.md"
    expect "docs $table: each line is a row, a sentence or empty" "$(grep -cvE '^(\| .* \||\|(---\|)+|`[a-z_]+`, by `[a-z]+`:|)$' "$T/$table.md")" 0
    run -- docs "$table" --output json
    expect_true "docs $table as JSON" jq -e 'length > 1' "$T/out"
    cp "$T/out" "$T/$table.json"
done
run -- docs
expect "docs without a table" "$CODE $(wc -l <"$T/err") $(wc -c <"$T/out")" "2 1 0"
run -- docs settings --output text
expect "docs in another form" "$CODE $(wc -l <"$T/err") $(wc -c <"$T/out")" "2 1 0"
run PORT=x -- docs settings
expect "docs needs no good settings" "$CODE" 0
run -- check-config --markdown
expect "check-config --markdown" "$(cmp "$T/out" "$T/settings.md" 2>&1)" ""
expect "a row for each setting" "$(grep -c '^| `' "$T/settings.md")" "$(jq length "$T/settings.json")"

# --- scripts/docs.sh fills what stands between marks, and nothing else
mkdir -p "$T/tree/scripts" "$T/tree/worker" "$T/tree/bin"
cp scripts/docs.sh "$T/tree/scripts"
ln -s "$PROGRAM" "$T/tree/bin/llm-api-converter"
printf 'a\n<!-- docs:routes:begin (x) -->\nold\n<!-- docs:routes:end -->\nb\n<!-- config:begin -->\n<!-- config:end -->\nc\n' >"$T/tree/worker/README.md"
printf 'untouched\n' >"$T/tree/README.md"
expect "an old table is found" "$(B=bin "$T/tree/scripts/docs.sh" --check 2>&1)" "docs: worker/README.md: a generated table is out of date; run make docs"
expect "it is put in" "$(B=bin "$T/tree/scripts/docs.sh" 2>&1)" "docs: worker/README.md updated"
expect "between the marks" "$(cat "$T/tree/worker/README.md")" "$(echo a; echo '<!-- docs:routes:begin (x) -->'; cat "$T/routes.md"
    printf '%s\n' '<!-- docs:routes:end -->' b '<!-- config:begin -->'; cat "$T/settings.md"; printf '%s\n' '<!-- config:end -->' c)"
expect "and is then up to date" "$(B=bin "$T/tree/scripts/docs.sh" --check 2>&1)" ""
printf '<!-- docs:nothing:begin -->\n<!-- docs:nothing:end -->\n' >"$T/tree/README.md"
expect_match "an unknown table" "$(B=bin "$T/tree/scripts/docs.sh" --check 2>&1; echo "$?")" 'no table is called nothing'

# --- the README
expect "tables in the READMEs" "$(B=${BUILD#"$ROOT"/} scripts/docs.sh --check 2>&1)" ""
for target in $(grep -oE '`make [a-z]+' README.md | sed 's/`make //' | sort -u); do
    expect_true "make $target exists" grep -qE "^$target:" Makefile
done
for command in $(jq -r '.[].name' "$T/commands.json"); do
    expect_true "README names the subcommand $command" grep -qE "^\\|.*\`$command" README.md
done
for path in $(jq -r '.[].path | sub("[{]id[}]$"; "")' "$T/routes.json"); do
    expect_true "README names the route $path" grep -qF -- "$path" README.md
done
for file in $(grep -oE '\(?(docker|scripts|tests|server|shm|worker|master|findings)/[A-Za-z0-9_./-]+' README.md | tr -d '(' | sort -u); do
    file=${file%.}
    expect_true "README names $file, which exists" test -e "$file" -o -e "$file.c"
done
rows() { awk -v title="## $2" '/^## / { inside = $0 == title } inside' "$1" | grep -E "^\| \`[A-Za-z_0-9]+\` \| $3" | sort; }
KINDS='(counter|gauge|histogram) \|'
families() { grep -E "^\| \`[a-z_0-9]+\` \| $KINDS" "$T/metrics.md" | sort; }
values() { grep -E '^\| `[A-Za-z_0-9]+` \| [^|]*\|$' "$T/metrics.md" | sort; }
expect_true "there are families" test "$(families | wc -l)" -gt 40
expect "metrics: README" "$(diff <(families) <(rows README.md Metrics "$KINDS"))" ""
expect "metrics: README.zh-CN, but the meanings" "$(diff <(families | cut -d'|' -f1-4) <(rows README.zh-CN.md 指标 "$KINDS" | cut -d'|' -f1-4))" ""
expect "reasons and types: README" "$(diff <(values) <(rows README.md Metrics '[^|]*\|$'))" ""
expect "reasons and types: README.zh-CN" "$(diff <(values | cut -d'|' -f2) <(rows README.zh-CN.md 指标 '[^|]*\|$' | cut -d'|' -f2))" ""

# --- a running server has the families, types, labels and values of `docs metrics`, and the routes of `docs routes`
start_mock
start_server METRICS_AUTH=off
call /metrics
shown() { # name, type, labels, help of each family in the answer
    awk '/^# HELP / { help = $0; sub(/^# HELP [^ ]* /, "", help); next }
        /^# TYPE / { name = $3; type = $4; sub(/^llm_api_converter_/, "", name); fresh = 1; next }
        fresh { fresh = 0; labels = ""
            if (match($0, /[{].*[}]/)) { labels = substr($0, RSTART + 1, RLENGTH - 2); gsub(/="[^"]*"/, "", labels); sub(/,le$/, "", labels) }
            print name "|" type "|" labels "|" help }' "$T/body"
}
expect "metrics: /metrics" "$(diff <(jq -r '.metrics[] | [.name, .type, (.labels | join(",")), .meaning] | join("|")' "$T/metrics.json") <(shown))" ""
expect "reasons and types: /metrics" "$(jq -r '.values[].value' "$T/metrics.json" | sort)" \
    "$(sed -nE 's/^llm_api_converter_(refusals|upstream_errors)_total\{[a-z]+="([^"]*)"\} .*/\2/p' "$T/body" | sort)"
while IFS=$'\t' read -r method path caller; do
    call "${path/\{id\}/x}" -X "$method" ${method:+$([ "$method" = HEAD ] && echo -I)}
    [ "$path" = /metrics ] && caller=anybody # METRICS_AUTH=off
    if [ "$caller" = anybody ]; then
        expect_match "$method $path is for anybody" "$CODE" '^(200|400)$'
    else
        expect "$method $path needs a key" "$CODE" 401
    fi
done < <(jq -r '.[] | .path as $p | .caller as $c | .methods[] | [., $p, $c] | @tsv' "$T/routes.json")
finish
