#!/usr/bin/env bash
# What `make run` does when it has built: without AWS it starts the mock, makes a key and a folder, and takes all of it away.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

PORT=$(free_port)
URL=http://127.0.0.1:$PORT
mkdir "$T/home"
# A session of its own, so that it is ended alone.
setsid env -i PATH="$PATH" HOME="$T/home" USER=visitor PORT="$PORT" HOST=127.0.0.1 STATE_DIR="$T/state" B="$BUILD" AWS_EC2_METADATA_DISABLED=true \
    ASAN_OPTIONS="${ASAN_OPTIONS:-}" LLVM_PROFILE_FILE="${LLVM_PROFILE_FILE:-}" bash "$ROOT/scripts/run.sh" >"$T/run.out" 2>&1 &
RUN_PID=$!
expect_true "it gets ready" eventually $((15 * SLOW)) grep -q '^Ready' "$T/run.out"
KEY=$(sed -n 's/^export ANTHROPIC_API_KEY="\(.*\)"$/\1/p' "$T/run.out")
FOLDER=$(sed -n 's/^cd \([^ ]*\) && claude "play the demo"$/\1/p' "$T/run.out")
expect "the address" "$(sed -n 's/^export ANTHROPIC_BASE_URL="\(.*\)"$/\1/p' "$T/run.out")" "http://localhost:$PORT"
expect_match "auto mode judges by itself" "$(cat "$T/run.out")" '^export CLAUDE_CODE_AUTO_MODE_SERVER=0$'
expect_match "it says what answers" "$(cat "$T/run.out")" 'No AWS credentials found: using the bundled mock Bedrock'
expect_match "a folder" "$FOLDER" '^/tmp/llm-api-converter\.[A-Za-z0-9]+$'
expect "with a file" "$(ls -A "$FOLDER")$(tail -1 "$FOLDER/notes.txt")" "notes.txtTimes played: 0"

sh -c "$(sed -n '/^curl /p' "$T/run.out")" >"$T/body" 2>/dev/null
expect_json "the curl line works" '.content[0].text' "Echo: Hello"
ask '{"model":"claude-sonnet-4-5","max_tokens":1000,"messages":[{"role":"user","content":"play the demo"}],
    "tools":[{"name":"Read","input_schema":{"type":"object","properties":{"file_path":{"type":"string"}},"required":["file_path"]}}]}'
expect_json "the demo plays with the file" '.content[1].input.file_path' "$FOLDER/notes.txt"

kill -TERM "$RUN_PID"
wait "$RUN_PID"
expect "the end" "$?" 143
expect_true "the folder is gone" test ! -e "$FOLDER"
expect "the key is revoked" "$(run STATE_DIR="$T/state" -- list-keys --output json && jq -r '.[].deactivated_reason' "$T/out")" "make run ended"
expect_true "nothing listens" test "$(curl -s -o /dev/null -w '%{http_code}' --max-time 2 "$URL/health")" = 000
finish
