import inspect

from mbus import errors


def test_the_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    assert errors.__doc__ is not None
    tree = [line for line in errors.__doc__.splitlines() if line.startswith("    ")]
    parents: list[str] = []
    drawn: dict[str, str] = {}
    for line in tree:
        name = next(word for word in line.replace("│", " ").replace("├──", " ").replace("└──", " ").split())
        depth = (line.index(name) - 4) // 4
        parents[depth:] = [name]
        if depth:
            drawn[name] = parents[depth - 1]
    defined = {
        name: kind.__bases__[0].__name__
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind is not errors.MBusError
    }
    assert drawn == defined
