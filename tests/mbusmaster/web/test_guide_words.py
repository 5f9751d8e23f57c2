"""What the device's guide has a word for, the pages call by that word."""

from typing import Final

import pytest

from mbusmaster.web.locale import Preferences, speaking
from mbusmaster.web.locale import gettext as _
from mbusmaster.web.locale.extract import template_catalogue

GUIDE: Final[dict[str, dict[str, str]]] = {
    # Of two names for the time server's choice, that of the list of choices (3.1.6).
    "da": {
        "Status": "Status",
        "Meter list": "Målerliste",
        "Scan M-Bus master": "Scan M-Bus master",
        "Baud rate": "Baudrate",
        "Firmware version": "Firmwareversion",
        "Operational status": "Driftsstatus",
        "Local": "Lokal",
        "Hosted": "Hostet",
        "M-Bus status": "Status for M-Bus",
        "IP address": "IP-adresse",
        "Time server status": "Status på tidsserver",
        "Time server address": "Tidsserveradresse",
        "Serial number": "Serienummer",
        "Configuration": "Konfiguration",
        "Ethernet": "Ethernet",
        "Netmask": "Netmaske",
        "Gateway": "Gateway",
        "Hosting": "Hosting",
        "Security settings": "Sikkerhedsindstillinger",
        "Enable secured TCP at Port": "Aktiver sikret TCP på port",
        "Enable unsecured TCP at Port": "Aktiver ikke-sikret TCP på port",
        "Port number": "Portnummer",
        "M-Bus settings": "M-Bus-indstillinger",
        "Min. baud rate": "Min. baudrate",
        "Default baud rate": "Standardbaudrate",
        "Max. baud rate": "Max. baudrate",
        "Timeout [seconds]": "Timeout [sekunder]",
        "Max retries": "Maks. antal nye forsøg",
        "Time settings": "Tidsindstillinger",
        "Use PC time": "Anvend PC-tid",
        "Use time server": "Anvend tid fra server",
        "Set time manually": "Indstil tid manuelt",
        "Firmware update": "Firmwareopdatering",
        "Log": "Log",
        "Restart": "Genstart",
        "User": "Bruger",
        "User list": "Brugerliste",
        "Add user": "Tilføj bruger",
        "User name": "Brugernavn",
        "Password": "Adgangskode",
        "Power": "Power",
        "Master on": "Master tændt",
        "Master off": "Master slukket",
        "M-Bus": "M-Bus",
        "M-Bus fault": "M-Bus-fejl",
        "M-Bus running": "M-Bus kører",
        "M-Bus activity": "M-Bus-aktivitet",
        "Data": "Data",
        "Overload": "Overlast",
        "M-Bus shut down by overtemperature": "M-Bus er lukket ned pga. overtemperatur",
        "M-Bus temperature OK": "M-Bus-temperatur OK",
        "Link present": "Forbindelse er oprettet",
        "Ethernet activity": "Ethernet-aktivitet",
    },
    "de": {
        "Status": "Status",
        "Meter list": "Zählerliste",
        "Scan M-Bus master": "M-Bus Master scannen",
        "Baud rate": "Baudrate",
        "Firmware version": "Firmware-Version",
        "Operational status": "Betriebsstatus",
        "Local": "Lokal",
        "Hosted": "Gehostet",
        "M-Bus status": "M-Bus-Status",
        "IP address": "IP-Adresse",
        "Time server status": "Status des Zeitservers",
        "Time server address": "Adresse des Zeitservers",
        "Serial number": "Seriennummer",
        "Configuration": "Konfiguration",
        "Ethernet": "Ethernet",
        "Netmask": "Netzmaske",
        "Gateway": "Gateway",
        "Hosting": "Hosting",
        "Security settings": "Sicherheitseinstellungen",
        "Enable secured TCP at Port": "Gesichertes TCP aktivieren am Port",
        "Enable unsecured TCP at Port": "Ungesichertes TCP aktivieren am Port",
        "Port number": "Port-Nummer",
        "M-Bus settings": "M-Bus-Einstellungen",
        "Min. baud rate": "Min. Baudrate",
        "Default baud rate": "Standard-Baudrate",
        "Max. baud rate": "Max. Baudrate",
        "Timeout [seconds]": "Timeout [Sekunden]",
        "Max retries": "Max. Wiederholversuche",
        "Time settings": "Zeiteinstellungen",
        "Use PC time": "Die PC-Zeit verwenden",
        "Use time server": "Den Zeitserver verwenden",
        "Set time manually": "Die Zeit manuell einstellen",
        "Firmware update": "Firmwareaktualisierung",
        "Log": "Protokoll",
        "Restart": "Neustart",
        "User": "Benutzer",
        "User list": "Benutzerliste",
        "Add user": "Benutzer hinzufügen",
        "User name": "Benutzername",
        "Password": "Passwort",
        "Power": "Power",
        "Master on": "Master eingeschaltet",
        "Master off": "Master ausgeschaltet",
        "M-Bus": "M-Bus",
        "M-Bus fault": "M-Bus-Fehler",
        "M-Bus running": "M-Bus läuft",
        "M-Bus activity": "M-Bus-Aktivität",
        "Data": "Daten",
        "Overload": "Overload",
        "M-Bus shut down by overtemperature": "M-Bus ist wegen Übertemperatur ausgeschaltet",
        "M-Bus temperature OK": "M-Bus-Temperatur OK",
        "Link present": "Verbindung ist vorhanden",
        "Ethernet activity": "Ethernet-Aktivität",
    },
}
"""By language: the English label, and the guide's in that language (chapters 3 and 4)."""


def test_the_labels_of_the_guide_are_texts_of_the_pages() -> None:
    texts = {message.id for message in template_catalogue() if isinstance(message.id, str)}
    assert {label for labels in GUIDE.values() for label in labels} <= texts


@pytest.mark.parametrize("language", GUIDE)
def test_pages_call_things_by_the_words_of_the_guide(language: str) -> None:
    with speaking(Preferences(language)):
        assert {label: _(label) for label in GUIDE[language]} == GUIDE[language]
