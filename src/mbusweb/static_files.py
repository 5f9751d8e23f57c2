"""Style sheet, scripts and pictures: under addresses that change with the content, so browsers may keep them for good."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException
from starlette.responses import FileResponse

SHARED: Final = Path(__file__).with_name("static")
PREFIX: Final = "/static"
_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
FOR_GOOD: Final = {"cache-control": "public, max-age=31536000, immutable"}


class StaticFiles:
    """The files below the folder of a product and the shared one, by name; what is not listed at the start is not served."""

    def __init__(self, folder: Path = SHARED) -> None:
        self._folders = (SHARED, folder)

    @cached_property
    def _files(self) -> dict[str, tuple[Path, str]]:
        return {
            file.relative_to(folder).as_posix(): (file, hashlib.sha256(file.read_bytes()).hexdigest()[:16])
            for folder in self._folders
            for file in folder.rglob("*")
            if file.suffix in _TYPES
        }

    def url(self, name: str) -> str:
        """Give the address of a file; raise `KeyError` for one that is not there."""
        return f"{PREFIX}/{self._files[name][1]}/{name}"

    def router(self) -> APIRouter:
        """Serve the files."""
        router = APIRouter(include_in_schema=False)

        @router.api_route(f"{PREFIX}/{{digest}}/{{name:path}}", methods=["GET", "HEAD"])
        async def file(digest: str, name: str) -> FileResponse:
            path, right = self._files.get(name, (Path(), ""))
            if right != digest:
                raise HTTPException(404)
            return FileResponse(path, media_type=_TYPES[path.suffix], headers=FOR_GOOD)

        return router
