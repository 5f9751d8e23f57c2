"""Run as root after the installation: starts the gateway as its unit does, and looks at its first page."""

import os
import signal
import socket
import subprocess

UNSHARE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
USER = [
    "setpriv",
    "--reuid=mbusmaster",
    "--regid=mbusmaster",
    "--init-groups",
    "--bounding-set=-all,+net_bind_service",
    "--inh-caps=+net_bind_service",
    "--ambient-caps=+net_bind_service",
    "--no-new-privs",
]
GATEWAY = ["/var/lib/mbusmaster-slots/current/bin/python", "-I", "-B", "-m", "mbusmaster", "run"]

os.makedirs("/run/mbusmaster", exist_ok=True)
subprocess.run(["chown", "mbusmaster:mbusmaster", "/run/mbusmaster"], check=True)
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind("/run/mbusmaster/notify")
os.chmod("/run/mbusmaster/notify", 0o666)
notify.settimeout(60)
environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": "/run/mbusmaster/notify"}
with subprocess.Popen([*UNSHARE, *USER, *GATEWAY], env=environment) as gateway:
    try:
        while b"READY=1" not in notify.recv(4096):
            pass
        fetch = "import urllib.request as u; page = u.urlopen('http://127.0.0.1/', timeout=10); print(page.status, page.url)"
        subprocess.run(["nsenter", f"--net=/proc/{gateway.pid}/ns/net", "python3", "-c", fetch], check=True)
    finally:
        gateway.send_signal(signal.SIGTERM)
print("ended with", gateway.returncode)
os.unlink("/run/mbusmaster/notify")
