"""The web pages and the JSON API of the head-end for people and their programs, on the shared base (`mbusweb`).

Where what belongs:

- **A page** is a module in `pages`, found by itself: a docstring, ``DOOR: Final = READER`` (or OPERATOR, ADMIN of `door`), and
  ``def router(services: Services) -> APIRouter``, whose routes answer with ``page(request, "name.html", …)`` of `mbusweb.render`.
  A change is a POST with ``{{ f.csrf() }}`` in its form, goes through an action outside of `web`, into `services.audit`, and ends
  with `flash` and `go_to`. One module has one door: what needs a higher role is a module of its own, or asks ``who.may(ADMIN)``.
  ``UPLOAD_LIMITS: Final = {"/path": bytes}`` for what takes files.
- **A menu entry** is a line in `product`; it is shown when the page is there and the visitor may open it.
- **A template** is ``templates/name.html`` with ``{% extends "base.html" %}``, blocks ``title``, ``head`` and ``main``; macros
  in ``macros/form.html`` (imported as ``f`` already) and ``macros/paging.html``; around buttons
  ``{% if visitor.may("operator") %}``.
- **A style sheet or script** is a file in ``static``: ``<script src="{{ static('name.js') }}" defer></script>`` in block
  ``head``; the policy forbids inline scripts and styles. `headend.css` is on every page.
- **A text** is ``_("…")`` in templates and modules (`mbusweb.locale`), ``mark("…")`` outside of `web`; then
  ``python -m mbusweb.locale.extract mbusheadend`` and translations in ``locale/*/LC_MESSAGES/web.po``.
- **A module of the API** is in `api`, found by itself: ``router(services)``, `DOOR`, tags of `assembly`; models from
  `mbusweb.api.models`, ``responses=declared(404)`` of `mbusweb.api.problems`, ``calling: Calling`` of `mbusweb.api.callers`.
- **Live parts**: `mbusweb.events.event_stream`; jobs: `services.jobs`.
"""

from pathlib import Path

from mbusweb.locale import add_catalogues

add_catalogues(Path(__file__).with_name("locale"))
