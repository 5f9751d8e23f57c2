"""Makers by their three letters, as far as their meters are met on building buses (MBUS.md 3.1).

A search tries them in this order where meters share an identification. The whole list is published by the DLMS association; a
meter whose letters are missing here is read all the same.
"""

from typing import Final

ROWS: Final = (
    ("KAM", "Kamstrup"),
    ("ABB", "ABB"),
    ("ACW", "Itron (Actaris)"),
    ("AMT", "Aquametro (Integra)"),
    ("BMT", "BMeters"),
    ("DME", "Diehl Metering"),
    ("EFE", "Engelmann"),
    ("ELS", "Elster"),
    ("ELV", "Elvaco"),
    ("EMH", "EMH"),
    ("EMU", "EMU Elektronik"),
    ("GAV", "Carlo Gavazzi"),
    ("GWF", "GWF"),
    ("HYD", "Hydrometer (Diehl)"),
    ("IME", "IME"),
    ("ISK", "Iskraemeco"),
    ("ITR", "Itron"),
    ("LGB", "Landis+Gyr (UK)"),
    ("LSE", "Landis & Staefa (Siemens)"),
    ("LUG", "Landis+Gyr"),
    ("NZR", "NZR"),
    ("PAD", "PadMess"),
    ("QDS", "Qundis"),
    ("RAM", "Rossweiner"),
    ("REL", "Relay"),
    ("SEC", "Schneider Electric"),
    ("SEN", "Sensus"),
    ("SIE", "Siemens"),
    ("SLB", "Schlumberger (Itron)"),
    ("SON", "Sontex"),
    ("SPX", "Sensus (Spanner)"),
    ("SVM", "SVM (Elster)"),
    ("TCH", "Techem"),
    ("WEP", "Weptech"),
    ("ZRI", "Zenner"),
    ("ZRM", "Zenner (Minol)"),
)

MANUFACTURERS: Final = dict(ROWS)
