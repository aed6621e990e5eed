#!/usr/bin/env bash
# docker/MIGRATION.md: the settings that it names are settings, what it says is missing is named by check-config, its
# commands run, and a client of bedrock-access-gateway finds its paths and its key. Both languages say the same.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1

"$PROGRAM" check-config --markdown >"$T/settings"
setting() { grep -qF "\`$1\`" "$T/settings"; }

for guide in docker/MIGRATION.md docker/MIGRATION.zh-CN.md; do
    # Right column: what is here. Left column where the right one says "the same".
    while IFS='|' read -r _ there here _; do
        for name in $(grep -oE '`[A-Z][A-Z_]+[A-Z]' <<<"$here" | tr -d '`'); do
            expect_true "$guide: $name is a setting" setting "$name"
        done
        if [[ $here =~ ^\ (the\ same|相同) ]]; then
            for name in $(grep -oE '`[A-Z][A-Z_]+[A-Z]' <<<"$there" | tr -d '`'); do
                expect_true "$guide: $name is the same" setting "$name"
            done
        elif [[ $here =~ ^\ (nothing|无) ]]; then
            for name in $(grep -oE '`[A-Z][A-Z_]+[A-Z]' <<<"$there" | tr -d '`'); do
                if setting "$name"; then fail "$guide: $name is a setting after all"; else pass; fi
            done
        fi
    done < <(grep -E '^\| `' "$guide")
done
shape() { awk '/^```/ { inside = !inside } !inside && /^#+ / { print $1 } !inside && /^(\||\*)/ { print substr($0, 1, 1) } inside && !/^#/' "$1"; }
expect "both languages: the same headings, rows, points and commands" "$(shape docker/MIGRATION.zh-CN.md)" "$(shape docker/MIGRATION.md)"

# check-config over an elder's settings names those that ask for what is not here
printf '%s\n' RATE_LIMIT_REQUESTS=50 RATE_LIMIT_WINDOW=30 BEDROCK_TIMEOUT_SECS=90 ENABLE_WEB_SEARCH=true MULTI_PROVIDER_ENABLED=true PRINT_PROMPTS=true BEDROCK_PROFILES=a:b GEMINI_ENABLED=true >"$T/old.env"
run -- check-config --env-file old.env
expect "check-config over the old settings: code" "$CODE" 0
for name in ENABLE_WEB_SEARCH MULTI_PROVIDER_ENABLED PRINT_PROMPTS BEDROCK_PROFILES GEMINI_ENABLED; do
    expect_match "check-config names $name" "$(cat "$T/out" "$T/err")" "$name"
done
for row in RATE_LIMIT_REQUESTS_PER_WINDOW:50 RATE_LIMIT_WINDOW_SECONDS:30 BEDROCK_TIMEOUT:90; do
    expect_match "the old name sets ${row%:*}" "$(cat "$T/out")" "${row%:*}[ =]+${row#*:}( |$)"
done

# A client of bedrock-access-gateway: its paths, its key, an application inference profile, its model ids
start_mock
start_server API_PREFIX=/api/v1 MASTER_API_KEY=bedrock
old() { CODE=$(curl -sS -o "$T/body" -w '%{http_code}' --max-time 10 -H 'Authorization: Bearer bedrock' -H 'Content-Type: application/json' "$@"); }
for model in anthropic.claude-3-sonnet-20240229-v1:0 us.amazon.nova-pro-v1:0 arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc123; do
    old "$URL/api/v1/chat/completions" -d '{"model":"'"$model"'","messages":[{"role":"user","content":"Hello!"}]}'
    expect "chat completions with $model" "$CODE" 200
    expect_json "chat completions with $model: object" .object chat.completion
done
old "$URL/api/v1/models"
expect "models" "$CODE" 200
old "$URL/api/v1/embeddings" -d '{"model":"cohere.embed-multilingual-v3","input":"x"}'
expect "no embeddings" "$CODE" 404
stop_server
PORT=
start_server API_PREFIX=/api/v1
old "$URL/api/v1/models"
expect "no default key" "$CODE" 401
for alias in setup_tables create_api_key; do
    run -- $alias --help
    expect "$alias is a name of the subcommand" "$CODE" 0
done
finish
