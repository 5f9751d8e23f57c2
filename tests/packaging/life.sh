# The life of the package on a machine: each part of what this prints begins with a line "== NAME".
exec 2>&1
part() { echo "== $1"; }
ours() { find /etc /run /usr /var \( -name '*mbusm*' -o -path '/usr/bin/mbus*' \) ! -path '/usr/lib/mbusmaster/*' | sort; }
deb=$(echo /given/*.deb)

part before; ours
part install; dpkg --install "$deb" || exit 1
part folders; stat --format '%A %U %G %n' /etc/mbusmaster /etc/mbusmaster/mbusmaster.toml /var/lib/mbusmaster /var/lib/mbusmaster/spool \
    /var/lib/mbusmaster-slots /run/mbusmaster-time /run/mbusmaster-time/sources.d
part current; readlink /var/lib/mbusmaster-slots/current
part groups; id -nG mbusmaster
part account; getent passwd mbusmaster
part enabled; ls /etc/systemd/system/*/ | grep mbusmaster | sort
part altered; dpkg --verify mbusmaster
part verify; systemd-analyze verify /lib/systemd/system/mbusmaster*.service /lib/systemd/system/mbusmaster*.socket | grep mbusmaster
part security
for unit in /lib/systemd/system/mbusmaster*.service; do systemd-analyze security --offline=yes "$unit" | tail -n 1; done
part tmpfiles; systemd-tmpfiles --cat-config mbusmaster.conf >/dev/null && systemd-tmpfiles --create mbusmaster.conf
part udev; test ! -x /usr/bin/udevadm || udevadm --version >/dev/null; ls /lib/udev/rules.d/60-mbusmaster.rules
part commands; for command in mbus mbussim mbusmaster; do cd /; "$command" --help | head -n 1; done
part imports; /usr/lib/mbusmaster/bin/python -I -B /given/imports.py
part run; /usr/bin/python3 /given/first_run.py
part failures; for result in exit-code exit-code success exit-code; do
    RUNTIME_DIRECTORY=/tmp SERVICE_RESULT=$result PATH=/given/fake:$PATH /usr/libexec/mbusmaster/pause-after-failure || echo "failed"; done
part again; echo '# kept' >> /etc/mbusmaster/mbusmaster.toml; dpkg --install "$deb" || exit 1; tail -n 1 /etc/mbusmaster/mbusmaster.toml
part written; find /usr/lib/mbusmaster -type f -newer /given/installed | head
part remove; dpkg --remove mbusmaster || exit 1
part removed; ours
part reinstall; dpkg --install "$deb" || exit 1; tail -n 1 /etc/mbusmaster/mbusmaster.toml
part purge; dpkg --purge mbusmaster || exit 1
part purged; ours; getent passwd mbusmaster; getent group mbusmaster
part end
