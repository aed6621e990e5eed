#!/usr/bin/env bash
# The wrong architecture cannot be built: what docker/Dockerfile.prebuilt runs, what build-docker.sh asks and what the
# program says of itself, with programs of both architectures and of none. make image does the same with real images.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1

# elf FILE BYTE...: an ELF header with that e_machine; it runs as a script does not: never
elf() {
    { printf '\x7fELF\x02\x01\x01' && head -c 9 /dev/zero && printf '\x03\x00' && printf '%b' "$2" && head -c 44 /dev/zero; } >"$1"
    chmod +x "$1"
}
elf "$T/amd64" '\x3e\x00'
elf "$T/arm64" '\xb7\x00'
elf "$T/riscv" '\xf3\x00'
echo '#!/bin/sh' >"$T/script"
: >"$T/empty"

# The RUN of the Dockerfile that compares, as docker hands it to a shell; the program is one that starts.
dockerfile_run() { # TARGETARCH FILE
    mkdir -p "$T/app"
    cp "$2" "$T/app/llm-api-converter"
    awk '/^RUN wanted=/ { on = 1 } on { print } on && !/\\$/ { exit }' docker/Dockerfile.prebuilt |
        sed "s/^RUN //; s#/app/llm-api-converter version#true#; s#/app/#$T/app/#g" >"$T/run.sh"
    TARGETARCH=$1 sh "$T/run.sh" >"$T/out" 2>&1
}
expect_true "docker/Dockerfile.prebuilt compares" grep -q 'od -An -tx1 -j18' docker/Dockerfile.prebuilt
expect_true "docker/Dockerfile compares, too" grep -q 'check-architecture.sh "$TARGETARCH"' docker/Dockerfile

for row in amd64:amd64:0 arm64:arm64:0 amd64:arm64:1 arm64:amd64:1 amd64:riscv:1 arm64:script:1 amd64:empty:1; do
    IFS=: read -r wanted is code <<<"$row"
    dockerfile_run "$wanted" "$T/$is"
    expect "Dockerfile.prebuilt for $wanted with a program for $is" "$?" "$code"
    [ "$code" -eq 0 ] || expect_match "Dockerfile.prebuilt for $wanted with a program for $is says why" "$(cat "$T/out")" "not for linux/$wanted.*make release PLATFORM=$wanted"
    scripts/check-architecture.sh "$wanted" "$T/$is" >"$T/out" 2>&1
    expect "check-architecture.sh: $wanted with a program for $is" "$?" "$code"
    [ "$code" -eq 0 ] || expect_match "check-architecture.sh: $wanted with a program for $is" "$(cat "$T/out")" "and $wanted is needed"
done

# build-docker.sh says so before docker is asked for anything
mkdir -p "$T/tree/build/linux-amd64" "$T/stub"
cp -r scripts Makefile "$T/tree/"
cp "$T/arm64" "$T/tree/build/linux-amd64/llm-api-converter"
: >"$T/stub/calls"
PATH="$ROOT/tests/system/stubs:$PATH" STUB=$T/stub "$T/tree/scripts/build-docker.sh" -i prebuilt -p amd64 >"$T/out" 2>&1
expect "build-docker.sh: code" "$?" 1
expect_match "build-docker.sh" "$(cat "$T/out")" 'is arm64, and amd64 is needed'
expect_no_match "build-docker.sh: nothing is built" "$(cat "$T/stub/calls")" 'buildx build'

expect "the program names its own" "$("$PROGRAM" version)" "$("$PROGRAM" version | cut -d' ' -f1,2) linux/$ARCH"
expect_true "and is it" scripts/check-architecture.sh "$ARCH" "$PROGRAM"
finish
