"""Tasks of a client's own, which owe nothing to whoever happens to start them."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def start(
    coroutine: Coroutine[Any, Any, T],
    loop: asyncio.AbstractEventLoop,
    name: str,
    done: Callable[[asyncio.Task[T]], object],
) -> asyncio.Task[T]:
    """Return a task of the loop that runs here; `done` is called with it at its end.

    In an empty context: that of the first request would go with all later ones, traces and tenants
    and all. And never begun at once, as a loop's task factory may have it.
    """
    context = contextvars.Context()
    task = context.run(asyncio.Task, coroutine, loop=loop, name=name)
    task.add_done_callback(done, context=context)
    return task


def at_loop_end(call: Callable[[], object]) -> AsyncGenerator[None]:
    """Have this called when the loop that runs here shuts down, as `asyncio.run` has it at its end.

    That closes the generators that were left open; this is one. Closed before, it calls too.
    """

    async def waiting() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            call()

    generator = waiting()
    with suppress(StopIteration):
        generator.__anext__().send(None)
    return generator
