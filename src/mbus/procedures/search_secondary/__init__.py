"""The search for meters by secondary address, in few transactions (MBUS.md 3.4)."""

from mbus.procedures.search_secondary.search import search_secondary
from mbus.procedures.search_secondary.state import SearchState

__all__ = ["SearchState", "search_secondary"]
