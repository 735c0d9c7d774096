"""Raccoon's envelope as google's protobuf has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "raystack.raccoon.v1beta1"


class Envelope(NamedTuple):
    """Google's classes for the envelope."""

    request: Any
    event: Any
    response: Any


@pytest.fixture(scope="session")
def envelope(tmp_path_factory: pytest.TempPathFactory) -> Envelope:
    """The classes that google's protobuf makes of `raccoon.proto`."""
    out = tmp_path_factory.mktemp("protoc") / "set.bin"
    here = Path(__file__).parent
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{here}", "--include_imports"]
    subprocess.run([*protoc, f"--descriptor_set_out={out}", "raccoon.proto"], check=True)
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file:
        pool.Add(file)  # type: ignore[no-untyped-call]  # google's stubs have no type for it

    def message(name: str) -> Any:
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))

    return Envelope(message("SendEventRequest"), message("Event"), message("SendEventResponse"))
