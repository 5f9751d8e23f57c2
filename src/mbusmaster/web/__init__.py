"""The web pages and the JSON API of the master: thin views on the services that the command line uses too.

`app.create_app` puts the pages together, `server.WebServer` lets browsers in, `services.Services` is all that a page gets.
"""

from pathlib import Path

from mbusweb.locale import add_catalogues

add_catalogues(Path(__file__).with_name("locale"))
