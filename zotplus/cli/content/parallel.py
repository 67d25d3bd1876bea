"""Many pieces of work, a few at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def gather_bounded(
    items: Sequence[Item], parallel: int, work: Callable[[Item], Awaitable[Result]]
) -> list[Result]:
    """``work`` on every item, at most ``parallel`` at once, results in order. The first failure ends the others."""
    results: dict[int, Result] = {}
    waiting = iter(enumerate(items))

    async def worker() -> None:
        for index, item in waiting:  # shared: each worker takes the next one
            results[index] = await work(item)

    await run_workers(worker, min(parallel, len(items)))
    return [results[index] for index in range(len(items))]


async def for_each(items: AsyncIterator[Item], parallel: int, work: Callable[[Item], Awaitable[None]]) -> None:
    """``work`` on every item as it comes, at most ``parallel`` at once; no more are fetched than are worked on."""
    turn = asyncio.Lock()

    async def worker() -> None:
        while True:
            async with turn:  # an asynchronous generator serves one caller at a time
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    return
            await work(item)

    await run_workers(worker, parallel)


async def run_workers(worker: Callable[[], Awaitable[None]], count: int) -> None:
    """``count`` workers until all are done; the first failure ends the others and is raised itself."""
    tasks = [asyncio.ensure_future(worker()) for _ in range(count)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
