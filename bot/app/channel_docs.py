"""`docs/channels.md`, made of what the channels say of themselves; `make docs` writes it."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bot.app.accounts import channel_module, folders
from bot.model.channel import AttachmentType, Capabilities, ReceiptStatus, TextUnit

PAGE: Final = Path("docs/channels.md")
_PUBLIC: Final = "https://YOUR-HOST"
_ACCOUNT: Final = "main"
_UNITS: Final = {
    TextUnit.CHARACTERS: "characters",
    TextUnit.UTF16: "UTF-16 units",
    TextUnit.BYTES: "bytes of UTF-8",
    TextUnit.SMS: "septets, or UTF-16 units where GSM-7 lacks a letter",
}
_HEAD: Final = """# Channels

Made by `make docs` of what each channel's folder says of itself; a test compares it. A channel is
one folder in `channels/`, and an account one table in the configuration,
`[channels.<channel>.<account>]`, or made by the API ([operations.md](operations.md)). Secrets are
best given by the environment: `SAMTAL_CHANNELS__TWILIO_SMS__MAIN__AUTH_TOKEN`. With
`sandbox = true` every provider is played on the loopback.

A text that is longer than a message may be is split at sentences, else at words, never within a
letter or an emoji. What a channel lacks is written out: choices as numbered lines, cards and files
as text and links. `samtal doctor` looks over the accounts.

To add a channel: `samtal new-channel NAME` writes a folder that passes the contract as it stands;
write its samples from the provider's documentation, then its reading, sending and sandbox, until
`python -m pytest tests/contract -k NAME` is green, and `make docs`. Nothing else is edited.
"""


class Page(NamedTuple):
    """One channel, as its folder tells it."""

    name: str
    title: str
    setup: str
    settings: type[BaseModel]
    carries: Capabilities


def read_pages() -> list[Page]:
    """Every channel there is, by name; limits are those of the defaults."""
    return [_page(folder) for folder in folders()]


def written(pages: Iterable[Page]) -> str:
    """The whole document."""
    all_of_them = list(pages)
    blocks = [_HEAD, _overview(all_of_them), *(_section(page) for page in all_of_them)]
    return "\n".join(blocks)


def _page(folder: Path) -> Page:
    name = folder.name
    module = channel_module(name)
    told = tomllib.loads((folder / "samples.toml").read_text("utf-8")).get("settings", {})
    # What an account cannot lack; limits are those of the defaults.
    needed = {key: value for key, value in told.items() if isinstance(value, str)}
    settings = module.Settings.model_validate(needed)
    adapter = module.Adapter(settings, account=_ACCOUNT, public_base_url=_PUBLIC)
    about = import_module(f"channels.{name}").__doc__ or name
    webhook = f"{_PUBLIC}/webhooks/{name}/{_ACCOUNT}"
    return Page(
        name=name,
        title=about.splitlines()[0],
        setup=(folder / "setup.md").read_text("utf-8").replace("{webhook}", webhook).strip(),
        settings=module.Settings,
        carries=adapter.capabilities,
    )


# --- the table of all ------------------------------------------------------------------------


def _overview(pages: Iterable[Page]) -> str:
    head = "| channel | text | choices | files out | receipts | free text for | also |"
    rows = [
        f"| [`{page.name}`](#{page.name}) | {page.carries.text_limit:,} "
        f"| {page.carries.max_choices or 'numbered'} | {_files(page.carries)} "
        f"| {_receipts(page.carries)} | {_lasting(page.carries.window) or 'ever'} "
        f"| {', '.join(_also(page.carries)) or '-'} |"
        for page in pages
    ]
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows, ""])


def _files(carries: Capabilities) -> str:
    if carries.attachments == frozenset(AttachmentType):
        return "all"
    return ", ".join(sorted(carries.attachments)) or "links"


def _receipts(carries: Capabilities) -> str:
    return ", ".join(one for one in ReceiptStatus if one in carries.receipts) or "none"


def _also(carries: Capabilities) -> list[str]:
    return sorted(one.replace("_", " ") for one in carries.extended)


# --- one channel -----------------------------------------------------------------------------


def _section(page: Page) -> str:
    limits = "\n".join(f"- {line}" for line in _limits(page.carries))
    rows = [_row(key, field) for key, field in page.settings.model_fields.items()]
    table = "\n".join(["| setting | default | |", "|---|---|---|", *rows])
    return f"## {page.name}\n\n{page.title}\n\n{page.setup}\n\n{limits}\n\n{table}\n"


def _limits(carries: Capabilities) -> Iterator[str]:
    unit = _UNITS[carries.text_unit]
    yield f"texts of up to {carries.text_limit:,} {unit}; longer ones are split"
    if carries.max_choices:
        titles = f"titles of up to {carries.choice_title_limit} letters"
        yield f"up to {carries.max_choices} choices as buttons or a list, {titles}"
    else:
        yield "choices are numbered lines"
    yield "cards" if carries.cards else "cards are written out"
    yield f"files out: {_files(carries)}"
    yield f"receipts: {_receipts(carries)}"
    if carries.window is not None:
        yield f"free text for {_lasting(carries.window)} after the person's last message"
        if carries.human_window not in {None, carries.window}:
            yield f"written by people, for {_lasting(carries.human_window)}"
    yield f"{carries.rate:g} calls a second" if carries.rate else "no limit of calls a second"
    if carries.attests_phone:
        yield "the provider attests the phone number"
    if carries.spoofable:
        yield "senders can be made up: codes from there wait for the sender's word"
    if not carries.push:
        yield "reaches nobody who has left the page"
    if also := _also(carries):
        yield f"also: {', '.join(also)}"


def _row(key: str, field: FieldInfo) -> str:
    what = " ".join((field.description or "").split()).replace("|", "\\|")
    return f"| `{key}` | {_default(field)} | {what} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), ""):
        return "-"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, timedelta):
        return _lasting(value) or "-"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _lasting(time: timedelta | None) -> str:
    if time is None:
        return ""
    if time.days > 1:
        return f"{time.days} days"
    hours = time / timedelta(hours=1)
    return f"{hours:g} h" if hours >= 1 else f"{time.total_seconds():g} s"


if __name__ == "__main__":
    PAGE.write_text(written(read_pages()), "utf-8")
    sys.stdout.write(f"{PAGE} written\n")
