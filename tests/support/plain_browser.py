"""A browser without scripts, in process."""

import re
from collections.abc import Mapping
from typing import Any

import httpx


class PlainBrowser(httpx.AsyncClient):
    """Keeps cookies, and sends with each form the token of the last page.

    :param app: what it speaks to.
    """

    def __init__(self, app: Any, base_url: str) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 50000))
        super().__init__(transport=transport, base_url=base_url)
        self.csrf = ""

    async def show(self, path: str) -> httpx.Response:
        """Get a page, following redirects, and keep the token of its forms."""
        answer = await self.get(path, follow_redirects=True)
        self._keep_token(answer)
        return answer

    async def submit(
        self, path: str, fields: Mapping[str, str] | None = None, *, follow: bool = True, **values: str
    ) -> httpx.Response:
        """Send a form, and follow where it leads.

        :param fields: those whose names are no words of Python.
        """
        form = {"csrf": self.csrf, **(fields or {}), **values}
        answer = await self.post(path, data=form, follow_redirects=follow)
        self._keep_token(answer)
        return answer

    def _keep_token(self, answer: httpx.Response) -> None:
        found = re.search(r'name="csrf" value="([^"]+)"|X-CSRF-Token": "([^"]+)"', answer.text)
        if found:
            self.csrf = found[1] or found[2]
