"""The program that the conformance runner talks to: parses what it is given, writes it out as it is
asked.

Requests and answers are length-prefixed messages (uint32, little-endian) on standard input and
output, as `conformance.proto` describes them.
"""

from __future__ import annotations

import struct
import sys
import traceback
from typing import Any, BinaryIO

from raccoon_runtime.errors import DecodeError, SerializationError

sys.path.insert(0, sys.argv[1])

from suite.conformance import (
    ConformanceRequest,
    ConformanceResponse,
    FailureSet,
    TestCategory,
    WireFormat,
)
from suite.protobuf_test_messages.proto3 import TestAllTypesProto3

MESSAGES: dict[str, Any] = {"protobuf_test_messages.proto3.TestAllTypesProto3": TestAllTypesProto3}


def answer(request: ConformanceRequest) -> ConformanceResponse:
    if request.message_type == "conformance.FailureSet":
        return ConformanceResponse(protobuf_payload=bytes(FailureSet()))
    message_class = MESSAGES.get(request.message_type)
    if message_class is None:
        return ConformanceResponse(skipped=f"no {request.message_type}: proto3 only")
    if request.requested_output_format not in (WireFormat.PROTOBUF, WireFormat.JSON):
        return ConformanceResponse(skipped="binary and JSON only")
    try:
        message = parsed(message_class, request)
    except DecodeError as error:
        return ConformanceResponse(parse_error=str(error))
    if message is None:
        return ConformanceResponse(skipped="binary and JSON only")
    try:
        if request.requested_output_format == WireFormat.PROTOBUF:
            return ConformanceResponse(protobuf_payload=bytes(message))
        return ConformanceResponse(json_payload=message.to_json())
    except SerializationError as error:
        return ConformanceResponse(serialize_error=str(error))


def parsed(message_class: Any, request: ConformanceRequest) -> Any:
    if request.protobuf_payload is not None:
        return message_class.parse(request.protobuf_payload)
    if request.json_payload is not None:
        lenient = request.test_category == TestCategory.JSON_IGNORE_UNKNOWN_PARSING_TEST
        return message_class.from_json(request.json_payload, ignore_unknown_fields=lenient)
    return None


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    while header := source.read(4):
        (length,) = struct.unpack("<I", header)
        request = ConformanceRequest.parse(source.read(length))
        try:
            response = answer(request)
        except Exception:
            response = ConformanceResponse(runtime_error=traceback.format_exc())
        body = bytes(response)
        sink.write(struct.pack("<I", len(body)) + body)
        sink.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
