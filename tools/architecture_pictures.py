"""Draws the pictures of docs/architecture.md into docs/images, from what architecture_pictures.txt beside this says.

Boxes and lines stand where they are told to; every file is plain SVG for light and dark pages.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_suffix(".txt")
FOLDER: Final = Path(__file__).parent.parent / "docs/images"
LINE: Final = 17
FIRST: Final = 22
PADDING: Final = 12
CORNERS: Final = {"ours": 4, "disk": 8, "others": 4, "zone": 3}
EMPTY: Final = "."
STYLE: Final = """
text { font: 11.5px "DejaVu Sans", Verdana, sans-serif; fill: #1b1f24 }
.title { font-weight: bold; font-size: 13px }
.label { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round }
.zone-title { fill: #57606a; font-style: italic }
.ground { fill: #ffffff }
.ours { fill: #e4effc; stroke: #2f6fb5 }
.disk { fill: #fdf1d3; stroke: #a8761a; stroke-width: 1.6 }
.others { fill: #f1f2f4; stroke: #8a94a0 }
.zone { fill: none; stroke: #8a94a0; stroke-dasharray: 5 4 }
.line { fill: none; stroke: #1b1f24; stroke-width: 1.4 }
.back { fill: none; stroke: #1b6e3c; stroke-width: 1.4; stroke-dasharray: 6 3 }
.line-head { fill: #1b1f24 }
.back-head { fill: #1b6e3c }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .label { stroke: #10151b }
  .zone-title { fill: #9aa5b1 }
  .ground { fill: #10151b }
  .ours { fill: #16314f; stroke: #6aa6e8 }
  .disk { fill: #43340f; stroke: #d9a83f }
  .others { fill: #262c33; stroke: #8a94a0 }
  .line { stroke: #e6edf3 }
  .back { stroke: #62c98a }
  .line-head { fill: #e6edf3 }
  .back-head { fill: #62c98a }
}
"""
MARKER: Final = (
    '<marker id="{0}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse">'
    '<path class="{0}" d="M0,0 L8,4 L0,8 z"/></marker>'
)


@dataclass(frozen=True, slots=True)
class Part:
    """A box, a line or a note: its first line in the source, and the words below that."""

    kind: str
    place: list[str]
    words: list[str] = field(default_factory=list)

    def drawn(self) -> Iterator[str]:
        """Give its elements."""
        if self.kind in CORNERS:
            yield from self._box()
        elif self.kind == "note":
            yield from _texts(int(self.place[0]), int(self.place[1]), self.words)
        else:
            yield from self._line()

    def _box(self) -> Iterator[str]:
        x, y, width, height = map(int, self.place)
        corner = CORNERS[self.kind]
        yield f'<rect class="{self.kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="{corner}"/>'
        title, down = ("zone-title", FIRST - 5) if self.kind == "zone" else ("title", FIRST)
        yield from _texts(x + PADDING, y + down, self.words[:1], title)
        yield from _texts(x + PADDING, y + FIRST + LINE + 1, self.words[1:])

    def _line(self) -> Iterator[str]:
        at = self.place.index("@") if "@" in self.place else len(self.place)
        kind = "back" if self.kind == "back" else "line"
        heads = f'marker-end="url(#{kind}-head)"'
        if self.kind == "both":
            heads += f' marker-start="url(#{kind}-head)"'
        yield f'<polyline class="{kind}" points="{" ".join(self.place[:at])}" {heads}/>'
        if self.words:
            x, y = map(int, self.place[at + 1 :])
            yield from _texts(x, y, self.words, "label")


def parts_of(source: str) -> Iterator[Part]:
    """Read a source."""
    part: Part | None = None
    for line in source.splitlines():
        if line.startswith(" ") and part is not None:
            part.words.append(line.strip())
        elif line and not line.startswith("#"):
            if part is not None:
                yield part
            kind, *place = line.split()
            part = Part(kind, place)
    if part is not None:
        yield part


def pictures(source: str) -> dict[str, str]:
    """Give the files by their names."""
    found: dict[str, tuple[Part, list[Part]]] = {}
    inside: list[Part] = []
    for part in parts_of(source):
        if part.kind == "picture":
            inside = []
            found[f"architecture-{part.place[0]}.svg"] = part, inside
        else:
            inside.append(part)
    return {name: _svg(picture, parts) for name, (picture, parts) in found.items()}


def _svg(picture: Part, parts: Iterable[Part]) -> str:
    _, width, height = picture.place
    # Lines over boxes, words over lines.
    drawn = [element for part in parts for element in part.drawn()]
    drawn.sort(key=lambda element: ("<rect", "<poly", "<text").index(element[:5]))
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            ' role="img">',
            f"<title>{escape(' '.join(picture.words), quote=False)}</title>",
            f"<style>{STYLE}</style>",
            f"<defs>{MARKER.format('line-head')}{MARKER.format('back-head')}</defs>",
            f'<rect class="ground" width="{width}" height="{height}"/>',
            *drawn,
            "</svg>\n",
        )
    )


def _texts(x: int, y: int, words: Iterable[str], kind: str = "") -> Iterator[str]:
    named = f' class="{kind}"' if kind else ""
    for number, line in enumerate(words):
        if line != EMPTY:
            yield f'<text x="{x}" y="{y + number * LINE}"{named}>{escape(line, quote=False)}</text>'


def main() -> int:
    """Write all of them."""
    for name, svg in pictures(SOURCE.read_text("utf-8")).items():
        (FOLDER / name).write_text(svg, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
