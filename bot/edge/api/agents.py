"""The people who log in."""

from __future__ import annotations

from bot.edge.api.route import Ask, operation
from bot.edge.api.shapes import AgentList, AgentOut, NewAgent
from bot.model.ids import AgentId
from bot.model.people import Agent, Role

_ADMINS = frozenset({Role.ADMIN})


@operation("GET", "/agents", summary="People who log in", tag="agents", roles=_ADMINS)
async def list_agents(ask: Ask) -> AgentList:
    """All of them, by name."""
    agents = await ask.parts.store.agents()
    return AgentList(agents=tuple(AgentOut.of(agent) for agent in agents))


@operation(
    "POST",
    "/agents",
    summary="Add a person",
    tag="agents",
    roles=_ADMINS,
    status=201,
    errors=(409,),
)
async def add_agent(ask: Ask, body: NewAgent) -> AgentOut:
    """Add somebody who may log in; 409 when the e-mail is taken."""
    agent = Agent(
        id=AgentId.new(),
        email=body.email,
        name=body.name,
        role=body.role,
        password_hash=await ask.parts.passwords.hash(body.password),
    )
    await ask.parts.store.put_agent(agent)
    return AgentOut.of(agent)


OPERATIONS = (list_agents, add_agent)
