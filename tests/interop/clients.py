"""Our own clients, both kinds behind one call, over every route to a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from raccoon_runtime import JSON, JSON_PROTO_NAMES, PROTO, Ack, BatchError, SendError, Serializer

from generated import AsyncEventClient, EventClient

from .server import Server, identity


@dataclass(frozen=True)
class Route:
    """A transport, a serializer and a wire."""

    transport: Literal["ws", "rest", "grpc"]
    serializer: Serializer
    wire: Literal["json", "proto"]

    def url(self, server: Server) -> str:
        """Where it leads to."""
        urls = {"ws": server.ws_url, "rest": server.http_url, "grpc": server.grpc_url}
        return urls[self.transport]

    def __str__(self) -> str:
        return f"{self.transport}-{self.serializer.name}-{self.wire}"


ROUTES = [
    Route(transport, serializer, wire)
    for transport in ("ws", "rest", "grpc")
    for serializer in (PROTO, JSON, JSON_PROTO_NAMES)
    for wire in ("proto", "json")
    if transport != "grpc" or wire == "proto"
]
Kind = Literal["async", "sync"]
KINDS: tuple[Kind, ...] = ("async", "sync")

every_route = pytest.mark.parametrize("route", ROUTES, ids=str)
every_client = pytest.mark.parametrize("kind", KINDS)


def options(route: Route, **more: Any) -> dict[str, Any]:
    """What a client is connected with: no retries, so that each answer is seen as it comes."""
    given = {"serializer": route.serializer, "wire": route.wire, "retry_count": 0}
    return {**given, "headers": identity(), **more}


def use(
    kind: Kind, url: str, given: dict[str, Any], calls: Callable[[Any], list[Any]]
) -> list[Any]:
    """Connect a client, and return what its calls give; the asynchronous one's go together."""
    if kind == "sync":
        with EventClient.connect(url, **given) as client:
            return calls(client)

    async def run() -> list[Any]:
        async with AsyncEventClient.connect(url, **given) as client:
            waiting: list[Coroutine[Any, Any, Any]] = calls(client)
            return await asyncio.gather(*waiting)

    return asyncio.run(run())


def outcome(
    kind: Kind, url: str, given: dict[str, Any], call: Callable[[Any], Any]
) -> Ack | list[Ack] | SendError:
    """Connect a client, and return what comes of one call: what it gives, or the error."""
    try:
        (got,) = use(kind, url, given, lambda client: [call(client)])
        return got
    except BatchError as error:
        return error.failures[0].error
    except SendError as error:
        return error
