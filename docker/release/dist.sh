#!/usr/bin/env bash
# make dist: gathers what a release hands out. The tree has to be committed, the version to stand in all of its places,
# and, where HEAD has a tag, the tag to be it.
# usage: docker/release/dist.sh DIR PLATFORM...       (after make release and make deb of each PLATFORM)
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:?usage: docker/release/dist.sh DIR PLATFORM...}
shift
die() {
    echo "dist: $*" >&2
    exit 1
}
version=$(sed -n 's/^VERSION := //p' Makefile)
name=llm-api-converter
[ -z "$(git status --porcelain --untracked-files=no)" ] || die "the tree has changes that are not committed: a release is a commit"
grep -qx "## $version" docker/release/CHANGELOG.md || die "CHANGELOG.md has no heading for $version"
for field in version appVersion; do
    grep -qE "^$field: \"?$version\"?$" docker/kubernetes/$name/Chart.yaml || die "$field of the chart is not $version"
done
tag=$(git tag --points-at HEAD | grep -E '^v[0-9]' | head -n 1 || true)
[ -z "$tag" ] || [ "$tag" = "v$version" ] || die "the tag is $tag, but VERSION is $version"
[ -n "$tag" ] || echo "dist: HEAD has no tag v$version: a trial, not a release" >&2

rm -rf "$out"
mkdir -p "$out"
stamp=$(git log -1 --format=%ct)
for platform in "$@"; do
    install -m 755 "build/linux-$platform/$name" "$out/$name-$version-linux-$platform"
    install -m 644 "build/linux-$platform/sbom.spdx.json" "$out/$name-$version-linux-$platform.spdx.json"
    install -m 644 "build/deb/${name}_${version}_$platform.deb" "$out/"
done
git archive --format=tar --prefix="$name-$version/" HEAD | gzip -9n >"$out/$name-$version.tar.gz"
install -m 644 docker/release/CHANGELOG.md "$out/"
(cd "$out" && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS)
find "$out" -exec touch --date="@$stamp" {} +
cat "$out/SHA256SUMS"
