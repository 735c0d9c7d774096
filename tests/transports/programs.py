"""Programs to run in processes of their own: a collector, and clients that fork or exit."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import ssl
import sys
import threading
import time
import uuid
from collections.abc import Coroutine
from typing import Any

from raccoon_runtime import process
from raccoon_runtime.transports import Transport, make_transport


async def deliver(transport: Transport) -> None:
    """Send one good request; the error, if there is one, ends the program."""
    guid = uuid.uuid4().hex
    frame = transport.wire.frame("page", b'{"a":1}')
    ack = await transport.send(guid, transport.wire.request(guid, time.time_ns(), [frame]))
    assert ack.req_guid == guid


class Background:
    """An event loop in a thread, as the synchronous client has one."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def transport_for(url: str, authority: str) -> Transport:
    context = ssl.create_default_context(cafile=authority) if authority else None
    return make_transport(url, connect_timeout=20.0, ssl=context)


def collector() -> None:
    """Serve until standard input ends."""
    from raccoon_runtime.collector import Collector

    async def serve() -> None:
        async with Collector(event_ack=1) as made:
            urls = {"ws": made.ws_url, "rest": made.http_url, "grpc": made.grpc_url}
            print(json.dumps(urls), flush=True)
            await asyncio.to_thread(sys.stdin.read)

    asyncio.run(serve())


def fork(url: str, authority: str = "") -> None:
    """Use a connection, fork, use another in the child, and the first again in the parent."""
    background = Background()
    transport = transport_for(url, authority)
    background.run(deliver(transport))
    child = os.fork()
    if child == 0:
        process.leave_alone(background, background.loop)
        transport.after_fork()

        async def child_delivers() -> None:
            await asyncio.gather(*(deliver(transport) for _ in range(5)))
            await transport.close()

        asyncio.run(child_delivers())
        sys.exit(7)  # through all of the interpreter's shutdown
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    for _ in range(5):
        background.run(deliver(transport))
    assert transport.connections == 1, transport.connections
    background.run(transport.close())
    background.close()


def exit_with_a_name(url: str, authority: str = "") -> None:
    """Connect again while the interpreter exits, when no host can be looked up any more."""
    background = Background()
    transport = transport_for(url, authority)
    background.run(deliver(transport))
    background.run(transport.close())

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.getaddrinfo("localhost", 80)
        except RuntimeError as error:
            print(error, flush=True)

    def at_exit() -> None:
        background.run(ask())
        background.run(deliver(transport))
        background.run(transport.close())
        background.close()
        print("delivered at exit", flush=True)

    atexit.register(at_exit)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
