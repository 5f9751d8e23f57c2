#!/bin/sh
# Runs a script as root in a copy of this machine's file system that is gone afterwards: throwaway-root.sh FOLDER SCRIPT
# FOLDER is there as /given. Must be started in a mount namespace of its own.
set -eu
base=$1/root
mkdir "$base"
mount -t tmpfs tmpfs "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$base/root"
mount -t proc proc "$base/root/proc"
mount --rbind /dev "$base/root/dev"
mount -t tmpfs tmpfs "$base/root/run"
mount -t tmpfs tmpfs "$base/root/tmp"
mkdir -p "$base/root/given" "$base/root/run/lock"
mount --bind "$1" "$base/root/given"
exec chroot "$base/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive sh "/given/$2"
