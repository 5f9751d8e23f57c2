"""Errors of the master as problem details (RFC 9457)."""

from fastapi import FastAPI, Request
from starlette.responses import Response

from mbusmaster.channels.trust import TrustError
from mbusmaster.errors import MasterError
from mbusmaster.helper.errors import HelperError
from mbusmaster.meterlist import ListFullError, MeterRefusedError, ScanBusyError
from mbusmaster.settings import SettingsError
from mbusmaster.settings.backup import BackupError
from mbusmaster.system.network_change import TrialError
from mbusmaster.system.unavailable import NotAvailableError
from mbusmaster.web.phrases import phrase
from mbusmaster.web.settings_form import problem_text, problem_texts
from mbusmaster.web.trust_texts import trust_problem
from mbusweb.api.problems import problem
from mbusweb.locale import gettext as _
from mbusweb.locale import said


def handle_errors(api: FastAPI) -> None:
    """Answer the errors of the master."""

    @api.exception_handler(MasterError)
    async def refused(request: Request, error: MasterError) -> Response:
        return _refusal(error)


def _refusal(error: MasterError) -> Response:
    """Answer what a part of the master does not do."""
    match error:
        case SettingsError():
            texts = problem_texts(error)
            return problem(422 if error.problems else 503, " ".join(_settings_lines(error)), errors=texts)
        case BackupError():
            fields = {one.path: problem_text(one) for one in error.problems}
            return problem(422, _(str(error.key)).format(**error.values), errors=fields)
        case MeterRefusedError():
            text = phrase(str(error))
            return problem(404 if error.field == "id" else 422, text, errors={error.field: text})
        case TrustError():
            status = {"id": 404, "": 409}.get(error.field, 422)
            text = trust_problem(error)
            return problem(status, text, errors={error.field: text} if error.field else None)
        case ScanBusyError() | ListFullError():
            return problem(409, phrase(str(error)))
        case TrialError():
            return problem(409, _(str(error)))
        case HelperError():
            return problem(503, said(error.text))
        case NotAvailableError():
            return problem(501, _(str(error)))
    return problem(503, str(error))


def _settings_lines(error: SettingsError) -> list[str]:
    return [problem_text(one, with_title=True) for one in error.problems] or list(
        problem_texts(error).values()
    )
