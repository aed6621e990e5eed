#!/usr/bin/env bash
# What the READMEs say of settings, routes, metrics, commands, targets, files and clients is what the program (`docs`), the Makefile
# and the tree have, and what `docs` prints is what a running server does. Both languages of README.md have the same commands.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1
mapfile -t READMES < <(find README*.md {server,shm,worker,master,docker,tests,findings} -name node_modules -prune -o -name '*.md' -print | sort)

for table in settings basics routes metrics commands models; do
    run -- docs "$table"
    expect "docs $table" "$CODE $(wc -c <"$T/err")" "0 0"
    cp "$T/out" "$T/$table.md"
    expect "docs $table: each line is a row, a sentence or empty" "$(grep -cvE '^(\| .* \||\|(---\|)+|`[a-z_]+`, by `[a-z]+`:|For tuning:|)$' "$T/$table.md")" 0
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
printf 'a\n<!-- docs:routes:begin (x) -->\nold\n<!-- docs:routes:end -->\nb\n<!-- docs:settings:begin -->\n<!-- docs:settings:end -->\nc\n' >"$T/tree/worker/README.md"
printf 'untouched\n' >"$T/tree/README.md"
expect "an old table is found" "$(B=bin "$T/tree/scripts/docs.sh" --check 2>&1)" "docs: worker/README.md: a generated table is out of date; run make docs"
expect "it is put in" "$(B=bin "$T/tree/scripts/docs.sh" 2>&1)" "docs: worker/README.md updated"
expect "between the marks" "$(cat "$T/tree/worker/README.md")" "$(echo a; echo '<!-- docs:routes:begin (x) -->'; cat "$T/routes.md"
    printf '%s\n' '<!-- docs:routes:end -->' b '<!-- docs:settings:begin -->'; cat "$T/settings.md"; printf '%s\n' '<!-- docs:settings:end -->' c)"
expect "and is then up to date" "$(B=bin "$T/tree/scripts/docs.sh" --check 2>&1)" ""
printf '<!-- docs:nothing:begin -->\n<!-- docs:nothing:end -->\n' >"$T/tree/README.md"
expect_match "an unknown table" "$(B=bin "$T/tree/scripts/docs.sh" --check 2>&1; echo "$?")" 'no table is called nothing'

# --- which README has what
tables="README.md:basics server/README.md:settings worker/README.md:routes worker/README.md:metrics worker/README.md:models master/README.md:commands"
expect "each table stands in the README of its room, once" "$(grep -oE '<!-- docs:[a-z]+:begin' "${READMES[@]}" | sed 's/<!-- docs://; s/:begin//' | sort | xargs)" \
    "$(xargs -n1 <<<"$tables" | sort | xargs)"
expect "tables in the READMEs" "$(B=${BUILD#"$ROOT"/} scripts/docs.sh --check 2>&1)" ""
for file in README.md README.zh-CN.md; do
    expect_below "lines of $file" "$(wc -l <"$file")" 220
done

# --- what they name exists: files, headings, targets, commands, settings
code() { # FILE: its code, a span or a fenced line each
    awk '/^ *```/ { fence = !fence; next }
        fence { print; next }
        { n = split($0, part, "`"); for (i = 2; i < n; i += 2) print part[i] }' "$1"
}
anchors() { sed -nE 's/^#+ +//p; s/^<a id="(.*)"><\/a>$/\1/p' "$1" | tr '[:upper:]' '[:lower:]' | sed -E 's/[^[:alnum:]_ -]//g; s/ /-/g'; }
all_code=$(for file in "${READMES[@]}"; do code "$file"; done | sort -u)
for file in "${READMES[@]}"; do
    folder=$(dirname "$file")
    for link in $(grep -oE '\]\([^)]+\)' "$file" | sed 's/^](//; s/)$//' | grep -v '^https:'); do
        to=${link%%#*}
        to=${to:+$folder/$to}
        to=${to:-$file}
        expect_true "$file links to $to, which exists" test -e "$to"
        [[ $link != *'#'* ]] || expect_true "$file links to a heading: $link" grep -qxF -- "${link#*#}" <(anchors "$to")
    done
    # of the tree as a whole, or of the file's own folder; not where a word in capitals stands for a name
    for path in $(grep -oE '(^|[^A-Za-z0-9_./-])(docker|scripts|tests|server|shm|worker|master|findings|\.ci)/[A-Za-z0-9_./*-]+' "$file" |
        sed -E 's/^[^a-z.]//; s/[.*]+$//' | grep -vE '(^|[/_])(ROOM|WING|NOUN|NAME|NN|CONVERTER)([/_.]|$)' | sort -u); do
        expect_true "$file names $path, which exists" test -e "$path" -o -e "$path.c" -o -e "$folder/$path"
    done
done
expect_true "there is code in the READMEs" test "$(wc -l <<<"$all_code")" -gt 500
for target in $(grep -oE '(^|[;&] )(nice )?make( [A-Z_]+=[^ ]*)*( [a-z][a-z-]*)?( |$)' <<<"$all_code" | sed -E 's/.*make//; s/ [A-Z_]+=[^ ]*//g' | sort -u); do
    expect_true "make $target exists" grep -qE "^$target:" Makefile
done
for target in run check docs lint unit system clients torture fuzz image cov bench release help; do
    expect_true "a README tells of make $target" grep -qE "(^| )make( [A-Z]+=[^ ]*)* $target( |\$)" <<<"$all_code"
done
while read -r command options; do
    option=$(jq -r --arg c "$command" '[.[] | select(.name == $c).options[] | "--\(.name)", "-\(.letter // "-")"] | .[]' "$T/commands.json")
    expect_true "$command is a subcommand" jq -e --arg c "$command" 'any(.[]; .name == $c)' "$T/commands.json"
    for word in $(grep -oE -- '(^|[ [|])--?[a-z][a-z-]*' <<<"$options" | tr -d ' [|'); do
        expect_true "$command has the option $word" grep -qxF -- "$word" <<<"$option"
    done
done < <(sed -nE 's,.*llm-api-converter ([a-z][a-z-]+)(.*),\1 \2,p' <<<"$all_code" | grep -v '^[a-z-]* *,' | sed 's/ #.*//' | sort -u)
settings=$(jq -r '.[] | .name, (.aliases[]?), (.alias // empty)' "$T/settings.json")
clients='ANTHROPIC_API_KEY|ANTHROPIC_BASE_URL|OPENAI_API_KEY|OPENAI_BASE_URL|OPENAI_API_BASE|CLAUDE_CODE_AUTO_MODE_SERVER|CLAUDE_CODE_AUTO_COMPACT_WINDOW|CLAUDE_CODE_USE_BEDROCK|ANTHROPIC_BEDROCK_BASE_URL'
for name in $(for file in README.md README.zh-CN.md; do code "$file"; done | grep -oE '\b[A-Z]+(_[A-Z]+)+\b' | grep -vxE "$clients" | sort -u); do
    expect_true "README names the setting $name, which exists" grep -qxF "$name" <<<"$settings"
done

# --- both languages say the same: headings, commands, client lines
fenced() { awk '/^```/ { on = !on; next } on' "$1" | sed -E 's/ +#.*//'; }
within() { sed -n "/<!-- $1:begin/,/<!-- $1:end/p" "$2"; }
expect "headings of the Chinese README" "$(grep -c '^#' README.zh-CN.md)" "$(grep -c '^#' README.md)"
expect "commands of the Chinese README" "$(diff <(fenced README.md) <(fenced README.zh-CN.md))" ""
within clients README.md >"$T/clients.md"
within clients README.zh-CN.md >"$T/clients.zh.md"
basics() { sed -n "/<!-- $1:begin/,/<!-- $1:end/p" "$2" | grep '^| `' | cut -d'|' -f2,3; }
expect "settings of the Chinese README" "$(diff <(basics docs:basics README.md) <(basics basics README.zh-CN.md))" ""
expect "client lines of the Chinese README" "$(diff <(code "$T/clients.md") <(code "$T/clients.zh.md"))" ""

# --- a running server has the families, types, labels and values of `docs metrics`, and the routes of `docs routes`
start_mock
start_server METRICS_TOKEN=off BEDROCK_LANES="us-west-2=$MOCK_URL" BEDROCK_ENDPOINT_URL=
call /metrics
shown() { # name, type, labels, help of each family in the answer
    awk '/^# HELP / { help = $0; sub(/^# HELP [^ ]* /, "", help); next }
        /^# TYPE / { name = $3; type = $4; sub(/^llm_api_converter_/, "", name); fresh = 1; next }
        fresh { fresh = 0; labels = ""
            if (match($0, /[{].*[}]/)) { labels = substr($0, RSTART + 1, RLENGTH - 2); gsub(/="[^"]*"/, "", labels); sub(/(^|,)le$/, "", labels) }
            print name "|" type "|" labels "|" help }' "$T/body"
}
expect "metrics: /metrics" "$(diff <(jq -r '.metrics[] | [.name, .type, (.labels | join(",")), .meaning] | join("|")' "$T/metrics.json") <(shown))" ""
expect "reasons and types: /metrics" "$(jq -r '.values[].value' "$T/metrics.json" | sort)" \
    "$(sed -nE 's/^llm_api_converter_(refusals|refusals_cured|upstream_errors)_total\{[a-z]+="([^"]*)"\} .*/\2/p' "$T/body" | sort)"
while IFS=$'\t' read -r method path caller; do
    call "${path/\{id\}/x}" -X "$method" ${method:+$([ "$method" = HEAD ] && echo -I)}
    [ "$path" = /metrics ] && caller=anybody # METRICS_TOKEN=off
    if [ "$caller" = anybody ]; then
        expect_match "$method $path is for anybody" "$CODE" '^(200|204|400)$'
    else
        case $path in /model/* | /inference-profiles | /foundation-models) code=403 ;; *) code=401 ;; esac # AWS's own says 403
        expect "$method $path needs a key" "$CODE" "$code"
    fi
done < <(jq -r '.[] | .path as $p | .caller as $c | .methods[] | [., $p, $c] | @tsv' "$T/routes.json")
# --- the client lines, and the commands for a team, at that server
MODEL=$(grep -oE '"models": \{"[^"]+' "$T/clients.md" | sed 's/.*"//')
asked=0
reaches() { # BASE PATH STATUS
    asked=$((asked + 1))
    local words='"max_tokens":9,"messages"'
    [ "$2" != /responses ] || words='"input"'
    local model="\"model\":\"$MODEL\""
    [[ $2 != */invoke ]] || model='"anthropic_version":"bedrock-2023-05-31"'
    call "${1/#http:\/\/localhost:8000}$2" -H "x-api-key: $KEY" -d "{$model,$words:[{\"role\":\"user\",\"content\":\"Hi\"}]}"
    expect "client line: $1 and $2" "$CODE" "$3"
}
addresses() { grep -oE "$1" "$T/clients.md" | grep -oE 'http://[^ "`]+' | sort -u; }
make_key clients
for base in $(addresses 'ANTHROPIC_BASE_URL=[^ ]+'); do reaches "$base" /v1/messages 200; done
for base in $(addresses '"@ai-sdk/anthropic", "options": \{"baseURL": "[^"]+'); do reaches "$base" /messages 200; done
for base in $(addresses '(OPENAI_BASE_URL=|OPENAI_API_BASE=|apiBase: "|Base URL: `)[^ "`]+'); do reaches "$base" /chat/completions 200; done
for base in $(addresses 'base_url = "[^"]+'); do reaches "$base" /responses 200; done
for base in $(addresses 'ANTHROPIC_BEDROCK_BASE_URL=[^ ]+'); do reaches "$base" "/model/$MODEL/invoke" 200; done
expect "every address was tried" "$asked $(addresses 'http://[^ "`]+' | xargs)" "5 http://localhost:8000 http://localhost:8000/bedrock http://localhost:8000/v1"
expect_true "OpenCode's line is JSON" jq -e .provider <<<"$(code "$T/clients.md" | grep '^{')"
for name in $(code "$T/clients.md" | grep -oE '"?model"?: [a-z0-9-]+|openai/[a-z0-9-]+|^claude-[a-z0-9-]+' | sed -E 's/.*(: |\/)//' | sort -u); do
    expect "client lines: one model" "$name" "$MODEL"
done
packages=tests/clients/node_modules
if [ -d $packages/openai ] && [ -d $packages/@anthropic-ai/sdk ]; then
    expect_true "the SDKs know the variables" grep -qE 'ANTHROPIC_BASE_URL' $packages/@anthropic-ai/sdk/client.js
    expect_true "the SDKs know the variables" grep -qE 'OPENAI_BASE_URL' $packages/openai/client.js
else
    skip "whether the SDKs know the variables: make clients installs them"
fi
while read -r line; do
    read -ra words <<<"$(sed "s/KEY-ID/$KEY_ID/; s/'//g" <<<"$line")"
    run -- "${words[@]:1}"
    expect "README: ${words[1]}" "$CODE $(head -c 300 "$T/err")" "0 "
done < <(fenced README.md | grep '^build/llm-api-converter ')
finish
