"""Pages from templates: Jinja2 with escaping on, unknown names an error, texts in the visitor's language."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from fastapi import Request
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mbusweb import locale
from mbusweb.door import Door
from mbusweb.navigation import menu
from mbusweb.product import Product
from mbusweb.static_files import StaticFiles
from mbusweb.visitor import Visitor, visitor

SHARED: Final = Path(__file__).with_name("templates")
Kind = Literal["success", "warning", "error"]
MAX_FLASHES: Final = 200
"""Browsers for which a message waits."""


@dataclass(frozen=True, slots=True)
class Flash:
    """A message that the next page of a browser shows once; the text is translated already."""

    kind: Kind
    text: str


class FlashBook(Protocol):
    """Messages that wait for the page after a redirect; no browser can make one up."""

    def add(self, who: Visitor, flash: Flash) -> None:
        """Let the visitor's next page show a message."""

    def take(self, who: Visitor) -> list[Flash]:
        """Give the visitor's messages and forget them."""


class Flashes:
    """`FlashBook` in memory; several processes have another one (`mbusweb.carried`)."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, list[Flash]] = OrderedDict()

    def add(self, who: Visitor, flash: Flash) -> None:
        """Let the visitor's next page show a message."""
        self._waiting.setdefault(who.csrf, [])[4:] = []
        self._waiting[who.csrf].append(flash)
        self._waiting.move_to_end(who.csrf)
        if len(self._waiting) > MAX_FLASHES:
            self._waiting.popitem(last=False)

    def take(self, who: Visitor) -> list[Flash]:
        """Give the visitor's messages and forget them."""
        return self._waiting.pop(who.csrf, []) if self._waiting else []


class Renderer:
    """Makes pages and parts of pages.

    :ivar product: whose pages they are.
    :param context: gives values for every page.
    :param filters: of templates, by name, beside the shared ones.
    """

    def __init__(
        self,
        product: Product,
        static: StaticFiles,
        context: Callable[[], Mapping[str, Any]],
        filters: Mapping[str, Callable[..., Any]],
    ) -> None:
        self.product = product
        self.flashes: FlashBook = Flashes()
        self.paths: Mapping[str, Door] = {}
        """Of the pages that are there; the menu shows no others."""
        self._context = context
        self._environment = _environment(product, static, filters)

    def page(
        self, who: Visitor, path: str, template: str, values: dict[str, Any], status: int = 200
    ) -> HTMLResponse:
        """Give a whole page."""
        html = self._environment.get_template(template).render(
            values,
            visitor=who,
            path=path,
            menu=menu(self.product, self.paths, who, path),
            flashes=self.flashes.take(who),
            **self._context(),
        )
        return HTMLResponse(html, status, headers={"vary": "Cookie, Accept-Language"})

    def fragment(self, template: str, **values: Any) -> str:
        """Give a part of a page, for htmx and event streams."""
        return self._environment.get_template(template).render(values)


def renderer_of(request: Request) -> Renderer:
    """Give the renderer of the app that answers a request."""
    renderer: Renderer = request.app.state.renderer
    return renderer


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Answer with a page.

    :param values: what the template shows, beside what every page has.
    """
    return renderer_of(request).page(visitor(request), request.url.path, template, values, status)


def ask(
    request: Request,
    *,
    title: str,
    question: str,
    yes: str,
    path_yes: str,
    path_no: str,
    no: str = "",
    values: dict[str, str] | None = None,
) -> HTMLResponse:
    """Answer with a question; "yes" sends a form, also without JavaScript. All texts are translated already.

    :param no: where "Cancel" could be taken for what is asked about.
    :param values: what the form sends along.
    """
    return page(
        request,
        "confirm.html",
        title=title,
        question=question,
        yes=yes,
        path_yes=path_yes,
        path_no=path_no,
        no=no,
        values=values or {},
    )


def fragment(request: Request, template: str, **values: Any) -> HTMLResponse:
    """Answer htmx with a part of a page."""
    return HTMLResponse(renderer_of(request).fragment(template, visitor=visitor(request), **values))


def flash(request: Request, kind: Kind, text: str) -> None:
    """Let the visitor's next page show a message, translated already."""
    renderer_of(request).flashes.add(visitor(request), Flash(kind, text))


def go_to(request: Request, path: str) -> Response:
    """Send the browser to another page after a form was taken; htmx then loads a whole page too."""
    if request.headers.get("hx-request"):
        return Response(status_code=204, headers={"hx-redirect": path})
    return RedirectResponse(path, status_code=303)


def _environment(
    product: Product, static: StaticFiles, more_filters: Mapping[str, Callable[..., Any]]
) -> Environment:
    environment = Environment(
        loader=ChoiceLoader(
            (
                FileSystemLoader((product.folder / "templates", SHARED)),
                # For a page of a product that is more than the shared one of the same name.
                PrefixLoader({"shared": FileSystemLoader(SHARED)}),
            )
        ),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        locale.gettext, locale.ngettext, newstyle=True, pgettext=locale.pgettext
    )
    environment.globals.update(static=static.url, languages=locale.LANGUAGES, product=product)
    filters: Iterable[Any] = (
        locale.format_bytes,
        locale.format_date,
        locale.format_datetime,
        locale.format_number,
        locale.format_time,
    )
    environment.filters.update({one.__name__.removeprefix("format_"): one for one in filters})
    environment.filters.update(more_filters)
    return environment
