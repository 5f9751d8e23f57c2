"""Reading what a form sent, and what goes wrong with it."""

from fastapi import Request

from mbusweb.guard import CSRF_FIELD


async def form_values(request: Request) -> dict[str, str]:
    """Give the text fields of a form; of several with one name the last (a check box behind its hidden field)."""
    form = await request.form()
    return {
        name: value for name, value in form.multi_items() if isinstance(value, str) and name != CSRF_FIELD
    }
