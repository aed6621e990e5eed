#!/usr/bin/env bash
# make deb: one .deb of a built program. Static (make release): needs nothing but certificates; else what
# dpkg-shlibdeps says.
# usage: VERSION=1.2.3 PROGRAM=FILE [DOCS=FILE] [ARCH=amd64] docker/deb/build.sh DIR      (makes DIR/llm-api-converter_VERSION_ARCH.deb)
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(mkdir -p "${1:?usage: docker/deb/build.sh DIR}" && cd "$1" && pwd)
arch=${ARCH:-$(dpkg --print-architecture)}
: "${VERSION:?}" "${PROGRAM:?}"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
name=llm-api-converter
umask 022

case $(od -An -tx1 -j18 -N1 "$PROGRAM" | tr -d ' ') in
3e) machine=amd64 ;;
b7) machine=arm64 ;;
*) machine=unknown ;;
esac
[ "$machine" = "$arch" ] || {
    echo "deb: $PROGRAM is a program for $machine, the package is for $arch" >&2
    exit 1
}

DESTDIR=$root prefix=/usr zshdir=/usr/share/zsh/vendor-completions docker/systemd/install.sh
gzip -9n "$root/usr/share/man/man8/$name.8"
mv "$root/usr/share/doc/$name/CHANGELOG.md" "$root/usr/share/doc/$name/changelog"
gzip -9n "$root/usr/share/doc/$name/changelog"
[ ! -e "$(dirname "$PROGRAM")/sbom.spdx.json" ] || install -m 644 "$(dirname "$PROGRAM")/sbom.spdx.json" "$root/usr/share/doc/$name/"

# what it needs
needs="adduser, ca-certificates"
if readelf -d "$PROGRAM" | grep -q NEEDED; then
    mkdir -p "$work/debian"
    printf 'Source: %s\n\nPackage: %s\nArchitecture: any\n' $name $name >"$work/debian/control"
    strip -o "$root/usr/bin/$name" "$PROGRAM"
    needs="$(cd "$work" && dpkg-shlibdeps -O "$root/usr/bin/$name" 2>/dev/null | sed -n 's/^shlibs:Depends=//p'), $needs"
fi

mkdir "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<END
Package: $name
Version: $VERSION
Architecture: $arch
Section: net
Priority: optional
Maintainer: ${DEB_MAINTAINER:-llm-api-converter <maintainers@llm-api-converter.invalid>}
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: $needs
Description: gateway between LLM clients and Amazon Bedrock
 Programs written for Anthropic's Messages API or for OpenAI's Chat Completions
 are pointed at it and use any chat model of Amazon Bedrock. Everybody gets an
 API key with limits and a budget; the AWS credentials stay on the server.
END
echo "/etc/$name/env" >"$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 755 "docker/deb/$script" "$root/DEBIAN/$script"
done
(cd "$root" && find usr etc -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) | grep -v " etc/" >"$root/DEBIAN/md5sums"
find "$root" -print0 | xargs -0r touch --no-dereference --date="@$SOURCE_DATE_EPOCH"
dpkg-deb --root-owner-group -Zxz --build "$root" "$out/${name}_${VERSION}_$arch.deb"
