"""Whether a variant fits a moment, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.errors import ConfigError
from bot.hub.content.render import Broken, Template, compile_text
from bot.hub.content.variant import Condition, Operator, Variant
from bot.hub.content.verdict import Verdict

if TYPE_CHECKING:
    from bot.hub.content.moment import Moment
    from bot.hub.content.parse import Source
    from bot.hub.content.render import Variables


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A variant ready to be chosen and said; its id and its texts of refusal are made once."""

    variant: Variant
    id: str
    template: Template
    specificity: int
    strings: int
    only_persona: str
    only_stage: str
    only_channel: str


def prepare(source: Source, *, time_zone: str) -> Prepared:
    """Compile a variant's text; raises ConfigError with file, line and mend."""
    variant = source.variant
    template = compile_text(variant.text, locale=variant.locale, time_zone=time_zone)
    if isinstance(template, Broken):
        raise ConfigError(
            f"field 'text': {template.problem}",
            where=f"{source.file}:{source.line + template.line}",
            mend='Use `{{ name | fallback: "..." }}` and `{% if name %}...{% endif %}`.',
        )
    return Prepared(
        variant=variant,
        id=variant.id,
        template=template,
        specificity=variant.specificity,
        strings=variant.strings,
        only_persona=Verdict.PERSONA.of(wanted=" or ".join(variant.persona)),
        only_stage=Verdict.STAGE.of(wanted=" or ".join(variant.stage)),
        only_channel=Verdict.CHANNEL.of(wanted=" or ".join(variant.channel)),
    )


def misfit(candidate: Prepared, moment: Moment) -> str | None:
    """Why this variant may not be said at this moment, or None; locales are compared elsewhere."""
    variant = candidate.variant
    if variant.persona and moment.persona not in variant.persona:
        return candidate.only_persona
    if variant.stage and moment.stage not in variant.stage:
        return candidate.only_stage
    if variant.channel and not on_channel(variant.channel, moment.channel):
        return candidate.only_channel
    if variant.need is not None and moment.need is not variant.need:
        return Verdict.NEED.of(wanted=variant.need)
    return _untimely(variant, moment) or _unmet(variant, moment)


def _untimely(variant: Variant, moment: Moment) -> str | None:
    if variant.valid_from is not None and moment.now < variant.valid_from:
        return Verdict.BEGINS.of(at=variant.valid_from.isoformat())
    if variant.valid_to is not None and moment.now >= variant.valid_to:
        return Verdict.ENDED.of(at=variant.valid_to.isoformat())
    return None


def _unmet(variant: Variant, moment: Moment) -> str | None:
    failed = next((each for each in variant.when if not holds(each, moment.variables)), None)
    return None if failed is None else Verdict.CONDITION.of(condition=failed.wording)


def on_channel(wanted: tuple[str, ...], channel: str) -> bool:
    """Whether a channel is named, or its last word is: `sms` stands for every `*_sms`."""
    return channel in wanted or channel.rpartition("_")[2] in wanted


def holds(condition: Condition, variables: Variables) -> bool:
    """Whether a condition is true; values are compared as text, in any case."""
    value = variables.get(condition.field)
    wanted = {each.casefold() for each in condition.values}
    said = None if value is None else str(value).casefold()
    match condition.op:
        case Operator.EXISTS:
            return said is not None
        case Operator.MISSING:
            return said is None
        case Operator.IS | Operator.IN:
            return said in wanted
        case Operator.IS_NOT | Operator.NOT_IN:
            return said not in wanted
