#!/usr/bin/env bash
# Brings what `make demo` and `make test` need: uv, the locked Python environment, Debian packages, what tests need from npm.
# Usage: tools/setup.sh run | develop | device
set -euo pipefail
cd "$(dirname "$0")/.."

uv_version=0.13.9
want=${1:?usage: tools/setup.sh run|develop|device}
python=${PYTHON:-python3}

say() { printf '%s\n' "$*" >&2; }

# Installs Debian packages where that is allowed, otherwise says exactly which line to run.
need_packages() {
    local line="apt-get install --yes --no-install-recommends $*"
    if ! command -v apt-get >/dev/null; then
        say "Please install: $* (this machine has no apt-get)"
        exit 1
    elif [ "$(id -u)" = 0 ]; then
        say "Installing $*"
        { apt-get update --quiet && DEBIAN_FRONTEND=noninteractive $line; } >/dev/null || { say "Failed: $line"; exit 1; }
    elif sudo -n true 2>/dev/null; then
        say "Installing $* (by sudo)"
        { sudo apt-get update --quiet && sudo DEBIAN_FRONTEND=noninteractive $line; } >/dev/null || { say "Failed: sudo $line"; exit 1; }
    else
        say "Please run this line, then the same command again:"
        say "    sudo apt-get update && sudo $line"
        exit 1
    fi
}

command -v "$python" >/dev/null || need_packages python3 python3-venv
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    say "Python 3.11 or newer is needed, $python is $("$python" -V). Name another one: make PYTHON=/path/to/python3.11 ..."
    exit 1
}

if command -v uv >/dev/null; then
    uv=$(command -v uv)
else
    uv=.tools/bin/uv
    if [ ! -x "$uv" ]; then
        "$python" -c 'import ensurepip, venv' 2>/dev/null || need_packages python3-venv
        "$python" -m venv .tools
        .tools/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
    fi
fi

export UV_PYTHON_DOWNLOADS=never
if [ "$want" = run ]; then
    # A developer's environment is kept as it is: it holds all that running needs.
    [ -e .venv/.develop ] || "$uv" sync --quiet --frozen --inexact --no-default-groups --extra all --python "$(command -v "$python")"
    exit 0
fi

# Compiler and headers come first: uv builds evdev from source.
packages=()
command -v node >/dev/null || packages+=(nodejs libnode-dev)
command -v npm >/dev/null || packages+=(npm)
command -v g++ >/dev/null || packages+=(g++)
command -v make >/dev/null || packages+=(make)
[ -e /usr/include/linux/input.h ] || packages+=(linux-libc-dev)
command -v chromium-headless-shell >/dev/null || packages+=(chromium-headless-shell fonts-dejavu-core)
# Clients that others wrote.
for client in openssl socat stunnel4; do
    command -v "$client" >/dev/null || packages+=("$client")
done
# Services of the system that the gateway works with, each with the program that shows that it is there.
for service in chronyd:chrony NetworkManager:network-manager dnsmasq:dnsmasq-base nft:nftables rauc:rauc dbus-daemon:dbus-daemon \
    gdbus:libglib2.0-bin ip:iproute2 unshare:util-linux curl:curl pki:strongswan-pki mksquashfs:squashfs-tools lintian:lintian readelf:binutils docker-compose:docker-compose; do
    command -v "${service%%:*}" >/dev/null || packages+=("${service##*:}")
done
# What a big head-end stands on: its database, the balancer in front of it, and Java for the jobs over its archives.
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || packages+=(postgresql)
[ -x /usr/sbin/haproxy ] || packages+=(haproxy)
command -v java >/dev/null || packages+=(openjdk-17-jre-headless)
[ -x /lib/systemd/systemd-networkd ] || packages+=(systemd)
/usr/bin/python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
if [ "$want" = device ]; then
    command -v qemu-system-x86_64 >/dev/null || packages+=(qemu-system-x86)
    command -v qemu-img >/dev/null || packages+=(qemu-utils)
    command -v mmdebstrap >/dev/null || packages+=(mmdebstrap)
fi
[ ${#packages[@]} = 0 ] || need_packages "${packages[@]}"
[ "$want" != device ] || exit 0

"$uv" sync --quiet --frozen --all-extras --python "$(command -v "$python")"
touch .venv/.develop

# libmbus comes as a native module of npm; the headers of Debian's node save it a download.
if [ ! -e tests/peers/node_modules/node-mbus/build/Release/mbus.node ] \
    || [ tests/peers/package-lock.json -nt tests/peers/node_modules ]; then
    if [ -e /usr/include/node/node.h ]; then export npm_config_nodedir=/usr; fi
    npm ci --prefix tests/peers --no-audit --no-fund --loglevel=error >&2
    touch tests/peers/node_modules
fi

# axe-core looks at the pages in the tests that drive a browser.
if [ tests/browser/package-lock.json -nt tests/browser/node_modules ]; then
    npm ci --prefix tests/browser --no-audit --no-fund --loglevel=error >&2
    touch tests/browser/node_modules
fi
