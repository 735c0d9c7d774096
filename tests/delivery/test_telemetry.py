"""Metrics and traces as an application with OpenTelemetry's SDK sees them."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any
from urllib.parse import urlsplit

import pytest
from raccoon_runtime import telemetry
from raccoon_runtime.collector import Answered, Collector

pytest.importorskip("opentelemetry.sdk")

SETUP = """
import asyncio, json, sys
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

reader, spans = InMemoryMetricReader(), InMemorySpanExporter()
metrics.set_meter_provider(MeterProvider([reader]))
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)

from generated import AsyncEventClient, EventClient, PageEvent

def points():
    found = {}
    for scope in reader.get_metrics_data().resource_metrics[0].scope_metrics:
        for metric in scope.metrics:
            for point in metric.data.data_points:
                value = getattr(point, "value", None)
                if value is None:
                    value = point.count
                found.setdefault(metric.name, []).append([dict(point.attributes), value])
    return found
"""


def run(code: str, *arguments: str) -> Any:
    """What the program prints, which is JSON; providers can be set once in a process."""
    program = SETUP + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_metrics_are_those_of_stats() -> None:
    with Collector.in_thread() as collector:
        found = run(
            """
            with EventClient.connect(sys.argv[1]) as one, EventClient.connect(sys.argv[1]) as other:
                for client in (one, other):
                    client.send([PageEvent(event_name="x")] * 3)
                open_ = points()
            closed = points()
            print(json.dumps([open_, closed]))
            """,
            collector.http_url,
        )
    address = collector.http_url
    for points in found:
        delivered = [{"raccoon.address": address, "outcome": "delivered"}, 6]
        assert points["raccoon.client.events"] == [delivered]
        assert points["raccoon.client.requests"] == [[{"raccoon.address": address}, 2]]
        assert points["raccoon.client.duration"] == [[{"raccoon.address": address}, 2]]
    assert found[0]["raccoon.client.pending"] == [[{"raccoon.address": address}, 0]]
    assert "raccoon.client.pending" not in found[1]


def test_failures_are_counted_by_their_error() -> None:
    found = run("""
        with EventClient.connect("http://127.0.0.1:9/", retry_count=0) as client:
            try:
                client.send_page_event(event_name="x")
            except Exception:
                pass
        print(json.dumps(points()["raccoon.client.events"]))
    """)
    outcomes = {(a["outcome"], a.get("error.type")): count for a, count in found}
    assert outcomes == {("delivered", None): 0, ("failed", "ConnectError"): 1}


@pytest.mark.parametrize("transport", ["ws", "rest", "grpc"])
def test_a_request_is_a_span_linked_to_where_its_events_came_from(transport: str) -> None:
    with Collector.in_thread() as collector:
        urls = {"ws": collector.ws_url, "rest": collector.http_url, "grpc": collector.grpc_url}
        made = run(
            """
            async def main():
                tracer = trace.get_tracer("app")
                async with AsyncEventClient.connect(sys.argv[1]) as client:
                    with tracer.start_as_current_span("one"):
                        one = await client.submit(PageEvent(event_name="1"))
                    with tracer.start_as_current_span("two"):
                        two = await client.submit(PageEvent(event_name="2"))
                    await client.flush()
            asyncio.run(main())
            print(json.dumps([
                {
                    "name": span.name,
                    "id": span.context.span_id,
                    "parent": span.parent and span.parent.span_id,
                    "kind": span.kind.name,
                    "links": [link.context.span_id for link in span.links],
                    "attributes": dict(span.attributes),
                }
                for span in spans.get_finished_spans()
            ]))
            """,
            urls[transport],
        )
    by_name = {span["name"]: span for span in made}
    port = urlsplit(urls[transport]).port
    sends = [span for span in made if span["name"] == "send raccoon"]
    linked = sorted(link for span in sends for link in span["links"])
    assert linked == sorted([by_name["one"]["id"], by_name["two"]["id"]])
    assert all(span["kind"] == "PRODUCER" for span in sends)
    # They are of no caller's trace: many callers' events travel in one request.
    assert [span["parent"] for span in sends] == [None] * len(sends)
    assert sum(s["attributes"]["messaging.batch.message_count"] for s in sends) == 2
    servers = {(s["attributes"]["server.address"], s["attributes"]["server.port"]) for s in sends}
    assert servers == {("127.0.0.1", port)}


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("ws://[::1]:80/api", {"server.address": "::1", "server.port": 80}),
        ("null://", {"server.address": "null://"}),
        ("grpc://a:1, grpc://b:2", {"server.address": "grpc://a:1, grpc://b:2"}),
    ],
)
def test_how_other_servers_are_named(address: str, named: dict[str, str | int]) -> None:
    assert telemetry._server(address) == named


def test_a_histogram_of_seconds_has_boundaries_in_seconds() -> None:
    found = run("""
        with EventClient.connect("null://") as client:
            client.send_page_event(event_name="x")
        (duration,) = [
            metric
            for metric in reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
            if metric.name == "raccoon.client.duration"
        ]
        print(json.dumps([list(point.explicit_bounds) for point in duration.data.data_points]))
    """)
    assert found == [[*telemetry.BOUNDARIES]]
    assert found[0] == sorted(found[0]) and (found[0][0], found[0][-1]) == (0.001, 300)


def test_spans_of_many_threads_are_all_linked() -> None:
    """Events are accepted while requests go out; neither disturbs the other."""
    requests, linked = run("""
        import threading
        sys.setswitchinterval(1e-6)
        tracer = trace.get_tracer("app")

        def work():
            for number in range(200):
                with tracer.start_as_current_span("app"):
                    client.submit_nowait(PageEvent(event_name=str(number)))

        with EventClient.connect("null://", batch_events=20) as client:
            threads = [threading.Thread(target=work) for _ in range(8)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            client.flush()
            stats = client.stats()
            assert (stats.delivered, stats.retries, stats.possible_duplicates) == (1600, 0, 0)
        made = spans.get_finished_spans()
        linked = {link.context.span_id for span in made for link in span.links}
        assert linked == {span.context.span_id for span in made if span.name == "app"}
        sends = [span for span in made if span.name == "send raccoon"]
        print(json.dumps([len(sends) == stats.requests, len(linked)]))
        """)
    assert (requests, linked) == (True, 1600)


@pytest.mark.parametrize("transport", ["ws", "rest", "grpc"])
def test_a_span_tells_what_failed_and_nothing_that_a_server_wrote(transport: str) -> None:
    with Collector.in_thread() as collector:
        collector.faults.add(Answered(reason="s3cr3t"))
        urls = {"ws": collector.ws_url, "rest": collector.http_url, "grpc": collector.grpc_url}
        made = run(
            """
            from raccoon_runtime import RejectedError
            with EventClient.connect(sys.argv[1]) as client:
                try:
                    client.send_page_event(event_name="x")
                except RejectedError as error:
                    assert "s3cr3t" in str(error)
            (span,) = spans.get_finished_spans()
            status = span.status
            print(json.dumps([status.status_code.name, status.description, span.to_json()]))
            """,
            urls[transport],
        )
        state, description, told = made
        assert state == "ERROR"
        assert description.startswith("RejectedError CODE_BAD_REQUEST")
        assert description.endswith(": the server cannot read the request")
        assert "s3cr3t" not in told


def test_tracing_that_fails_keeps_nothing_from_being_sent() -> None:
    found = run("""
        from opentelemetry import propagate
        from opentelemetry.propagators.textmap import TextMapPropagator

        class Broken(TextMapPropagator):
            fields = set()
            def extract(self, carrier, context=None, getter=None): return context
            def inject(self, carrier, context=None, setter=None): raise LookupError("broken")

        propagate.set_global_textmap(Broken())
        with EventClient.connect("null://") as client:
            acks = [client.send_page_event(event_name=str(number)) for number in range(3)]
        print(json.dumps([ack.ok and ack.attempts for ack in acks]))
        """)
    assert found == [1, 1, 1]


def test_a_meter_that_fails_has_nothing_sent_twice() -> None:
    with Collector.in_thread() as collector:
        delivered = run(
            """
            from opentelemetry.sdk.metrics import Histogram

            def fail(*_, **__):
                raise LookupError("broken")

            Histogram.record = fail
            with EventClient.connect(sys.argv[1]) as client:
                acks = [client.send_page_event(event_name=str(number)) for number in range(3)]
                client.flush()
            print(client.stats().delivered)
            """,
            collector.ws_url,
        )
        assert delivered == len(collector.stored) == 3


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_a_request_carries_its_spans_context(transport: str) -> None:
    with Collector.in_thread(identity_header="traceparent") as collector:
        urls = {"rest": collector.http_url, "grpc": collector.grpc_url}
        made = run(
            """
            with EventClient.connect(sys.argv[1]) as client:
                client.send_page_event(event_name="x")
            (span,) = spans.get_finished_spans()
            made = span.context
            print(json.dumps([format(made.trace_id, "032x"), format(made.span_id, "016x")]))
            """,
            urls[transport],
        )
        (received,) = collector.received
        context, _, flags = received.identity.rpartition("-")
        assert context == f"00-{made[0]}-{made[1]}"
        assert int(flags, 16) & 1


@pytest.mark.parametrize("value", ["\u00e9", "a=1\nb=2"])
@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_what_cannot_be_carried_of_a_context_is_left_out(transport: str, value: str) -> None:
    with Collector.in_thread() as collector:
        urls = {"rest": collector.http_url, "grpc": collector.grpc_url}
        found = run(
            """
            from opentelemetry import propagate
            from opentelemetry.propagators.textmap import TextMapPropagator

            class Odd(TextMapPropagator):
                fields = {"baggage"}
                def extract(self, carrier, context=None, getter=None): return context
                def inject(self, carrier, context=None, setter=None):
                    carrier["baggage"] = sys.argv[2]

            propagate.set_global_textmap(Odd())
            with EventClient.connect(sys.argv[1]) as client:
                ack = client.send_page_event(event_name="x")
                print(json.dumps([ack.ok, ack.attempts]))
            """,
            urls[transport],
            value,
        )
        assert found == [True, 1]


def test_clients_that_come_and_go_leave_one_count_each_address() -> None:
    with Collector.in_thread() as collector:
        found = run(
            """
            from raccoon_runtime import telemetry
            for _ in range(3):
                with EventClient.connect(sys.argv[1]) as client:
                    client.send_page_event(event_name="x")
            print(json.dumps([points()["raccoon.client.events"], len(telemetry._meters()._ended)]))
            """,
            collector.http_url,
        )
        address = collector.http_url
        assert found == [[[{"raccoon.address": address, "outcome": "delivered"}, 3]], 1]


def test_it_can_be_switched_off() -> None:
    found = run("""
        with EventClient.connect("null://", telemetry=False) as client:
            client.send_page_event(event_name="x")
        data = reader.get_metrics_data()
        print(json.dumps([data is None, len(spans.get_finished_spans())]))
    """)
    assert found == [True, 0]
