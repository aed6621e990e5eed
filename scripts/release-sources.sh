#!/usr/bin/env bash
# Fetches what the release is made of, exactly as docker/release.lock names it: each file by its SHA-256. See --help.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
NAME=release-sources

HELP='usage: scripts/release-sources.sh DIR      put every file of docker/release.lock into DIR/PACKAGE/
       scripts/release-sources.sh --lock   raise docker/release.lock to the newest versions that can be had (make lock)

A file that is in DIR already with the right SHA-256 is not fetched again. Another version is never taken instead: when
no place has the locked file, the command says which one is missing, and stops. Settings:

  RELEASE_SOURCES=DIR   a folder that is looked into first: by file name, at any depth
  DEBIAN_MIRROR=URL     default: http://deb.debian.org
  DEBIAN_SNAPSHOT=URL   the archive of all versions, asked last; default: http://snapshot.debian.org; empty: not asked'

lock=${RELEASE_LOCK:-$ROOT/docker/release.lock}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org}
snapshot=${DEBIAN_SNAPSHOT-http://snapshot.debian.org}
keyring=${DEBIAN_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
apt_helper=/usr/lib/apt/apt-helper

# Sources come from Debian 13; llhttp's C sources only exist generated, inside Debian 12's package node-llhttp.
suite_of_sources=trixie
suite_of_llhttp=bookworm

is_right() { # FILE SHA256
    [ -f "$1" ] && [ "$(sha256sum <"$1")" = "$2  -" ]
}

# --- by the lock ----------------------------------------------------------------------------------------------

# places PATH: where a file of the pool may be, line by line. A security update moves to the main archive with the next
# point release, and mirrors forget; the archive of snapshots, as it was when the lock was written, has it for good.
places() {
    local stamp
    printf '%s\n' "$mirror/debian/pool/main/$1" "$mirror/debian-security/pool/updates/main/$1"
    if [ -n "$snapshot" ]; then
        stamp=$(sed -n 's/^# snapshot //p' "$lock")
        printf '%s\n' "$snapshot/archive/debian/$stamp/pool/main/$1" "$snapshot/archive/debian-security/$stamp/pool/updates/main/$1"
    fi
}

# apt's own downloader: it has the host's proxies and checks the sum.
download() { # URL SHA256 FILE
    "$apt_helper" -o Acquire::Retries=2 -o Acquire::http::Timeout=20 -o APT::Sandbox::User= \
        download-file "${1//+/%2b}" "$3.part" "SHA256:$2" >>"$log" 2>&1 &&
        mv "$3.part" "$3"
}

fetch_file() { # PACKAGE VERSION SHA256 PATH
    local file=$dir/$1/${4##*/} own url
    ! is_right "$file" "$3" || return 0
    mkdir -p "$dir/$1"
    rm -f "$file" "$file".part*
    if [ -n "${RELEASE_SOURCES:-}" ]; then
        own=$(find "$RELEASE_SOURCES" -type f -name "${4##*/}" | head -n 1)
        if [ -n "$own" ]; then
            is_right "$own" "$3" || die "$own is not the file of docker/release.lock: its SHA-256 is $(sha256sum <"$own" | cut -c 1-64), locked is $3"
            cp "$own" "$file"
            return
        fi
    fi
    while read -r url; do
        if download "$url" "$3" "$file"; then return; fi
        rm -f "$file".part*
    done < <(places "$4")
    die "$1 $2: ${4##*/} (SHA-256 $3) cannot be had from $mirror${snapshot:+ or $snapshot} ($log). Put that file into a folder and say RELEASE_SOURCES=FOLDER, or take the versions that the mirror has: make lock"
}

fetch() {
    local package version sum path known rows
    [ -x "$apt_helper" ] || die "$apt_helper is missing: make release needs Debian or Ubuntu; elsewhere build the image: scripts/build-docker.sh"
    # Files of other versions go, so that who unpacks has no choice.
    for known in "$dir"/*/*; do
        [ ! -f "$known" ] || grep -qF "/${known##*/}" "$lock" || rm -f "$known"
    done
    rows=$(grep -v '^#' "$lock")
    while read -r package version sum path; do
        [[ $sum =~ ^[0-9a-f]{64}$ && $path == */* ]] || die "$lock: no row of the form PACKAGE VERSION SHA-256 PATH: $package $version $sum $path"
        fetch_file "$package" "$version" "$sum" "$path"
    done <<<"$rows"
}

# --- raising the lock -----------------------------------------------------------------------------------------

# apt with its own lists, sources and cache, and the host's proxy settings: neither root nor a changed sources.list is
# needed. Its signatures are what the new sums are believed for.
own_apt() {
    "$@" -o Acquire::Retries=3 -o Dir::Etc::sourcelist="$work/apt.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=
}

update_lists() {
    local kind suite at
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    for kind in "deb-src $suite_of_sources" "deb $suite_of_llhttp"; do
        suite=${kind#* }
        for at in "debian $suite" "debian $suite-updates" "debian-security $suite-security"; do
            echo "${kind% *} [signed-by=$keyring] $mirror/$at main"
        done
    done >"$work/apt.list"
    own_apt apt-get update -qq >&2 || die "apt-get update failed; is $mirror (DEBIAN_MIRROR) within reach?"
}

# versions PACKAGE: all that the index lists, the newest first
versions() {
    local sorted='' version best rest
    if [ "$1" = llhttp ]; then
        rest=$(own_apt apt-cache madison node-llhttp | awk -F' *[|] *' '{ print $2 }')
    else
        rest=$(own_apt apt-cache showsrc --only-source "$1" 2>/dev/null | sed -n 's/^Version: //p')
    fi
    rest=$(sort -u <<<"$rest")
    while [ -n "$rest" ]; do
        best=
        for version in $rest; do
            if [ -z "$best" ] || dpkg --compare-versions "$version" gt "$best"; then best=$version; fi
        done
        sorted+="$best "
        rest=$(grep -vxF "$best" <<<"$rest" || true)
    done
    echo "$sorted"
}

# pool PACKAGE VERSION: its folder below pool/main
pool() {
    if [ "$1" = llhttp ]; then
        own_apt apt-cache show "node-llhttp=$2" | sed -n 's,^Filename: pool/\(updates/\)*main/\(.*\)/[^/]*$,\2,p'
    else
        own_apt apt-cache showsrc --only-source "$1" 2>/dev/null | awk -v version="$2" '
            /^Version: / { own = $2 == version }
            /^Directory: / { directory = $2 }
            /^$/ && own { print directory; own = 0 }' | sed 's,^pool/\(updates/\)*main/,,'
    fi | head -n 1
}

get() { # PACKAGE VERSION: into the current folder
    if [ "$1" = llhttp ]; then own_apt apt-get download -qq "node-llhttp=$2"; else own_apt apt-get source -qq --download-only "$1=$2"; fi
}

# A mirror may list an update before it has the files: then the next lower version is taken, and said.
lock_package() { # PACKAGE
    local version file place
    for version in $(versions "$1"); do
        rm -rf "$work/files"
        mkdir "$work/files"
        if (cd "$work/files" && get "$1" "$version" >>"$work/log" 2>&1); then
            place=$(pool "$1" "$version")
            for file in "$work"/files/*; do
                # apt escapes a colon of the version in the names that it gives
                printf '%s %s %s %s/%s\n' "$1" "$version" "$(sha256sum <"$file" | cut -c 1-64)" "$place" "$(basename "${file//%3a/:}")"
            done
            say "$1 $version"
            return
        fi
        say "$1 $version is listed by $mirror, but its files are not there: trying an older one"
    done
    tail -n 5 "$work/log" >&2
    die "$1: no version can be had from $mirror"
}

raise() {
    local package new
    need apt-get "make lock needs Debian or Ubuntu"
    need dpkg-source "apt-get install dpkg-dev"
    [ -e "$keyring" ] || die "$keyring is missing: apt-get install debian-archive-keyring"
    update_lists
    new=$work/lock
    {
        sed -n '/^# snapshot /q; /^#/p' "$lock" 2>/dev/null || true
        date -u '+# snapshot %Y%m%dT%H%M%SZ'
    } >"$new"
    # In the order in which they are built. A new library begins as a row with nothing but its name.
    for package in $(awk '!/^#/ && NF && !seen[$1]++ { print $1 }' "$lock"); do
        lock_package "$package" >>"$new"
    done
    cp "$new" "$lock"
}

case ${1:-} in
--help | -h) echo "$HELP" ;;
--lock)
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    raise
    ;;
'' | -*) usage_error "DIR or --lock is needed" ;;
*)
    mkdir -p "$1"
    dir=$(cd "$1" && pwd)
    log=$dir/log
    : >"$log"
    fetch
    ;;
esac
