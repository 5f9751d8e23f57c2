"""What the network part says to people: templates, translated by the pages."""

from typing import Final

from mbusweb.texts import mark

NOT_UNDERSTOOD: Final = mark("The helper of the master does not understand %(field)s: nothing was changed.")
NO_INTERFACE: Final = mark(
    "There is no Ethernet interface %(interface)s on this machine: nothing was changed."
)
IS_SETUP: Final = mark("%(interface)s is the setup network of the master and cannot be changed.")
ADDRESS_MISSING: Final = mark("Without DHCP, IP address and netmask are needed.")
NOT_AN_ADDRESS: Final = mark("%(value)s is no IPv4 address: nothing was changed.")
NOT_A_NETMASK: Final = mark("%(value)s is no netmask such as 255.255.255.0: nothing was changed.")
NOT_A_MACHINE: Final = mark("%(value)s cannot be the address of one machine: nothing was changed.")
NETWORKS_OWN: Final = mark(
    "%(value)s is the first or last address of %(network)s, which no machine can have."
)
GATEWAY_OUTSIDE: Final = mark("The gateway %(value)s is not in the network %(network)s: nothing was changed.")
GATEWAY_IS_OWN: Final = mark("The gateway cannot be the address of the master itself: nothing was changed.")
OVERLAPS_SETUP: Final = mark(
    "%(network)s is the setup network of the master: the local network needs other addresses. Nothing was changed."
)
LEASE_IN_SETUP: Final = mark(
    "The DHCP server gave %(address)s, but %(network)s is the setup network of the master. What was before is in force "
    "again. Give the local network other addresses."
)
SECONDS_OUTSIDE: Final = mark("A trial takes %(least)s to %(most)s seconds.")

UNSUPPORTED: Final = mark(
    "Neither NetworkManager nor systemd-networkd runs here, so the master cannot change the network: unsupported here. "
    "Set it with the tools of the operating system."
)
UNMANAGED: Final = mark(
    "%(manager)s runs here but does not manage %(interface)s, so the master cannot change it: unsupported here. Set it "
    "with the tools of the operating system."
)
NO_CABLE: Final = mark("No cable at %(interface)s, or nothing at its other end: nothing was changed.")
CABLE_LOST: Final = mark("The cable at %(interface)s came out. What was before is in force again.")
TAKEN: Final = mark("%(address)s is in use already, by the device %(mac)s: nothing was changed.")
RUNS_ALREADY: Final = mark(
    "Other addresses are on trial for %(seconds)s more seconds: keep or take back those first."
)
NO_SUCH_TRIAL: Final = mark("This trial is over: what was before is in force again.")

NO_DHCP: Final = mark(
    "No DHCP server answered at %(interface)s within %(seconds)s seconds. What was before is in force again."
)
NOT_APPLIED: Final = mark(
    "%(manager)s could not set the addresses of %(interface)s (%(reason)s). What was before is in force again."
)
OUTRANKED: Final = mark(
    "systemd-networkd takes the addresses of %(interface)s from %(file)s, which comes before those of the master. What was "
    "before is in force again."
)
MANAGER_GONE: Final = mark("%(manager)s does not answer (%(reason)s). See its log.")
MANAGER_BUSY: Final = mark(
    "Another program changes %(interface)s through %(manager)s. Try again in some minutes."
)
NOT_WRITTEN: Final = mark("The new addresses could not be written to %(path)s (%(reason)s).")

NOT_CONFIRMED: Final = mark(
    "Nobody confirmed the new addresses in time, so what was before is in force again."
)
TAKEN_BACK: Final = mark("The new addresses were taken back.")
INTERRUPTED: Final = mark(
    "The helper of the master ended during the trial, so what was before is in force again."
)

GATEWAY_SILENT: Final = mark(
    "The gateway %(gateway)s does not answer. Check address and cable before you keep this."
)
DNS_WHEN_KEPT: Final = mark(
    "This system has no systemd-resolved: the name servers are set in %(path)s when the addresses are kept."
)
DNS_ELSEWHERE: Final = mark(
    "This system takes its name servers from %(path)s, which another program writes: set them there."
)
