"""A CRM that speaks plain JSON over HTTP: `docs/crm.md` says how."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, JsonValue, StringConstraints, ValidationError
from pydantic_core import to_json

from bot.crms.settings import CrmSettings
from bot.kit import failures
from bot.model.crm import FieldTold, MappedField, PullFailed, Push, Record, RecordPage, Terms
from bot.model.sending import (
    CallResult,
    FailureKind,
    HttpCall,
    Refused,
    Reply,
    Retry,
    Sent,
    Uncertain,
)
from bot.model.value import AwareDatetime
from bot.ports.crm import Pulling, Pushing

_NOT_FOUND: Final = 404
# A page of many records is larger than what a provider answers to a send.
_LARGEST: Final = 8_388_608
_LONGEST: Final = 200


class _Answer(BaseModel):
    """What it answers; fields that we do not know are its own business."""

    model_config = ConfigDict(extra="allow", frozen=True)


class _Customers(_Answer):
    customers: list[JsonValue]
    cursor: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
    more: bool = False


class _Customer(_Answer):
    id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    changed_at: AwareDatetime
    version: str | int | None = None


class PlainCrm:
    """The `Crm` port over `PATCH /customers/{id}` and `GET /customers?changed_since=`."""

    def __init__(self, settings: CrmSettings) -> None:
        self._base = settings.url.rstrip("/")
        self._secret = settings.secret
        self._terms = settings.terms

    @property
    def terms(self) -> Terms:
        """See the port."""
        return self._terms

    def push(self, push: Push, field: MappedField) -> Pushing:
        """See the port: one PATCH with the one field that changed."""
        url = f"{self._base}/customers/{quote(push.customer, safe='')}"
        body = to_json({field.theirs: field.as_theirs(push.value)})
        result = yield self._call("PATCH", url, body=body, key=push.key)
        if failures.succeeded(result):
            return Sent()
        if isinstance(result, Reply) and result.status == _NOT_FOUND:
            return failures.refused(
                FailureKind.REJECTED, code=str(_NOT_FOUND), message="it does not know this customer"
            )
        return _failed(result)

    def changed(self, cursor: str | None) -> Pulling:
        """See the port: one page."""
        query = "" if cursor is None else f"?{urlencode({'changed_since': cursor})}"
        result = yield self._call("GET", f"{self._base}/customers{query}")
        if not isinstance(result, Reply) or not failures.succeeded(result):
            failed = _failed(result)
            after = failed.after if isinstance(failed, Retry) else None
            said = f"{failed.failure.code or ''} {failed.failure.message}".strip()
            return PullFailed(reason=said, after=after)
        try:
            answer = _Customers.model_validate_json(result.body)
        except ValidationError as error:
            return PullFailed(reason=f"the answer cannot be read: {_first(error)}")
        return self._page(answer)

    def _page(self, answer: _Customers) -> RecordPage:
        records: list[Record] = []
        unread: list[str] = []
        for number, raw in enumerate(answer.customers):
            try:
                records.append(self._record(_Customer.model_validate(raw)))
            except ValidationError as error:
                unread.append(f"customers.{number}: {_first(error)}")
        return RecordPage(
            records=tuple(records), cursor=answer.cursor, more=answer.more, unread=tuple(unread)
        )

    def _record(self, customer: _Customer) -> Record:
        extra: dict[str, object] = dict(customer.model_extra or {})
        told = ((field, extra.get(field.theirs)) for field in self._terms.fields)
        return Record(
            id=customer.id,
            changed_at=customer.changed_at,
            version=None if customer.version is None else str(customer.version),
            fields=tuple(
                FieldTold(key=field.key, value=field.as_ours(value))
                for field, value in told
                if isinstance(value, str) and value.strip()
            ),
        )

    def _call(self, method: str, url: str, *, body: bytes = b"", key: str = "") -> HttpCall:
        headers = [
            ("Authorization", f"Bearer {self._secret.get_secret_value()}"),
            ("Accept", "application/json"),
        ]
        if body:
            headers += [("Content-Type", "application/json"), ("Idempotency-Key", key)]
        return HttpCall(
            method=method,
            url=url,
            headers=tuple(headers),
            body=body,
            max_bytes=_LARGEST,
            secrets=(self._secret,),
        )


def _failed(result: CallResult) -> Retry | Refused:
    """How a call failed; one whose answer was lost is made again, as a repeat changes nothing."""
    failed = failures.failed(result)
    return Retry(failure=failed.failure) if isinstance(failed, Uncertain) else failed


def _first(error: ValidationError) -> str:
    """What is wrong first and where, without what was sent."""
    one = error.errors(include_input=False, include_url=False, include_context=False)[0]
    return f"{'.'.join(map(str, one['loc']))}: {one['msg']}"[:_LONGEST]
