"""The pages, one module each, found by themselves; `mbusheadend.web` says how one looks."""
