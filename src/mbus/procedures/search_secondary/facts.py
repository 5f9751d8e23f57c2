"""What is proven about a bus, and what is still open. Nothing in here is guessed.

The open identifications are kept as disjoint cells, the leaves of a tree: a cell that may hold several meters is split into
its ten children on one digit. A cell is settled when it is proven empty, or when exactly one meter was proven in it; and so is
everything under a wide mask that was silent or answered alone, in whatever cells it lies.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from mbus.procedures.search_secondary.masks import (
    DECIMAL,
    Mask,
    covers,
    digit_at,
    fix,
    shift_of,
    volume,
    wider,
)


@dataclass(eq=False, slots=True)
class Group:
    """A cell that was split.

    :ivar position: the digit on which it was split.
    :ivar shift: bits that lie below that digit in an identification.
    """

    mask: Mask
    position: int
    parent: "Group | None"
    children: "dict[int, Group | Cell]" = field(default_factory=dict)
    shift: int = field(init=False)

    def __post_init__(self) -> None:
        self.shift = shift_of(self.position)


@dataclass(eq=False, slots=True)
class Cell:
    """A mask under which nothing is settled yet."""

    mask: Mask
    parent: Group | None
    volume: float


class Facts:
    """Proven things about the identifications under `base`."""

    def __init__(self, base: Mask) -> None:
        self.base = base
        self.known: list[int] = []
        self.open: dict[Mask, Cell] = {}
        self.groups: dict[Mask, Group] = {}
        """All split cells; one comes behind those around it."""
        self.proofs: dict[Mask, int] = {}
        """Answered masks and how many meters they proved (1 or 2), apart from cells that were settled by it."""
        self.unread: set[Mask] = set()
        """Masks that were acknowledged, and no reading came when it was asked for."""
        self.nameless: list[Mask] = []
        """Masks under which a meter answered alone that does not say who it is."""
        self._sizes: defaultdict[float, dict[Cell, None]] = defaultdict(dict)
        self._root: Group | Cell
        self._within: defaultdict[Mask, dict[Cell, None]] = defaultdict(dict)
        self._settled: defaultdict[int, set[int]] = defaultdict(set)
        self._counts: dict[Mask, tuple[int, int]] = {}
        self._root = self._add(base, None)

    def cells(self, mask: Mask) -> Collection[Cell]:
        """Give the open cells that lie wholly under a mask."""
        return self._within.get(mask, {}).keys()

    def any_cell(self, *, widest: bool) -> Cell:
        """Give the oldest of the widest open cells, or of the narrowest."""
        sizes = [size for size, cells in self._sizes.items() if cells]
        return next(iter(self._sizes[max(sizes) if widest else min(sizes)]))

    def cell_at(self, identification: int) -> Cell | None:
        """Give the open cell in which an identification lies, None where it is settled."""
        node: Group | Cell | None = self._root
        while isinstance(node, Group):
            node = node.children.get(identification >> node.shift & 15)
        if node is None or node.mask not in self.open:
            return None
        if any(identification & care in values for care, values in self._settled.items()):
            return None
        return node

    def known_in(self, mask: Mask) -> int:
        """Count the known meters under a mask."""
        count, seen = self._counts.get(mask, (0, 0))
        if seen < len(self.known):
            care, value = mask
            count += sum([meter & care == value for meter in self.known[seen:]])
            self._counts[mask] = count, len(self.known)
        return count + sum(1 for narrow in self.nameless if covers(mask, narrow))

    def add_known(self, identification: int) -> None:
        """A meter is proven to exist; nothing is settled by that."""
        self.known.append(identification)

    def add_nameless(self, mask: Mask) -> None:
        """A meter is proven to be alone under a mask, and does not say who it is."""
        self.nameless.append(mask)

    def settle(self, mask: Mask) -> None:
        """Nothing under this mask is open any more."""
        self._settled[mask[0]].add(mask[1])
        for cell in list(self.cells(mask)):
            self._remove(cell)

    def prove(self, mask: Mask, at_least: int) -> None:
        """A mask is proven to hold so many meters."""
        self.proofs[mask] = max(at_least, self.proofs.get(mask, 0))

    def split(self, cell: Cell, position: int, digits: Iterable[int] = DECIMAL) -> Group:
        """Replace a cell by its children on one digit, without those that are settled."""
        self._remove(cell)
        group = Group(cell.mask, position, cell.parent)
        self.groups[group.mask] = group
        self._replace(cell, group)
        for digit in digits:
            self.open_child(group, digit)
        return group

    def open_child(self, group: Group, digit: int) -> None:
        """Make one child of a split cell open, unless it is settled."""
        mask = fix(group.mask, group.position, digit)
        if not self._covered(mask):
            group.children[digit] = self._add(mask, group)

    def _add(self, mask: Mask, parent: Group | None) -> Cell:
        cell = Cell(mask, parent, volume(mask[0] & ~self.base[0]))
        self.open[mask] = cell
        self._sizes[cell.volume][cell] = None
        for wide in wider(mask, self.base[0]):
            self._within[wide][cell] = None
        return cell

    def _remove(self, cell: Cell) -> None:
        del self.open[cell.mask]
        del self._sizes[cell.volume][cell]
        for wide in wider(cell.mask, self.base[0]):
            del self._within[wide][cell]

    def _replace(self, cell: Cell, group: Group) -> None:
        if cell.parent is None:
            self._root = group
        else:
            cell.parent.children[digit_at(cell.mask[1], cell.parent.position)] = group

    def _covered(self, mask: Mask) -> bool:
        care, value = mask
        return any(wide & care == wide and value & wide in values for wide, values in self._settled.items())
