"""Every error of the libraries below has one of ours, and every one of ours is documented."""

from __future__ import annotations

import asyncio
import builtins
import copy
import inspect
import pickle
import re
import ssl
import types
from pathlib import Path
from typing import Any

import aiohttp
import grpclib.exceptions
import h2.exceptions
import pytest
from aiohttp import client_exceptions, http_exceptions
from grpclib import GRPCError
from grpclib.const import Status as GrpclibStatus
from raccoon_runtime import errors
from raccoon_runtime.envelope import Ack, Code
from raccoon_runtime.errors import (
    AckTimeoutError,
    AnswerError,
    BatchError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    Failure,
    RaccoonError,
    SendError,
    SendTimeoutError,
    SetupError,
)
from raccoon_runtime.transports import base, grpc_errors, http_errors

from generated import EventClient
from tests.ports import SILENT_PORT

ROOT = Path(__file__).parents[2]


def classes(module: types.ModuleType, root: type[BaseException]) -> list[type[BaseException]]:
    """The error classes of a module that derive from `root`, those that it imports included."""
    found = [value for value in vars(module).values() if inspect.isclass(value)]
    return [value for value in dict.fromkeys(found) if issubclass(value, root)]


# --- theirs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [*classes(client_exceptions, aiohttp.ClientError), *classes(aiohttp, aiohttp.ClientError)],
)
def test_every_error_of_aiohttps_client_is_mapped(error: type[BaseException]) -> None:
    assert error in http_errors.AIOHTTP_ERRORS


@pytest.mark.parametrize(
    "error", [*classes(http_exceptions, Exception), *classes(ssl, ssl.SSLError)]
)
def test_every_error_below_aiohttp_has_a_base_that_is(error: type[BaseException]) -> None:
    bases = [base for base in error.__mro__ if base in http_errors.AIOHTTP_ERRORS]
    assert bases and bases[0] is not OSError


@pytest.mark.parametrize(
    "error",
    [*classes(grpclib.exceptions, Exception), *classes(h2.exceptions, h2.exceptions.H2Error)],
)
def test_every_error_of_grpclib_and_h2_is_mapped(error: type[BaseException]) -> None:
    assert error is GRPCError or error in grpc_errors.ERRORS


@pytest.mark.parametrize("status", GrpclibStatus)
def test_every_status_of_grpc_is_mapped(status: GrpclibStatus) -> None:
    kind, persisted = grpc_errors.STATUSES[status]
    told = grpc_errors.status_error(GRPCError(status, "why"))
    assert type(told) is kind and told.persisted == persisted and told.status == status.name


@pytest.mark.parametrize("code", Code)
def test_every_code_is_mapped(code: Code) -> None:
    told = base.refusal(Ack("guid", code=code, reason="why"), "guid", 500)
    assert told.code is code and told.reason == "why" and told.status == 500
    assert type(told) is (base.CODES[code][0] if code in base.CODES else AnswerError)


def test_an_error_that_nobody_knows_means_a_lost_connection() -> None:
    class Novel(Exception):
        pass

    for told in (http_errors.map_error(Novel()), grpc_errors.map_error(Novel())):
        assert type(told) is ConnectionLostError and told.persisted == "possibly"
        assert told.reason == "Novel"
    assert type(http_errors.map_error(Novel(), connecting=True)) is ConnectError


def test_tls_errors_of_an_open_connection_leave_a_doubt() -> None:
    broken = ssl.SSLEOFError(8, "EOF occurred in violation of protocol")
    for told in (http_errors.map_error(broken), grpc_errors.map_error(broken)):
        assert type(told) is ConnectionLostError and told.persisted == "possibly"


# --- ours ---------------------------------------------------------------------------------------

OURS = [value for value in classes(errors, RaccoonError) if value.__module__ == errors.__name__]
SEND_ERRORS = [value for value in OURS if issubclass(value, SendError)]


def test_the_tree_at_the_top_is_the_tree() -> None:
    lines = (errors.__doc__ or "").splitlines()
    drawn: dict[str, str] = {}
    path = ["RaccoonError"]
    for line in lines:
        found = re.match(r"([│ ]*)[├└]── (\w+)", line)
        if found:
            depth = len(found[1]) // 4 + 1
            path[depth:] = [found[2]]
            drawn[found[2]] = path[depth - 1]
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in OURS[1:]}


def test_every_error_is_in_the_documentation() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    told = set(re.findall(r"`(\w+)`", page))
    # The two roots are what the page is about; each of the others has its words.
    assert {kind.__name__ for kind in OURS} <= told | {"RaccoonError", "SendError"}
    for name in re.findall(r"`(\w+Error)`", page):
        assert hasattr(errors, name) or hasattr(builtins, name), name


def test_the_documentation_says_truly_what_is_tried_again() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| .*? \| (.*?) \| .*? \|$", page, re.MULTILINE)
    told = {name: again for name, again in rows if hasattr(errors, name)}
    for kind in SEND_ERRORS:
        if kind in (SendError, SetupError):
            continue
        again = told[kind.__name__]
        assert again.startswith("yes") == kind.retryable, kind
        assert ("after a first success" in again) == issubclass(kind, SetupError), kind


@pytest.mark.parametrize("kind", OURS)
def test_errors_are_exported_and_described(kind: type[RaccoonError]) -> None:
    import raccoon_runtime

    assert getattr(raccoon_runtime, kind.__name__) is kind
    assert kind.__doc__


@pytest.mark.parametrize("kind", SEND_ERRORS)
def test_what_a_send_error_says(kind: type[SendError]) -> None:
    facts: dict[str, Any] = {
        "req_guid": "the-guid",
        "code": Code.CODE_INTERNAL_ERROR,
        "status": 500,
    }
    error = kind("the reason", **facts, persisted="possibly", retry_after=3.0)
    text = str(error)
    for part in (kind.summary, "the reason", "the-guid", "CODE_INTERNAL_ERROR", "500", kind.doubt):
        assert part in text
    assert text.endswith(kind.remedy) and (kind.remedy or kind in (SendError, SetupError))
    # What may be logged holds nothing that the server wrote.
    assert "the reason" not in error.brief() and kind.__name__ in error.brief()
    assert kind.patience > 0 and isinstance(kind.outage, bool)
    assert isinstance(error, RaccoonError)
    assert isinstance(error, ConfigError) == issubclass(kind, SetupError)
    assert isinstance(AckTimeoutError(), (TimeoutError, asyncio.TimeoutError))


@pytest.mark.parametrize("kind", SEND_ERRORS)
def test_a_send_error_can_be_copied_and_pickled(kind: type[SendError]) -> None:
    error = kind("why", req_guid="one", status=503, persisted="possibly", retry_after=1.0)
    error.__cause__ = OSError("below")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), error.about("one")):
        assert type(twin) is kind and str(twin) == str(error)
        assert vars(twin) == vars(error)
    other = error.about("two", "no")
    assert (other.req_guid, other.persisted, other.reason) == ("two", "no", "why")
    assert other.__cause__ is error.__cause__
    assert (error.req_guid, error.persisted) == ("one", "possibly")


def an_error(kind: type[RaccoonError]) -> RaccoonError:
    """One of the kind."""
    if kind is BatchError:
        return BatchError([], [Failure(3, "event", ConnectError("refused", req_guid="g"))])
    return kind("why")


@pytest.mark.parametrize("kind", OURS)
def test_an_errors_repr_says_what_it_says(kind: type[RaccoonError]) -> None:
    error = an_error(kind)
    assert repr(error) == f"{kind.__name__}({str(error)!r})"
    assert "why" in repr(error) or kind is BatchError


@pytest.mark.parametrize("kind", OURS)
def test_every_error_can_be_pickled(kind: type[RaccoonError]) -> None:
    error = an_error(kind)
    error.__dict__.update(futures=(lambda: "of this process",), more="facts")
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is kind and str(twin) == str(error)
    assert twin.more == "facts" and not getattr(twin, "futures", ())


def test_a_timeout_can_be_pickled_and_its_future_stays() -> None:
    client = EventClient.connect(f"http://127.0.0.1:{SILENT_PORT}")
    with pytest.raises(SendTimeoutError) as caught:
        client.send_page_event(event_name="x", timeout=0.01)
    client.close(0)
    assert caught.value.future is not None
    assert pickle.loads(pickle.dumps(caught.value)).future is None


def test_other_errors_can_be_pickled_too() -> None:
    config = pickle.loads(pickle.dumps(ConfigError("is missing", argument="url")))
    assert str(config) == "url: is missing" and config.argument == "url"
    failure = Failure(3, "event", ConnectError("refused", req_guid="g"))
    batch = pickle.loads(pickle.dumps(BatchError([], [failure])))
    assert batch.failures[0].index == 3 and "at index 3" in str(batch) and batch.retryable


def test_a_servers_words_are_bounded_and_printable() -> None:
    """Errors end up in logs: no line of its own, no control of a terminal, no megabyte."""
    error = SendError("a\n\x1b[31m faked line é", status=400)
    assert error.reason == r"a\n\x1b[31m faked line é"
    assert "\n" not in str(error) and "\x1b" not in str(error)
    assert SendError("x" * 900_000).reason == "x" * 500 + "…"
