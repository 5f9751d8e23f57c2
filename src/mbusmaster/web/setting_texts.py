"""Names of settings as people read them, in the visitor's language."""

from typing import Any

from pydantic import BaseModel

from mbusmaster.settings import Settings
from mbusweb.locale import gettext as _


def setting_title(path: str) -> str:
    """Give the title of a setting with the titles of what it is in: "Channels › Unsecured TCP › Port number".

    :param path: dotted, list entries counted from 0; what is not known is given as it is.
    """
    titles: list[str] = []
    model: Any = Settings
    for part in path.split("."):
        if part.isdecimal():
            titles[-1:] = [f"{titles[-1]} {int(part) + 1}"] if titles else []
            continue
        field = model.model_fields.get(part) if _is_model(model) else None
        if field is None:
            return path
        titles.append(_(field.title) if field.title else part)
        model = _inner(field.annotation)
    return " › ".join(titles)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _inner(annotation: Any) -> Any:
    """Give the model that a field holds, also one or several of it; None where it holds none."""
    if _is_model(annotation):
        return annotation
    return next((one for one in map(_inner, getattr(annotation, "__args__", ())) if one is not None), None)
