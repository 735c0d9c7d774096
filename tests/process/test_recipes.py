"""The programs in examples/, run as their first lines say, under real servers and workers."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from raccoon_runtime.collector import Answered, Collector

from generated import AsyncEventClient, RefundEvent, SearchEvent
from tests.ports import SILENT_PORT, own_port

from .conftest import PATIENCE, ROOT

EXAMPLES = ROOT / "examples"
BIN = Path(sys.executable).parent


@pytest.fixture
def launch(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts commands in a folder of their own that finds the examples."""
    services: list[Service] = []
    environment["PYTHONPATH"] += os.pathsep + str(EXAMPLES)

    def run(command: str, **more: str) -> Service:
        services.append(Service(command, {**environment, **more}, tmp_path))
        return services[-1]

    yield run
    for service in services:
        service.kill()


class Service:
    """A command that runs until it is told to end; its output goes to a file."""

    def __init__(self, command: str, environment: dict[str, str], folder: Path) -> None:
        program, *arguments = command.split()
        self._log = folder / f"{program}.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [BIN / program, *arguments],
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self) -> str:
        return self._log.read_text()

    def says(self, pattern: str, count: int = 1) -> None:
        """Wait until it has said this so often."""
        end = time.monotonic() + PATIENCE
        while len(re.findall(pattern, self.log())) < count:
            assert self._process.poll() is None and time.monotonic() < end, self.log()
            time.sleep(0.02)

    def terminate(self, number: int = signal.SIGTERM) -> int:
        """Stop it as an operator would, and return its exit code."""
        self._process.send_signal(number)
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end: {self.log()}") from None

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def post(port: int, path: str, **query: object) -> None:
    url = f"http://127.0.0.1:{port}{path}?{urllib.parse.urlencode(query)}"
    request = urllib.request.Request(url, method="POST")
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        assert response.status == 200


def use(port: int, count: int = 60) -> None:
    """Searches and refunds of many users at once."""
    with ThreadPoolExecutor(8) as users:
        searches = users.map(lambda n: post(port, "/searches", query=n), range(count))
        refunds = users.map(lambda n: post(port, f"/orders/{n}/refund", cents=n), range(count))
        assert list(searches) == list(refunds) == [None] * count


def check(collector: Collector, service: Service, count: int = 60) -> None:
    """Whether all that was asked for was published, each once."""
    searches = [SearchEvent.parse(e.event_bytes) for e in collector.stored if e.type == "search"]
    refunds = [RefundEvent.parse(e.event_bytes) for e in collector.stored if e.type == "refund"]
    expected = Counter(map(str, range(count)))
    assert Counter(event.query for event in searches) == expected, service.log()
    assert Counter(event.order_id for event in refunds) == expected, service.log()
    assert "not delivered" not in service.log()
    assert "Traceback" not in service.log()


SERVERS = {
    "uvicorn": "uvicorn fastapi_app:app --port {port} --workers 2",
    "uvicorn, one process": "uvicorn fastapi_app:app --port {port}",
    "gunicorn, uvicorn's worker": (
        "gunicorn -k uvicorn.workers.UvicornWorker -w 2 -b 127.0.0.1:{port} fastapi_app:app"
    ),
    "gunicorn, asgi": "gunicorn -k asgi --preload -w 2 -b 127.0.0.1:{port} fastapi_app:app",
    "gunicorn, threads": "gunicorn --preload -w 2 --threads 4 -b 127.0.0.1:{port} flask_app:app",
    "gunicorn, sync": "gunicorn --preload -w 2 -k sync -b 127.0.0.1:{port} flask_app:app",
    "gunicorn, no preload": "gunicorn -w 2 -k gthread -b 127.0.0.1:{port} flask_app:app",
}
READY = r"Application startup complete|Booting worker"  # by each worker
LISTENS = r"Uvicorn running|Listening at|parent process"


ON_EACH_PYTHON = {"uvicorn, one process", "gunicorn, threads"}


@pytest.mark.parametrize(
    "name",
    [
        name if name in ON_EACH_PYTHON else pytest.param(name, marks=pytest.mark.slow)
        for name in SERVERS
    ],
)
def test_web_servers(launch: Callable[..., Service], collector: Collector, name: str) -> None:
    port = own_port()
    service = launch(SERVERS[name].format(port=port))
    workers = 1 if "one" in name else 2
    service.says(READY, workers)
    service.says(LISTENS)
    use(port)
    # It ends at once after the last answer: what was only accepted is pending still.
    assert service.terminate() in (0, -signal.SIGTERM), service.log()
    check(collector, service)
    identities = {event.identity for event in collector.stored}
    assert 1 <= len(identities) <= workers
    assert all(identity.startswith("shop-") for identity in identities)


def test_a_web_server_while_raccoon_restarts(
    launch: Callable[..., Service], collector: Collector
) -> None:
    """Users notice nothing; the worker ends only when all is delivered."""
    port = own_port()
    service = launch(SERVERS["gunicorn, threads"].format(port=port))
    service.says(READY, 2)
    with ThreadPoolExecutor(4) as users:
        done = users.map(lambda n: post(port, "/searches", query=n), range(100))
        collector.sever(reset=True)
        assert list(done) == [None] * 100
    assert service.terminate() == 0
    names = {SearchEvent.parse(event.event_bytes).query for event in collector.stored}
    assert names == set(map(str, range(100))), service.log()


CELERY = """
from celery_app import app

app.conf.update(
    broker_url="filesystem://",
    broker_transport_options={
        "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control",
    },
    worker_hijack_root_logger=False,
)
"""


@pytest.mark.slow
@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
def test_celery(
    launch: Callable[..., Service],
    collector: Collector,
    environment: dict[str, str],
    tmp_path: Path,
    pool: str,
) -> None:
    for folder in ("queue", "control"):
        (tmp_path / folder).mkdir()
    (tmp_path / "jobs.py").write_text(CELERY)
    environment["PYTHONPATH"] += os.pathsep + str(tmp_path)
    service = launch(f"celery --app jobs worker --pool {pool} --concurrency 2 -l info")
    service.says("ready")
    order = """
import jobs, celery_app
for number in range(60):
    celery_app.refund.delay(str(number), number)
    celery_app.count_search.delay(str(number))
"""
    subprocess.run([sys.executable, "-c", order], env=environment, cwd=tmp_path, check=True)
    service.says("succeeded in", 120)
    assert service.terminate() == 0, service.log()
    check(collector, service)
    assert len({event.identity for event in collector.stored}) == (2 if pool == "prefork" else 1)


# --- the script ---------------------------------------------------------------------------

PLANS = "u-1,PLAN_FREE,PLAN_PRO\nu-2,PLAN_PRO,PLAN_FREE\n"


def script(environment: dict[str, str], plans: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, EXAMPLES / "nightly_report.py"],
        env=environment,
        input=plans,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_the_script(collector: Collector, environment: dict[str, str]) -> None:
    done = script(environment, PLANS * 500)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1000 acknowledged\n"
    assert collector.stored_count == 1000
    assert {event.type for event in collector.stored} == {"plan_changed"}
    assert AsyncEventClient.event_class("plan_changed").parse(collector.stored[0].event_bytes)


@pytest.mark.slow
def test_the_script_outlasts_an_outage_with_more_than_the_queue_takes(
    collector: Collector, environment: dict[str, str]
) -> None:
    with ThreadPoolExecutor(1) as other:
        with collector.stopped():
            running = other.submit(script, environment, PLANS * 5500)
            time.sleep(7)  # longer than a call waits for room unless told
        done = running.result()
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert collector.stored_count == 11_000


def test_the_script_says_what_failed(collector: Collector, environment: dict[str, str]) -> None:
    collector.faults.add(Answered(times=1))
    done = script(environment, PLANS * 500)
    assert done.returncode == 1
    lines = re.findall(r"^line \d+: the server cannot read the request", done.stderr, re.M)
    assert 1 <= len(lines) <= 100
    assert done.stdout == f"{1000 - len(lines)} acknowledged\n"


def test_the_script_sends_what_is_right_beside_what_is_wrong(
    collector: Collector, environment: dict[str, str]
) -> None:
    wrong = "u-3,PLAN_FREE\n,PLAN_FREE,PLAN_PRO\nu-4,PLAN_GOLD,PLAN_PRO\n"
    done = script(environment, PLANS + wrong + PLANS)
    assert (done.returncode, done.stdout) == (1, "4 acknowledged\n")
    assert collector.stored_count == 4
    third, fourth, fifth = done.stderr.splitlines()
    assert third.startswith("line 3: ")
    assert fourth.startswith("line 4: ") and "user_id" in fourth
    assert fifth.startswith("line 5: ") and "PLAN_GOLD" in fifth


def serverless() -> str:
    """The function, as docs/recipes.md has it."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "recipes.md").read_text(), re.S)
    return str(code)


def test_the_serverless_function_while_raccoon_is_out(environment: dict[str, str]) -> None:
    environment["RACCOON_URL"] = f"ws://127.0.0.1:{SILENT_PORT}"
    code = serverless().replace("timeout=5", "timeout=0.2") + "\nhandler({'query': 'x'}, None)"
    code += "\nassert events.stats().pending == 1\nimport os; os._exit(0)"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=PATIENCE)


def test_the_serverless_function(collector: Collector, environment: dict[str, str]) -> None:
    """The process then ends without a word, as one does there."""
    code = serverless() + (
        "\nfor number in range(3): handler({'query': str(number)}, None)\nimport os; os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=PATIENCE)
    events = [SearchEvent.parse(event.event_bytes).query for event in collector.stored]
    assert events == ["0", "1", "2"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fastapi_app", "flask_app", "nightly_report"])
def test_they_are_typed(name: str) -> None:
    """Celery has no types to check against."""
    command = [sys.executable, "-m", "mypy", "--strict", EXAMPLES / f"{name}.py"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert f"{name}.py" not in checked.stdout, checked.stdout
    assert checked.returncode in (0, 1), checked.stderr
