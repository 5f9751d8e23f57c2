#!/bin/sh
# Runs pytest with its files in memory, where SQLite and others wait for no disk: in_memory.sh PYTEST ARGUMENT ...
# Where there is no room for them, or no program may run there, they are where pytest puts them. Those of failed tests stay.
set -eu
memory=/dev/shm
room() { df --output=avail --block-size=1G "$memory" | tail -n 1; }
left() { awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo; }
if [ ! -d "$memory" ] || findmnt --noheadings --output OPTIONS --target "$memory" | grep --quiet noexec \
    || [ "$(room)" -lt 6 ] || [ "$(left)" -lt 10 ]; then
    exec "$@"
fi
# Short, for the names of sockets; open, for those who are not root.
folder=$(mktemp --directory "$memory/XXXX")
chmod 711 "$folder"
status=0
TMPDIR=$folder "$@" --basetemp "$folder/t" || status=$?
if [ "$status" = 0 ]; then
    rm -rf "$folder"
else
    echo "the files of the tests are in $folder"
fi
exit "$status"
