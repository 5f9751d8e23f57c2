"""What is wrong with a user, a password or a token, in the visitor's language."""

import math

from mbusweb.access import AccessError, LoginError, Problem
from mbusweb.locale import gettext as _
from mbusweb.locale import ngettext


def access_problem(error: AccessError) -> str:
    """Give the text for an error of users, passwords, logins and tokens."""
    if error.kind is Problem.WAIT and isinstance(error, LoginError):
        seconds = max(1, math.ceil(error.wait_seconds))
        return ngettext(
            "Too many attempts. Try again in %(seconds)d second.",
            "Too many attempts. Try again in %(seconds)d seconds.",
            seconds,
        ) % {"seconds": seconds}
    return _texts().get(error.kind, _("This is not possible."))


def _texts() -> dict[Problem, str]:
    return {
        Problem.NAME_LENGTH: _("A name has 1 to 32 characters."),
        Problem.NAME_CHARACTERS: _("A name is made of letters, digits, and . _ - after the first character."),
        Problem.NAME_RESERVED: _("This name belongs to the default user. Choose another one."),
        Problem.NAME_TAKEN: _("There is a user of this name already."),
        Problem.NO_SUCH_USER: _("There is no such user any more."),
        Problem.TOO_MANY_USERS: _("There are as many users as there can be: delete one first."),
        Problem.LAST_USER: _("The last user cannot be deleted."),
        Problem.LAST_ADMIN: _("One user who may do everything must stay."),
        Problem.ROLE: _("This role is not possible here."),
        Problem.NOT_FACTORY: _("The first user has been made already."),
        Problem.PASSWORD_SHORT: _("A password has at least 12 characters."),
        Problem.PASSWORD_LONG: _("This password is too long."),
        Problem.PASSWORD_CHARACTERS: _("A password must not contain control characters."),
        Problem.PASSWORD_NAME: _("The password must not be the name."),
        Problem.PASSWORD_KNOWN: _("This password is well known. Choose another one."),
        Problem.TITLE: _("Give the token a title that tells what it is for."),
        Problem.EXPIRES: _("This date cannot be the end of a token."),
        Problem.TOO_MANY_TOKENS: _("There are too many tokens: revoke one first."),
        Problem.NO_SUCH_TOKEN: _("There is no such token any more."),
        Problem.WRONG_LOGIN: _("User name or password is wrong."),
        Problem.WAIT: _("Too many attempts. Try again in a moment."),
        Problem.BUSY: _("Too many logins at the same time. Try again in a moment."),
        Problem.SETUP_ONLY: _("The first login is possible on the setup interface (USB) only."),
        Problem.UNUSABLE: _("The list of users cannot be read or written. See the log."),
        Problem.SECRETS: _(
            "The users in this file cannot be read: it was not made by a product like this one."
        ),
    }
