#!/usr/bin/env bash
# docker/release.lock: the inputs of a release come from a mirror that lags, from one that is ahead and from one that lists
# what it does not have only as they are locked, or not at all. Three apt repositories of one small source package each.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

if ! { [ -x /usr/lib/apt/apt-helper ] && command -v dpkg-source && command -v dpkg-scansources; } >/dev/null; then
    skip "apt, dpkg-source or dpkg-scansources is missing (apt-get install dpkg-dev)"
    finish
fi

# source_package VERSION: thing_VERSION.dsc and its tar file in $T/made
source_package() {
    mkdir -p "$T/made" "$T/tree/debian/source"
    echo '3.0 (native)' >"$T/tree/debian/source/format"
    printf 'Source: thing\nMaintainer: A <a@example.com>\nStandards-Version: 4.6.2\n\nPackage: thing\nArchitecture: all\nDescription: thing\n' >"$T/tree/debian/control"
    printf 'thing (%s) trixie; urgency=low\n\n  * %s\n\n -- A <a@example.com>  Thu, 01 Jan 2026 00:00:00 +0000\n' "$1" "$1" >"$T/tree/debian/changelog"
    (cd "$T/made" && dpkg-source -b ../tree) >"$T/out" 2>&1 || cat "$T/out"
}

# mirror NAME VERSION...: a repository of these versions, in all suites that are asked for
mirror() {
    local root=$T/$1 version suite at
    for version in "${@:2}"; do
        mkdir -p "$root/debian/pool/main/t/thing"
        cp "$T/made/thing_$version".* "$root/debian/pool/main/t/thing/"
    done
    for at in debian/{trixie,trixie-updates,bookworm,bookworm-updates} debian-security/{trixie,bookworm}-security; do
        suite=$root/${at%%/*}/dists/${at#*/}
        mkdir -p "$suite/main/source" "$suite/main/binary-amd64" "$suite/main/binary-all"
        : >"$suite/main/source/Sources"
        : >"$suite/main/binary-amd64/Packages"
        : >"$suite/main/binary-all/Packages"
    done
    (cd "$root/debian" && dpkg-scansources pool 2>/dev/null) >"$root/debian/dists/trixie/main/source/Sources"
    for suite in "$root"/*/dists/*; do
        {
            printf 'Origin: x\nSuite: %s\nCodename: %s\nArchitectures: amd64 arm64 all\nComponents: main\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n' "${suite##*/}" "${suite##*/}"
            (cd "$suite" && find main -type f | while read -r at; do printf ' %s %s %s\n' "$(sha256sum <"$at" | cut -c 1-64)" "$(stat -c %s "$at")" "$at"; done)
        } >"$suite/Release"
    done
}

for version in 1.0+deb13u1 1.1 1.2; do source_package "$version"; done
mirror exact 1.0+deb13u1 1.1
mirror lagging 1.0+deb13u1
mirror ahead 1.1 1.2
mirror without 1.0+deb13u1 1.1 1.2
rm "$T"/without/debian/pool/main/t/thing/thing_1.{1,2}.tar.xz # listed, not there: a mirror in the middle of its update
mkdir "$T/archive"

# sources MIRROR ARGUMENTS...: the script against one of them; output in $T/out, code in CODE
sources() {
    env RELEASE_LOCK="$T/lock" DEBIAN_MIRROR="copy:$T/$1" DEBIAN_SNAPSHOT="${SNAPSHOT-}" RELEASE_SOURCES="${OWN-}" \
        APT_CONFIG="${APT-$T/apt.conf}" "$ROOT/scripts/release-sources.sh" "${@:2}" >"$T/out" 2>&1
    CODE=$?
}
# The repositories are not signed; that unsigned ones are refused is shown below.
printf 'Acquire::AllowInsecureRepositories "true";\nAPT::Get::AllowUnauthenticated "true";\n' >"$T/apt.conf"
row() { printf 'thing %s %s t/thing/%s\n' "$1" "$(sha256sum <"$T/made/$2" | cut -c 1-64)" "$2"; }
lock_of() { # VERSION
    echo '# of the test'
    echo '# snapshot 20260101T000000Z'
    row "$1" "thing_$1.dsc"
    row "$1" "thing_$1.tar.xz"
}
got() { (cd "$T/got/thing" 2>/dev/null && find . -type f | sort | tr '\n' ' '); }

# --- a locked version ------------------------------------------------------------------------------------------

lock_of 1.1 >"$T/lock"
sources exact "$T/got"
expect "a mirror that has it: code" "$CODE" 0
expect "a mirror that has it, and more: the locked files and no others" "$(got)" "./thing_1.1.dsc ./thing_1.1.tar.xz "
expect "the bytes are the locked ones" "$(sha256sum <"$T/got/thing/thing_1.1.tar.xz")" "$(sha256sum <"$T/made/thing_1.1.tar.xz")"
rm -rf "$T/exact"
sources exact "$T/got"
expect "what is there already is not fetched again" "$CODE" 0

for name in lagging ahead without; do
    rm -rf "$T/got"
    lock_of "$([ $name = ahead ] && echo 1.0+deb13u1 || echo 1.1)" >"$T/lock"
    file=$(awk '/^thing/ { print $4 }' "$T/lock" | tail -1)
    [ $name = without ] || file=$(awk '/^thing/ { print $4; exit }' "$T/lock")
    sum=$(sha256sum <"$T/made/${file##*/}" | cut -c 1-64)
    sources $name "$T/got"
    expect "$name: code" "$CODE" 1
    expect_match "$name: names file, sum and ways on" "$(tail -1 "$T/out")" "$(basename "${file//+/\\+}").*$sum.*RELEASE_SOURCES=.*make lock"
    expect_no_match "$name: nothing of another version is taken" "$(got)" "thing_1.2|$([ $name = ahead ] && echo thing_1.1 || echo thing_1.0)"
    OWN=$T/made sources $name "$T/got"
    expect "$name, with RELEASE_SOURCES: code" "$CODE" 0
    expect "$name, with RELEASE_SOURCES: both files" "$(got | wc -w)" 2
done

# The archive of snapshots is asked last, as it was when the lock was written.
rm -rf "$T/got"
lock_of 1.1 >"$T/lock"
mkdir -p "$T/archive/archive/debian/20260101T000000Z/pool/main/t/thing"
cp "$T"/made/thing_1.1.* "$T/archive/archive/debian/20260101T000000Z/pool/main/t/thing/"
SNAPSHOT=copy:$T/archive sources ahead-no-more "$T/got"
expect "the archive has it: code" "$CODE" 0
expect "the archive has it" "$(got)" "./thing_1.1.dsc ./thing_1.1.tar.xz "

# --- other bytes under the right name ---------------------------------------------------------------------------

rm -rf "$T/got"
mkdir -p "$T/forged"
echo other >"$T/forged/thing_1.1.tar.xz"
cp "$T/made/thing_1.1.dsc" "$T/forged/"
OWN=$T/forged sources lagging "$T/got"
expect "another file by that name in RELEASE_SOURCES: code" "$CODE" 1
expect_match "another file by that name in RELEASE_SOURCES" "$(tail -1 "$T/out")" "thing_1.1.tar.xz is not the file of docker/release.lock: its SHA-256 is $(sha256sum <"$T/forged/thing_1.1.tar.xz" | cut -c 1-64)"
mirror forged-mirror 1.1
echo other >"$T/forged-mirror/debian/pool/main/t/thing/thing_1.1.tar.xz"
rm -rf "$T/got"
sources forged-mirror "$T/got"
expect "another file by that name on the mirror: code" "$CODE" 1
expect_no_match "another file by that name on the mirror" "$(got)" tar
mkdir -p "$T/got/thing"
echo other >"$T/got/thing/thing_1.1.tar.xz"
OWN=$T/made sources lagging "$T/got"
expect "a spoilt file of an earlier run is replaced" "$CODE $(sha256sum <"$T/got/thing/thing_1.1.tar.xz")" "0 $(sha256sum <"$T/made/thing_1.1.tar.xz")"
touch "$T/got/thing/thing_0.9.dsc"
OWN=$T/made sources lagging "$T/got"
expect "an older version's files go" "$(got)" "./thing_1.1.dsc ./thing_1.1.tar.xz "
echo 'thing 1.1 nonsense' >"$T/lock"
sources lagging "$T/got"
expect_match "a spoilt lock" "$CODE $(tail -1 "$T/out")" '^1 .*no row of the form'

# --- make lock ---------------------------------------------------------------------------------------------------

locked() { awk '/^thing/ { print $2 }' "$T/lock" | sort -u | tr '\n' ' '; }
printf '# of the test\nthing\n' >"$T/lock" # a new library: a row with its name
sources lagging --lock
expect "make lock: code" "$CODE" 0
expect "make lock, a new row" "$(locked)" "1.0+deb13u1 "
expect "make lock: the sums" "$(grep -v '^#' "$T/lock")" "$(lock_of 1.0+deb13u1 | grep -v '^#')"
expect "make lock keeps the words above" "$(head -1 "$T/lock")" '# of the test'
expect_match "make lock writes the day" "$(sed -n 2p "$T/lock")" '^# snapshot 20[0-9]{6}T[0-9]{6}Z$'
sources ahead --lock
expect "make lock raises to the newest" "$(locked)" "1.2 "
sources without --lock
expect "make lock takes what can be had" "$CODE $(locked)" "0 1.0+deb13u1 "
expect_match "and says what could not" "$(cat "$T/out")" 'thing 1.2 is listed by .*not there: trying an older one'
cp "$T/lock" "$T/before"
rm "$T"/without/debian/pool/main/t/thing/*.tar.xz
sources without --lock
expect_match "make lock with nothing to be had" "$CODE $(tail -1 "$T/out")" '^1 .*thing: no version can be had'
expect "and the lock is as it was" "$(cat "$T/lock")" "$(cat "$T/before")"
APT=/dev/null sources ahead --lock
expect "a mirror without a signature is not believed: code" "$CODE" 1
expect "and the lock is as it was" "$(cat "$T/lock")" "$(cat "$T/before")"

# --- the lock of the tree ------------------------------------------------------------------------------------------

cd "$ROOT" || exit 1
expect_no_match "every row is whole" "$(grep -v '^#' docker/release.lock | grep -vE '^[a-z0-9]+ [^ ]+ [0-9a-f]{64} [^ ]+/[^/ ]+$')" .
for name in $(awk '!/^#/ { print $1 }' docker/release.lock | sort -u); do
    expect_true "scripts/release-libs.sh makes $name" grep -q "^make_$name() {" scripts/release-libs.sh
done
for name in $(sed -n 's/^make_\([a-z0-9]*\)() {$/\1/p' scripts/release-libs.sh); do
    expect_true "$name is locked" grep -q "^$name " docker/release.lock
done

# What the release's AES-GCM is compared with, when it is built, is what this machine's mbedTLS gives.
# shellcheck disable=SC2086 # CC may be two words
expect_true "the check of AES-GCM builds" ${CC:-cc} -O1 scripts/gcm/check.c -lmbedcrypto -o "$T/check-gcm"
expect_true "mbedTLS's own AES-GCM passes it" "$T/check-gcm"
finish
