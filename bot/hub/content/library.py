"""The live content: an immutable snapshot, and the choice of the variant for a moment.

Resolution order (deterministic, independent of the order of files):

1. eligible: persona, stage, channel, need, validity and conditions fit, every variable is known;
2. the person's language before any other: a fallback locale is looked at only when no variant of
   a nearer one is eligible, and what is found there is marked and counted as a gap;
3. the narrowest: persona 8 + stage 4 + channel 2 + exact locale 1;
4. the most conditions; then the name.

`sv-FI` and `sv` are one language, so a Swedish text for this persona comes before a general
Finland-Swedish one; English never comes before Swedish, however narrow it is.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING

from bot.errors import ConfigError
from bot.hub.content.candidate import Prepared, misfit, prepare
from bot.hub.content.moment import Moment, Resolution
from bot.hub.content.parse import Source, read_file
from bot.hub.content.render import Unfit
from bot.hub.content.verdict import Verdict
from bot.model.decision import Candidate, Decision, Gap

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bot.hub.content.variant import Variant

SAFE_SLOT = "fallback.safe"


class ContentSet:
    """All live variants, compiled; nothing in it changes after it is made."""

    def __init__(
        self,
        sources: Iterable[Source],
        *,
        fallback_locales: tuple[str, ...] = ("en",),
        time_zone: str = "Europe/Stockholm",
    ) -> None:
        ordered = sorted(sources, key=lambda source: source.variant.name)
        _refuse_twins(ordered)
        self._slots: dict[str, tuple[Prepared, ...]] = {}
        for source in ordered:
            candidate = prepare(source, time_zone=time_zone)
            slot = candidate.variant.slot
            self._slots[slot] = (*self._slots.get(slot, ()), candidate)
        self._fallbacks = fallback_locales
        self._safe = _always_fits(self._slots.get(SAFE_SLOT, ()), fallback_locales)
        self.id = _snapshot_id(self.variants)

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        fallback_locales: tuple[str, ...] = ("en",),
        time_zone: str = "Europe/Stockholm",
    ) -> ContentSet:
        """Read every `.md` file below a folder; raises ConfigError for the first that is wrong.

        Blocks on the disk: call it at start, or from a thread.
        """
        if not folder.is_dir():
            raise ConfigError("no such folder", where=str(folder), mend="Name the content folder.")
        sources = [read_file(path, root=folder) for path in content_files(folder)]
        return cls(sources, fallback_locales=fallback_locales, time_zone=time_zone)

    @property
    def variants(self) -> tuple[Variant, ...]:
        """Every variant, by name."""
        found = (each.variant for group in self._slots.values() for each in group)
        return tuple(sorted(found, key=lambda variant: variant.name))

    @property
    def slots(self) -> tuple[str, ...]:
        """Every slot that has a variant, in alphabetical order."""
        return tuple(sorted(self._slots))

    def resolve(self, slot: str, moment: Moment) -> Resolution:
        """What to say at this moment; always something, with a gap when it is not what was asked.

        Does no I/O. With no eligible variant the safe fallback is said.
        """
        chain = locale_chain(moment.locale, self._fallbacks)
        verdicts: list[Candidate] = []
        found = self._choose(slot, moment, chain, verdicts)
        if found is None:
            found = self._choose(SAFE_SLOT, moment, chain, verdicts) or self._last_resort()
        chosen, text = found
        return _resolution(slot, moment, chosen, text, (self.id, tuple(verdicts)))

    def _choose(
        self, slot: str, moment: Moment, chain: tuple[str, ...], verdicts: list[Candidate]
    ) -> tuple[Prepared, str] | None:
        ranked: list[tuple[tuple[int, int, int, str], Prepared]] = []
        for candidate in self._slots.get(slot, ()):
            locale = candidate.variant.locale
            reason = Verdict.LOCALE.of() if locale not in chain else None
            reason = reason or misfit(candidate, moment)
            if reason is None:
                ranked.append((_rank(candidate, moment.locale, chain), candidate))
            else:
                verdicts.append(Candidate(variant=candidate.id, verdict=reason))
        ranked.sort(key=lambda pair: pair[0])
        return _first_fit([each for _, each in ranked], moment, verdicts)

    def _last_resort(self) -> tuple[Prepared, str]:
        safe = self._safe
        return safe, safe.template.text


def content_files(folder: Path) -> list[Path]:
    """The content files below a folder, in a stable order."""
    return sorted(folder.rglob("*.md"), key=lambda path: path.relative_to(folder).as_posix())


def locale_chain(locale: str, fallbacks: tuple[str, ...]) -> tuple[str, ...]:
    """The locales to look in, nearest first: `sv-FI`, `sv`, then the fallbacks."""
    language = locale.partition("-")[0]
    return tuple(dict.fromkeys((locale, language, *fallbacks)))


def _rank(candidate: Prepared, locale: str, chain: tuple[str, ...]) -> tuple[int, int, int, str]:
    own = candidate.variant.locale
    same_language = own.partition("-")[0] == locale.partition("-")[0]
    distance = 0 if same_language else chain.index(own)
    specificity = candidate.specificity + (own == locale)
    return distance, -specificity, -candidate.strings, candidate.variant.name


def _first_fit(
    ranked: list[Prepared], moment: Moment, verdicts: list[Candidate]
) -> tuple[Prepared, str] | None:
    chosen: tuple[Prepared, str] | None = None
    for candidate in ranked:
        if chosen is not None:
            verdicts.append(Candidate(variant=candidate.id, verdict=Verdict.CLOSER.of()))
            continue
        text = candidate.template.render(moment.variables)
        if isinstance(text, Unfit):
            verdicts.append(Candidate(variant=candidate.id, verdict=text.reason))
            continue
        chosen = (candidate, text)
        verdicts.append(Candidate(variant=candidate.id, verdict=Verdict.CHOSEN.of()))
    return chosen


def _resolution(
    slot: str,
    moment: Moment,
    chosen: Prepared,
    text: str,
    trace: tuple[str, tuple[Candidate, ...]],
) -> Resolution:
    snapshot, candidates = trace
    variant = chosen.variant
    missing_locale = variant.locale != moment.locale
    fallback = variant.locale if variant.slot == slot else variant.slot
    decision = Decision(
        rule="",
        slot=slot,
        variant=chosen.id,
        snapshot=snapshot,
        locale=variant.locale,
        missing_locale=missing_locale,
        candidates=candidates,
    )
    gap = None
    if missing_locale or variant.slot != slot:
        gap = Gap(
            slot=slot,
            locale=moment.locale,
            channel=moment.channel,
            stage=moment.stage,
            persona=moment.persona,
            fallback=fallback,
        )
    return Resolution(
        text=text, choices=variant.choices, variant=variant, decision=decision, gap=gap
    )


def _always_fits(candidates: tuple[Prepared, ...], locales: tuple[str, ...]) -> Prepared:
    """The variant that can always be said: no axis, no condition, no time, no variable."""
    always = [
        each
        for each in candidates
        if each.specificity == 0
        and each.strings == 0
        and each.variant.valid_from is None
        and each.variant.valid_to is None
        and each.template.bound is None
        and each.variant.text
    ]
    for locale in locales:
        for candidate in always:
            if candidate.variant.locale == locale:
                return candidate
    raise ConfigError(
        f"slot '{SAFE_SLOT}' has no variant in {' or '.join(locales)} that fits every moment",
        where="content",
        mend="Add one without persona, stage, channel, need, valid, when and variables.",
    )


def _refuse_twins(sources: list[Source]) -> None:
    seen: dict[str, Source] = {}
    for source in sources:
        # Two names that some file systems take for one would make the winner depend on the disk.
        key = unicodedata.normalize("NFC", source.variant.name).casefold()
        twin = seen.setdefault(key, source)
        if twin is not source:
            raise ConfigError(
                f"the name '{source.variant.name}' is taken by {twin.file}",
                where=f"{source.file}:1",
                mend="Rename one of the two files.",
            )


def _snapshot_id(variants: tuple[Variant, ...]) -> str:
    lines = "\n".join(variant.id for variant in variants)
    return hashlib.blake2b(lines.encode(), digest_size=8).hexdigest()
