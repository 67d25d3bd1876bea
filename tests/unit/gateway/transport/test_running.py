"""How many requests are being answered."""

import asyncio

import pytest

from zotplus.gateway.transport.running import Running


async def test_it_has_ended_while_none_runs():
    running = Running()
    await running.ended()
    with running:
        pass
    await running.ended()
    assert running.count == 0


async def test_the_end_is_that_of_the_last():
    running = Running()
    with running:
        with running:
            assert running.count == 2
        waiting = asyncio.create_task(running.ended())
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting


async def test_what_fails_has_ended_too():
    running = Running()
    with pytest.raises(ZeroDivisionError), running:
        raise ZeroDivisionError
    await running.ended()
