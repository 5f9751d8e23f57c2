#!/usr/bin/env bash
# Builds mbusmaster_VERSION_ARCHITECTURE.deb for Debian 12 and prints its path.
# Usage: packaging/build-deb.sh [--release N] [--root release-root.json] OUTPUT_DIR
#
# The tree is made here and packed by dpkg-deb: debhelper would add a download and do nothing that a virtual environment needs.
# Third-party packages come by uv.lock with their hashes; those without a wheel are built here. The same sources give the same file.
set -euo pipefail
umask 022
here=$(cd "$(dirname "$0")" && pwd)
project=$(dirname "$here")
release=0
root=""
output=""
python=/usr/bin/python3

fail() { printf 'build-deb.sh: %s\n' "$*" >&2; exit 1; }
usage() { fail "usage: packaging/build-deb.sh [--release N] [--root release-root.json] OUTPUT_DIR"; }

while [ $# -gt 0 ]; do
    case $1 in
        --release) release=${2:-}; shift 2 || usage ;;
        --root) root=${2:-}; shift 2 || usage ;;
        -*) usage ;;
        *) [ -z "$output" ] || usage; output=$1; shift ;;
    esac
done
[ -n "$output" ] || usage
[[ $release =~ ^[0-9]{1,6}$ ]] || fail "the number of a release is a number, not '$release'"
[ -z "$root" ] || [ -f "$root" ] || fail "there is no $root"
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null \
    || fail "$python must be Python 3.11, as in Debian 12: build there or in a container of it"
uv=$(command -v uv || true)
uv=${uv:-$project/.tools/bin/uv}
[ -x "$uv" ] || fail "uv is missing: run tools/setup.sh run"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
place=usr/lib/mbusmaster
mkdir -p "$tree" "$output"
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git -C "$project" log -1 --format=%ct 2>/dev/null || date +%s)
fi
export SOURCE_DATE_EPOCH UV_PYTHON_DOWNLOADS=never PYTHONDONTWRITEBYTECODE=1
# What is compiled here remembers where it was compiled.
export CFLAGS="-O2 -ffile-prefix-map=$work=."

environment() {
    "$python" -m venv --without-pip "$tree/$place"
    "$uv" build --quiet --wheel --out-dir "$work/wheel" "$project"
    (cd "$project" && "$uv" export --quiet --frozen --no-default-groups --extra master --extra panel \
        --no-emit-project --no-header --output-file "$work/requirements.txt" >/dev/null)
    local into=("$uv" pip install --quiet --python "$tree/$place/bin/python" --link-mode copy --no-compile-bytecode)
    # The name of the folder is only for this build; a package that has no wheel is built once and kept in the cache of uv.
    "${into[@]}" --require-hashes --requirements "$work/requirements.txt"
    "${into[@]}" --no-deps --no-index "$work"/wheel/*.whl
}

# Says in the package when it was made: no clock is right that says less.
date_of_release() {
    date --utc --date "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%S+00:00 > "$tree/$place/lib/python3.11/site-packages/mbusmaster/release-date"
}

# Takes out what belongs to this machine, or to nobody: where it was built, scripts of others, tests, caches.
clean_environment() {
    local packages=$tree/$place/lib/python3.11/site-packages
    printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = %s\n' "$("$python" -c 'import platform; print(platform.python_version())')" \
        > "$tree/$place/pyvenv.cfg"
    find "$tree/$place/bin" -mindepth 1 ! -name mbus ! -name mbussim ! -name mbusmaster -delete
    ln -s /usr/bin/python3 "$tree/$place/bin/python"
    ln -s python "$tree/$place/bin/python3"
    sed -i "1s|^#!.*|#!/$place/bin/python|" "$tree/$place"/bin/mbus*
    # RECORD is for pip, which is not here, and has the sums of scripts that named the place of this build.
    find "$packages" -path '*.dist-info/RECORD' -delete -o -name direct_url.json -delete -o -name uv_cache.json -delete -o -name REQUESTED -delete
    find "$packages" -type d \( -name tests -o -name test -o -name __pycache__ \) -prune -exec rm -rf {} +
    rm -rf "$tree/$place/include" "$tree/$place/share" "$tree/$place/lib64" "$packages"/_virtualenv.* "$tree/$place/.lock"
    find "$packages" \( -name .gitignore -o -name '*.sh' \) -delete
    find "$packages" -name '*.so' -exec strip --strip-unneeded {} +
    find "$packages" -type f -exec chmod a-x {} +
}

rest_of_the_tree() {
    install -d "$tree/DEBIAN" "$tree/usr/bin" "$tree/usr/share/mbusmaster" "$tree/usr/share/doc/mbusmaster"
    install -m 755 "$here"/bin/mbus "$here"/bin/mbussim "$here"/bin/mbusmaster "$tree/usr/bin/"
    install -D -m 755 -t "$tree/usr/libexec/mbusmaster" "$here"/bin/pause-after-failure "$here"/bin/give-led
    install -D -m 644 -t "$tree/lib/systemd/system" "$here"/systemd/*.service "$here"/systemd/*.socket
    install -D -m 644 "$here/systemd/not-beside-mbusmaster.conf" "$tree/lib/systemd/system/chrony.service.d/mbusmaster.conf"
    install -D -m 644 "$here/systemd/not-beside-mbusmaster.conf" \
        "$tree/lib/systemd/system/systemd-timesyncd.service.d/mbusmaster.conf"
    install -D -m 644 "$here/systemd/setup.network" "$tree/lib/systemd/network/10-mbusmaster-setup.network"
    install -D -m 644 "$here/systemd/logind.conf" "$tree/lib/systemd/logind.conf.d/mbusmaster.conf"
    install -D -m 644 "$here/sysusers.conf" "$tree/usr/lib/sysusers.d/mbusmaster.conf"
    install -D -m 644 "$here/tmpfiles.conf" "$tree/usr/lib/tmpfiles.d/mbusmaster.conf"
    install -D -m 644 "$here/modules-load.conf" "$tree/usr/lib/modules-load.d/mbusmaster.conf"
    install -D -m 644 "$here/60-mbusmaster.rules" "$tree/lib/udev/rules.d/60-mbusmaster.rules"
    install -D -m 644 "$here/apparmor" "$tree/etc/apparmor.d/mbusmaster-time"
    install -m 644 "$here/mbusmaster.toml" "$here/mbusmaster-time.conf" "$here/setup-dhcp.conf" "$tree/usr/share/mbusmaster/"
    [ -z "$root" ] || install -m 644 "$root" "$tree/usr/share/mbusmaster/release-root.json"
    printf '{"release": %d, "version": "%s", "date": "%s"}\n' "$release" "$version" \
        "$(date --utc --date "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)" > "$tree/usr/share/mbusmaster/release.json"
    documents
}

documents() {
    local folder=$tree/usr/share/doc/mbusmaster
    install -m 644 "$here/debian/copyright" "$folder/copyright"
    licences >> "$folder/copyright"
    [ ! -f "$project/docs/install.md" ] || install -m 644 "$project/docs/install.md" "$folder/install.md"
    gzip --best --no-name --stdout "$project/CHANGELOG.md" > "$folder/CHANGELOG.md.gz"
    printf 'mbusmaster (%s) stable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- %s  %s\n' "$debian_version" \
        "$(sed -n 's/^Maintainer: //p' "$here/debian/control")" "$(date --utc --date "@$SOURCE_DATE_EPOCH" -R)" \
        | gzip --best --no-name > "$folder/changelog.gz"
    install -d "$tree/usr/share/man/man1"
    "$tree/$place/bin/python" -B "$here/man.py" "$tree/usr/share/man/man1" "$version"
    gzip --best --no-name "$tree"/usr/share/man/man1/*.1
    install -D -m 644 "$here/debian/lintian-overrides" "$tree/usr/share/lintian/overrides/mbusmaster"
}

# Names each package of others that is inside, with the licence it names.
licences() {
    "$tree/$place/bin/python" -B - <<'CODE'
from importlib.metadata import distributions
for one in sorted(distributions(), key=lambda one: one.metadata["Name"].lower()):
    meta = one.metadata
    said = meta.get("License-Expression") or next(
        (c.rsplit(" :: ", 1)[1] for c in meta.get_all("Classifier") or () if c.startswith("License ::")), None
    ) or (meta.get("License") or "see its files").splitlines()[0]
    if meta["Name"] != "mbusmaster":
        print(f" {meta['Name']} {meta['Version']}: {said}")
CODE
}

control() {
    local size
    size=$(du --apparent-size --block-size=1024 --summarize "$tree" | cut -f1)
    sed -e "s|@VERSION@|$debian_version|" -e "s|@ARCHITECTURE@|$architecture|" -e "s|@SIZE@|$size|" \
        "$here/debian/control" > "$tree/DEBIAN/control"
    install -m 644 "$here/debian/conffiles" "$tree/DEBIAN/conffiles"
    install -m 755 "$here"/debian/postinst "$here"/debian/prerm "$here"/debian/postrm "$tree/DEBIAN/"
    (cd "$tree" && find etc lib usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum > DEBIAN/md5sums)
}

environment
version=$("$tree/$place/bin/python" -B -c 'from importlib.metadata import version; print(version("mbusmaster"))')
architecture=$(dpkg --print-architecture)
debian_version=$version+r$release
clean_environment
date_of_release
rest_of_the_tree
# Bytecode names the time of its source, and dpkg-deb moves no time that lies at this one.
find "$tree" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
"$python" -m compileall -q -j 2 --invalidation-mode timestamp -s "$tree" -p / "$tree/$place/lib"
control
find "$tree" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
find "$tree" -type d -exec chmod 755 {} +
file=$output/mbusmaster_${debian_version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz --build "$tree" "$file" >/dev/null
printf '%s\n' "$file"
