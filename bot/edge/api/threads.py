"""Threads: reading them, and what agents do with them."""

from __future__ import annotations

from datetime import UTC, timedelta

from bot.edge.api.commands import done
from bot.edge.api.route import Ask, operation
from bot.edge.api.shapes import (
    CommandDone,
    EntriesWanted,
    EntryList,
    FacetSet,
    HandBack,
    Note,
    OneThread,
    Reply,
    Resolve,
    SearchHits,
    SearchWanted,
    Snooze,
    ThreadList,
    ThreadsWanted,
    Transfer,
)
from bot.edge.problems import Mistake, Refusal
from bot.edge.uploads import attachments
from bot.hub.desk import QueueList, ThreadCounts, ThreadLine
from bot.model.channel import Attachment
from bot.model.ids import IdentityId, ThreadId
from bot.model.people import Role

AT_THE_DESK = frozenset({Role.AGENT, Role.ADMIN})
_PATH = "/threads/{thread}"
_LOST = (404, 409)
_LONGEST_SNOOZE = timedelta(days=365)


@operation("GET", "/threads", summary="List threads", tag="threads", roles=AT_THE_DESK)
async def list_threads(ask: Ask, query: ThreadsWanted) -> ThreadList:
    """Threads by last activity, newest first, or those offered, the longest waiting first."""
    page = await ask.parts.desk.threads(
        query.wanted, order=query.order, after=query.after, limit=query.limit
    )
    return ThreadList.of(page)


@operation("GET", "/threads/counts", summary="Count threads", tag="threads", roles=AT_THE_DESK)
async def count_threads(ask: Ask) -> ThreadCounts:
    """Threads that wait, by queue too, and that agents own.

    Those put aside, those of the bot, and all of them are counted to `most`: that many or more.
    """
    return await ask.parts.desk.counts(ask.principal.by.agent)


@operation("GET", "/queues", summary="List queues", tag="threads", roles=AT_THE_DESK)
async def list_queues(ask: Ask) -> QueueList:
    """The queues that a thread can be offered to, by name, and how many wait in each.

    Those of the settings (`hub.queue`, `hub.queues`), and others that somebody waits in.
    """
    settings = ask.parts.hub.settings
    return await ask.parts.desk.queues(settings.queue, *settings.queues)


@operation("GET", "/search", summary="Search threads", tag="threads", roles=AT_THE_DESK)
async def search_threads(ask: Ask, query: SearchWanted) -> SearchHits:
    """Customers and what was said or noted: all words, in any order, the newest first.

    The last word may be the beginning of one. Words in quotes follow each other. `from:customer`,
    `from:bot`, `from:agent`, `channel:twilio_sms` and `has:note` narrow it down.
    """
    page = await ask.parts.desk.search(query.q, after=query.after, limit=query.limit)
    return SearchHits.of(page)


@operation("GET", _PATH, summary="One thread", tag="threads", roles=AT_THE_DESK, errors=(404,))
async def get_thread(ask: Ask, path: OneThread) -> ThreadLine:
    """One thread; the id of a thread that went up in another leads to that one."""
    return await ask.parts.desk.thread(path.thread)


@operation(
    "GET",
    f"{_PATH}/entries",
    summary="Entries of a thread",
    tag="threads",
    roles=AT_THE_DESK,
    errors=(404,),
)
async def list_entries(ask: Ask, path: OneThread, query: EntriesWanted) -> EntryList:
    """Entries over all channels, oldest first, with how each message out went."""
    views = await ask.parts.desk.entries(
        path.thread, after=query.after, before=query.before, limit=query.limit
    )
    return EntryList(entries=tuple(views))


@operation(
    "POST",
    f"{_PATH}/accept",
    summary="Accept an offered thread",
    tag="desk",
    roles=AT_THE_DESK,
    errors=_LOST,
)
async def accept_thread(ask: Ask, path: OneThread) -> CommandDone:
    """Take a thread that waits for a human; 409 names who was first."""
    return await done(ask, ask.parts.desk.accept(path.thread, ask.principal.by))


@operation(
    "POST",
    f"{_PATH}/takeover",
    summary="Take a thread from the bot",
    tag="desk",
    roles=AT_THE_DESK,
    errors=_LOST,
)
async def take_thread_over(ask: Ask, path: OneThread) -> CommandDone:
    """Take a thread that the bot owns; 409 names the agent who has it."""
    command = ask.parts.desk.accept(path.thread, ask.principal.by, takeover=True)
    return await done(ask, command)


@operation(
    "POST",
    f"{_PATH}/reply",
    summary="Write to the customer",
    tag="desk",
    roles=AT_THE_DESK,
    errors=_LOST,
)
async def reply_in_thread(ask: Ask, path: OneThread, body: Reply) -> CommandDone:
    """Send a message; repeat it with the same `client_id` when no answer came.

    With `seen`, 409 names a colleague who has written since.
    """
    by = ask.principal.by
    files = await attachments(ask.parts, body.files, by=by, where="body.files")
    if files:
        await _check_carried(ask, path.thread, files, identity=body.identity)
    command = ask.parts.desk.reply(
        path.thread,
        by,
        text=body.text,
        client_id=f"{ask.principal.id}:{body.client_id}",
        attachments=(*(one.attachment for one in body.attachments), *files),
        identity=body.identity,
        seen=body.seen,
    )
    return await done(ask, command)


@operation(
    "POST",
    f"{_PATH}/note",
    summary="Leave a note",
    tag="desk",
    roles=AT_THE_DESK,
    errors=_LOST,
)
async def note_in_thread(ask: Ask, path: OneThread, body: Note) -> CommandDone:
    """A remark for colleagues; the customer never gets it.

    Repeat it with the same `client_id` when no answer came.
    """
    key = None if body.client_id is None else f"{ask.principal.id}:{body.client_id}"
    command = ask.parts.desk.note(path.thread, ask.principal.by, text=body.text, client_id=key)
    return await done(ask, command)


@operation(
    "POST",
    f"{_PATH}/hand-back",
    summary="Give the thread back to the bot",
    tag="desk",
    roles=AT_THE_DESK,
    errors=_LOST,
)
async def hand_thread_back(ask: Ask, path: OneThread, body: HandBack) -> CommandDone:
    """The bot answers from now on."""
    command = ask.parts.desk.hand_back(path.thread, ask.principal.by, note=body.note)
    return await done(ask, command)


@operation(
    "POST",
    f"{_PATH}/transfer",
    summary="Offer the thread to a queue",
    tag="desk",
    roles=AT_THE_DESK,
    errors=_LOST,
)
async def transfer_thread(ask: Ask, path: OneThread, body: Transfer) -> CommandDone:
    """Somebody of that queue is to take it."""
    by = ask.principal.by
    command = ask.parts.desk.transfer(path.thread, by, queue=body.queue, note=body.note)
    return await done(ask, command)


@operation(
    "POST",
    f"{_PATH}/resolve",
    summary="Close the case",
    tag="desk",
    roles=AT_THE_DESK,
    errors=_LOST,
)
async def resolve_thread(ask: Ask, path: OneThread, body: Resolve) -> CommandDone:
    """The case is over; the thread goes on with the bot."""
    command = ask.parts.desk.resolve(path.thread, ask.principal.by, reason=body.reason)
    return await done(ask, command)


@operation(
    "POST",
    f"{_PATH}/snooze",
    summary="Put the case aside",
    tag="desk",
    roles=AT_THE_DESK,
    errors=_LOST,
)
async def snooze_thread(ask: Ask, path: OneThread, body: Snooze) -> CommandDone:
    """The case comes back at that moment, or when the customer writes; it stays the owner's."""
    until, now = body.until.astimezone(UTC), ask.parts.clock.now()
    if not now < until <= now + _LONGEST_SNOOZE:
        wrong = Mistake(
            where="body.until",
            what="not a moment to come within a year",
            mend=f"Send a time after {now.isoformat()}.",
        )
        raise Refusal(422, "Something in the body is wrong.", errors=(wrong,))
    return await done(ask, ask.parts.desk.snooze(path.thread, ask.principal.by, until=until))


@operation(
    "POST",
    f"{_PATH}/unsnooze",
    summary="Take the case up again",
    tag="desk",
    roles=AT_THE_DESK,
    errors=_LOST,
)
async def unsnooze_thread(ask: Ask, path: OneThread) -> CommandDone:
    """The case is open again before its moment."""
    return await done(ask, ask.parts.desk.unsnooze(path.thread, ask.principal.by))


@operation(
    "POST",
    f"{_PATH}/facet",
    summary="Say as whom the customer speaks",
    tag="desk",
    roles=AT_THE_DESK,
    errors=_LOST,
)
async def set_facet_of_thread(ask: Ask, path: OneThread, body: FacetSet) -> CommandDone:
    """The latest case belongs to this persona from now on, whatever the customer writes in it."""
    personas = ask.parts.hub.personas
    if body.facet not in personas:
        known = ", ".join(each.key for each in personas.all)
        wrong = Mistake(where="body.facet", what="no such persona", mend=f"There are: {known}.")
        raise Refusal(422, "Something in the body is wrong.", errors=(wrong,))
    command = ask.parts.desk.set_facet(
        path.thread, ask.principal.by, facet=body.facet, episode=body.episode
    )
    return await done(ask, command)


async def _check_carried(
    ask: Ask, thread: ThreadId, files: tuple[Attachment, ...], *, identity: IdentityId | None
) -> None:
    """Refuse files that the channel, where the customer would get them, does not carry."""
    row = await ask.parts.desk.thread(thread)
    wanted = identity or row.state.active
    addresses = [one.address for one in row.identities if one.id == wanted]
    for address in addresses:
        channel = ask.parts.channels.get((address.channel, address.account))
        carried = channel.capabilities.attachments if channel else frozenset()
        if not {one.type for one in files} <= carried:
            wrong = Mistake(
                where="body.files",
                what=f"{address.channel} does not carry them",
                mend="Leave them out, or choose another identity.",
            )
            raise Refusal(422, "Something in the body is wrong.", errors=(wrong,))


OPERATIONS = (
    list_threads,
    count_threads,
    list_queues,
    search_threads,
    get_thread,
    list_entries,
    accept_thread,
    take_thread_over,
    reply_in_thread,
    note_in_thread,
    hand_thread_back,
    transfer_thread,
    resolve_thread,
    snooze_thread,
    unsnooze_thread,
    set_facet_of_thread,
)
