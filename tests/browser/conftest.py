"""What browser tests are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.edge.house import House, house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def server() -> AsyncIterator[House]:
    """A whole server with the sandbox."""
    async with house() as running:
        yield running
