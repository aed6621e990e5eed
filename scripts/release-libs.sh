#!/usr/bin/env bash
# Makes the static libraries that the release binary links: mbedTLS (with BearSSL's AES-GCM), libcurl, cJSON, nghttp2 and
# SQLite, from the Debian 13 source packages that docker/release.lock names (Debian 12's mbedTLS 2.28 is at its end of life
# and has no TLS 1.3), and libseccomp, which makes the filters of system calls while the program is built, for the machine
# that builds; and unpacks llhttp. Nothing is installed. Each package of the lock is made by the function make_PACKAGE.
# usage: scripts/release-libs.sh amd64|arm64 DIR    (makes DIR/<arch>/{include,lib,llhttp,build} and DIR/<arch>/packages.tsv)
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
NAME=release-libs
unset MAKEFLAGS MFLAGS MAKELEVEL # our own make has no built-in rules, theirs need them

lock=${RELEASE_LOCK:-$ROOT/docker/release.lock}
arch=${1:?usage: scripts/release-libs.sh amd64|arm64 DIR}
mkdir -p "${2:?usage: scripts/release-libs.sh amd64|arm64 DIR}"
base=$(cd "$2" && pwd)
sources=$base/sources
work=$base/work-$arch
prefix=$base/$arch
jobs=$(nproc)

case $arch in
amd64) triplet=x86_64-linux-gnu hardening=-fcf-protection ;;
arm64) triplet=aarch64-linux-gnu hardening=-mbranch-protection=standard ;;
*) die "platform $arch: amd64 or arm64 is needed" ;;
esac
# The ARMv8 SHA-256 instructions are used where the CPU has them: the hash of the body is most of a signature's cost.
flags="-O2 -fPIE -ffunction-sections -fdata-sections -fstack-protector-strong -fstack-clash-protection $hardening
    -fno-asynchronous-unwind-tables -fno-unwind-tables -D_FORTIFY_SOURCE=2 -DMBEDTLS_SHA256_USE_ARMV8_A_CRYPTO_IF_PRESENT -ffile-prefix-map=$work=."
flags=${flags//$'\n'/ }
[ "$arch" = amd64 ] && flags=${flags/-DMBEDTLS_SHA256_USE_ARMV8_A_CRYPTO_IF_PRESENT/}

need_tools() {
    need gcc "apt-get install gcc"
    need "$triplet-gcc" "apt-get install gcc-${triplet//_/-} libc6-dev-$arch-cross"
    [ "$arch" != arm64 ] || need ld.lld "apt-get install lld (GNU ld does not pack the relocations of arm64)"
    need dpkg "make release needs Debian or Ubuntu; elsewhere build the image: scripts/build-docker.sh"
    need dpkg-source "apt-get install dpkg-dev"
    need tclsh "apt-get install tcl (SQLite's sources are put together by it)"
}

# unpack PACKAGE LICENCE: its directory, patched by Debian
unpack() {
    local dsc
    dsc=$(find "$sources/$1" -name '*.dsc')
    rm -rf "${work:?}/$1"
    dpkg-source --no-check -x "$dsc" "$work/$1" >/dev/null 2>&1 || die "dpkg-source -x $dsc failed"
    printf '%s\t%s\t%s\n' "$1" "$(sed -n 's/^Version: //p' "$dsc" | head -1)" "$2" >>"$work/packages.tsv"
}

# logged NAME COMMAND...: quiet unless it fails
logged() {
    local log=$work/$1.log
    shift
    "$@" >>"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        die "failed: $* (whole log: $log)"
    }
}

# Debian 12's package, the only place of the generated C sources; they are compiled with the program.
make_llhttp() {
    dpkg-deb -x "$sources"/llhttp/node-llhttp_*.deb "$work/llhttp"
    mkdir -p "$prefix/llhttp/src" "$prefix/llhttp/include"
    cp "$work"/llhttp/usr/share/llhttp/*.c "$prefix/llhttp/src/"
    cp "$work"/llhttp/usr/share/include/llhttp/llhttp.h "$prefix/llhttp/include/" 2>/dev/null ||
        cp "$work"/llhttp/usr/include/llhttp/llhttp.h "$prefix/llhttp/include/"
    touch "$prefix/llhttp/.ready"
    printf 'llhttp\t%s\tMIT\n' "$(awk '/define LLHTTP_VERSION_/ { v = v s $3; s = "." } END { print v }' "$prefix/llhttp/include/llhttp.h")" >>"$work/packages.tsv"
}

# Called by what scripts/mbedtls.patch adds. The macro is of this one file; elsewhere it would change the layout of contexts.
compile_x25519() {
    local everest=$work/mbedtls/3rdparty/everest
    # shellcheck disable=SC2086
    "$triplet-gcc" $flags -DMBEDTLS_ECDH_VARIANT_EVEREST_ENABLED -I"$work"/mbedtls/{include,library} \
        -I"$everest"/include{,/everest,/everest/kremlib} -c "$everest/library/Hacl_Curve25519_joined.c" -o "$work/x25519.o"
    "$triplet-ar" rD "$prefix/lib/libmbedcrypto.a" "$work/x25519.o"
}

# AES-GCM for x86-64: scripts/gcm says why. arm64 keeps mbedTLS's own, since BearSSL knows nothing of that CPU's instructions.
compile_bearssl() {
    local file
    cd "$work/bearssl"
    for file in aead/gcm symcipher/aes_x86ni symcipher/aes_x86ni_ctr symcipher/aes_ct64 symcipher/aes_ct64_enc \
        symcipher/aes_ct64_ctr hash/ghash_pclmul hash/ghash_ctmul64 codec/dec32le codec/enc32le; do
        # shellcheck disable=SC2086
        "$triplet-gcc" $flags -Iinc -Isrc -c "src/$file.c" -o "$work/gcm/${file//\//_}.o"
    done
}

make_bearssl() {
    [ "$arch" = amd64 ] || return 0
    say "BearSSL's AES-GCM for $arch"
    unpack bearssl MIT
    mkdir "$work/gcm"
    (logged bearssl compile_bearssl)
    cp "$work"/bearssl/inc/bearssl_*.h "$ROOT/scripts/gcm/gcm_alt.h" "$prefix/include/"
}

# into libmbedcrypto.a, whose own gcm.o is empty
add_gcm() {
    # shellcheck disable=SC2086
    "$triplet-gcc" $flags -I"$work/mbedtls/include" -I"$prefix/include" -c "$ROOT/scripts/gcm/gcm_alt.c" -o "$work/gcm/gcm_alt.o"
    "$triplet-ar" rsD "$work/mbedtls/library/libmbedcrypto.a" "$work"/gcm/*.o
}

# The cipher that every byte goes through, where this machine can run it. The arm64 build is checked by its own machines.
check_gcm() {
    [ "$arch" = "$(dpkg --print-architecture)" ] || return 0
    # shellcheck disable=SC2086
    "$triplet-gcc" $flags -I"$prefix/include" "$ROOT/scripts/gcm/check.c" "$prefix/lib/libmbedcrypto.a" -o "$work/check-gcm"
    "$work/check-gcm"
}

# A TLS client over TCP needs neither a server, DTLS, old ciphers and curves nor self-tests: less to attack, and smaller.
make_mbedtls() {
    local off config=$work/mbedtls/include/mbedtls/mbedtls_config.h
    say "mbedTLS for $arch"
    unpack mbedtls Apache-2.0
    for off in SELF_TEST DEBUG_C SSL_SRV_C SSL_RENEGOTIATION CAMELLIA_C ARIA_C DES_C RIPEMD160_C SSL_PROTO_DTLS SSL_DTLS_ANTI_REPLAY \
        SSL_DTLS_HELLO_VERIFY SSL_DTLS_CLIENT_PORT_REUSE SSL_DTLS_CONNECTION_ID SSL_DTLS_CONNECTION_ID_COMPAT \
        KEY_EXCHANGE_{PSK,DHE_PSK,ECDHE_PSK,RSA_PSK,DHE_RSA}_ENABLED \
        ECP_DP_{SECP192R1,SECP224R1,SECP192K1,SECP224K1,SECP256K1,BP256R1,BP384R1,BP512R1}_ENABLED; do
        grep -qE "^#define MBEDTLS_$off( |$)" "$config" || die "MBEDTLS_$off is not in $config: this mbedTLS is another one"
        sed -i -E "s|^#define MBEDTLS_$off( .*)?$|//&|" "$config"
    done
    logged mbedtls patch -p1 -d "$work/mbedtls" -i "$ROOT/scripts/mbedtls.patch"
    sed -i 's|^//#define MBEDTLS_PLATFORM_MEMORY$|#define MBEDTLS_PLATFORM_MEMORY|' "$config" # server/net/wire_rest.c has the say
    [ "$arch" != amd64 ] || sed -i 's|^//#define MBEDTLS_GCM_ALT$|#define MBEDTLS_GCM_ALT|' "$config"
    # For size, but for what every byte that is sent or received goes through, and what a handshake is spent in.
    logged mbedtls make -j"$jobs" -C "$work/mbedtls/library" static CC="$triplet-gcc" AR="$triplet-ar" CFLAGS="${flags/-O2/-Os} -I$prefix/include"
    rm "$work"/mbedtls/library/{libmbedcrypto.a,aes.o,aesni.o,aesce.o,gcm.o,chacha20.o,poly1305.o,sha256.o,sha512.o}
    rm "$work"/mbedtls/library/{bignum,bignum_core,ecp,ecp_curves,ecdsa,rsa,constant_time}.o
    logged mbedtls make -j"$jobs" -C "$work/mbedtls/library" libmbedcrypto.a CC="$triplet-gcc" AR="$triplet-ar" CFLAGS="$flags -I$prefix/include"
    [ "$arch" != amd64 ] || logged mbedtls add_gcm
    cp "$work"/mbedtls/library/libmbed*.a "$prefix/lib/"
    logged mbedtls compile_x25519
    cp -r "$work"/mbedtls/include/mbedtls "$work"/mbedtls/include/psa "$prefix/include/"
    logged mbedtls check_gcm
}

# HTTP/1.1 over TLS and proxies; nothing else is ever spoken to AWS. For size: its time goes into system calls.
configure_curl() {
    local without=(brotli zstd zlib libpsl librtmp libssh2 libidn2 nghttp2)
    local disable=(ldap ldaps dict file ftp gopher imap mqtt pop3 rtsp smb smtp telnet tftp ipfs websockets manual docs ntlm
        kerberos-auth negotiate-auth tls-srp alt-svc hsts doh cookies netrc libcurl-option mime form-api headers-api
        dateparse progress-meter digest-auth bearer-auth aws unix-sockets)
    cd "$work/curl"
    ./configure --host="$triplet" --prefix="$prefix" --disable-shared --enable-static --with-mbedtls="$prefix" \
        "${without[@]/#/--without-}" "${disable[@]/#/--disable-}" --without-ca-path \
        --with-ca-bundle=/etc/ssl/certs/ca-certificates.crt CC="$triplet-gcc" CFLAGS="${flags/-O2/-Os}"
}

make_curl() {
    say "libcurl for $arch"
    unpack curl curl
    (logged curl configure_curl)
    logged curl make -j"$jobs" -C "$work/curl/lib" install
    logged curl make -C "$work/curl/include" install
}

make_cjson() {
    say "cJSON for $arch"
    unpack cjson MIT
    # shellcheck disable=SC2086
    logged cjson "$triplet-gcc" $flags -std=c99 -c "$work/cjson/cJSON.c" -o "$work/cjson.o"
    logged cjson "$triplet-ar" rcsD "$prefix/lib/libcjson.a" "$work/cjson.o"
    mkdir "$prefix/include/cjson"
    cp "$work/cjson/cJSON.h" "$prefix/include/cjson/"
}

# The library alone; what its configure would find out is the same on every Linux. For size, like curl.
compile_nghttp2() {
    local version numbers
    version=$(sed -n 's/^AC_INIT(\[nghttp2\], \[\([0-9.]*\)\].*/\1/p' "$work/nghttp2/configure.ac")
    numbers=${version//./ }
    cd "$work/nghttp2/lib"
    # shellcheck disable=SC2086
    sed "s/@PACKAGE_VERSION@/$version/; s/@PACKAGE_VERSION_NUM@/$(printf '0x%02x%02x%02x' $numbers)/" \
        includes/nghttp2/nghttp2ver.h.in >includes/nghttp2/nghttp2ver.h
    # shellcheck disable=SC2086
    "$triplet-gcc" ${flags/-O2/-Os} -Iincludes -DNGHTTP2_STATICLIB -DHAVE_ARPA_INET_H -DHAVE_NETINET_IN_H \
        -DHAVE_CLOCK_GETTIME -DHAVE_DECL_CLOCK_MONOTONIC=1 -c ./*.c
    "$triplet-ar" rcsD "$prefix/lib/libnghttp2.a" ./*.o
}

make_nghttp2() {
    say "nghttp2 for $arch"
    unpack nghttp2 MIT
    (logged nghttp2 compile_nghttp2)
    mkdir "$prefix/include/nghttp2"
    cp "$work"/nghttp2/lib/includes/nghttp2/*.h "$prefix/include/nghttp2/"
}

amalgamate() {
    cd "$work/sqlite3"
    ./configure --disable-tcl --disable-readline --disable-shared # for the machine that builds
    make sqlite3.c
}

make_sqlite3() {
    local options="-DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_DQS=0 -DSQLITE_DEFAULT_MEMSTATUS=0
        -DSQLITE_OMIT_UTF16 -DSQLITE_OMIT_COMPLETE -DSQLITE_OMIT_GET_TABLE -DSQLITE_OMIT_TRACE
        -DSQLITE_OMIT_PROGRESS_CALLBACK -DSQLITE_OMIT_AUTHORIZATION -DSQLITE_OMIT_DESERIALIZE -DSQLITE_OMIT_DEPRECATED
        -DSQLITE_DEFAULT_PCACHE_INITSZ=2"
    say "SQLite for $arch"
    unpack sqlite3 blessing
    (logged sqlite3 amalgamate)
    # shellcheck disable=SC2086
    logged sqlite3 "$triplet-gcc" ${flags/-O2/-Os} $options -c "$work/sqlite3/sqlite3.c" -o "$work/sqlite3.o"
    logged sqlite3 "$triplet-ar" rcsD "$prefix/lib/libsqlite3.a" "$work/sqlite3.o"
    cp "$work/sqlite3/sqlite3.h" "$prefix/include/"
}

# For the machine that builds. What gperf would make is in the tarball already, so it is not needed: /bin/true stands for it.
configure_seccomp() {
    cd "$work/libseccomp"
    ./configure --disable-shared --enable-static --disable-python GPERF=/bin/true CC=gcc CFLAGS=-O1
    touch src/syscalls.perf.c
}

make_libseccomp() {
    say "libseccomp for this machine"
    unpack libseccomp LGPL-2.1
    (logged libseccomp configure_seccomp)
    logged libseccomp make -j"$jobs" -C "$work/libseccomp/src" libseccomp.la
    mkdir "$prefix/build"
    cp "$work"/libseccomp/src/.libs/libseccomp.a "$work"/libseccomp/include/seccomp{,-syscalls}.h "$prefix/build/"
}

need_tools
rm -rf "$work" "$prefix"
mkdir -p "$work" "$prefix/lib" "$prefix/include" "$base/ld"
[ "$arch" != arm64 ] || ln -sf "$(command -v ld.lld)" "$base/ld/ld.lld"
"$ROOT/scripts/release-sources.sh" "$sources"
for package in $(awk '!/^#/ && !seen[$1]++ { print $1 }' "$lock"); do
    [ "$(type -t "make_$package")" = function ] || die "$lock names $package, and no make_$package is here"
    "make_$package"
done
sort "$work/packages.tsv" >"$prefix/packages.tsv"
rm -rf "$work"
