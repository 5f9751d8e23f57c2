"""Why the time server does not keep the clock, and what is doubtful about the clock: in words that pages translate."""

from typing import Final

from mbusweb.texts import mark

NO_DAEMON: Final = mark(
    "The time service of this machine is not running: nobody asks the time server. See the log."
)
NO_ANSWER: Final = mark("The time service of this machine does not answer (%(reason)s). See the log.")
NOT_WRITTEN: Final = mark(
    "The time server could not be handed to the time service (%(reason)s). See the log."
)
WAITING: Final = mark("The time server was asked a moment ago: wait for its answer.")
NO_NAME: Final = mark(
    "The name %(server)s is not known to the name servers. Check the name, and DNS of the Ethernet settings."
)
NO_ROUTE: Final = mark(
    "%(server)s cannot be reached (%(reason)s). Check the cable and the Ethernet settings."
)
NOBODY: Final = mark(
    "Nobody answers at %(server)s, TCP port %(port)s: it is off, or a firewall is in between."
)
CLOSED: Final = mark("%(server)s is there, but has no NTS server at TCP port %(port)s.")
EXPIRED: Final = mark(
    "The certificate of %(server)s has expired. Its operator must renew it, or the clock of this master is wrong."
)
NOT_YET_VALID: Final = mark(
    "The certificate of %(server)s is not valid yet: the clock of this master is probably behind. Set the time once."
)
WRONG_NAME: Final = mark(
    "The certificate of the server is not for %(server)s: it is another server, or goes by another name."
)
UNKNOWN_AUTHORITY: Final = mark(
    "The certificate of %(server)s is from an authority that this master does not know. A server of your own needs its "
    "authority in the folder for time servers."
)
CERTIFICATE: Final = mark("The certificate of %(server)s was refused (%(reason)s).")
TLS: Final = mark("%(server)s refuses a secured connection (%(reason)s).")
NOT_NTS: Final = mark("%(server)s answers at TCP port %(port)s, but is no NTS server.")
REFUSED: Final = mark("%(server)s refuses to hand out keys (error %(code)s of NTS-KE).")
NO_KEYS: Final = mark("%(server)s offers no keys that this master can use.")
NO_TIME: Final = mark(
    "%(server)s hands out keys, but no authenticated time comes (UDP port %(port)s): a firewall may be in between."
)
BAD_AUTHORITY: Final = mark(
    "The certificate of %(server)s is from an authority that this master does not know. The file %(file)s in the folder for time "
    "servers does not count: it is no certificate in PEM."
)
NOT_TAKEN: Final = mark(
    "%(server)s hands out keys, but the time service of this machine does not take them. See its log."
)
NOT_CHOSEN: Final = mark(
    "%(server)s answers, but its time is not used: it is not steady, or not synchronised itself."
)

BELOW_FLOOR: Final = mark(
    "At its start the clock said %(was)s, which cannot be: it was put to %(floor)s, the last time that is known, and is "
    "probably behind. Set the time, or let a time server do it."
)
STILL_BELOW: Final = mark(
    "The clock said %(was)s at the start, which cannot be: it is later than %(floor)s. It could not be corrected: "
    "%(reason)s"
)
NO_BATTERY: Final = mark(
    "This machine has no clock with a battery: since it was switched on, nobody has said what time it is."
)
NEVER_SET: Final = mark("Nobody has set this clock, and no time server has kept it.")
LONG_AGO: Final = mark("The clock was last known to be right on %(since)s: it may have drifted by minutes.")
