"""Every error that raccoon_runtime raises.

    RaccoonError
    ├── ConfigError              an argument or a setting is wrong; raised before anything is sent
    ├── SerializationError       an event cannot be encoded; nothing of its request was sent
    └── DecodeError              bytes or JSON are not the message they should be
"""

from __future__ import annotations


class RaccoonError(Exception):
    """The root of all errors here."""


class ConfigError(RaccoonError, ValueError):
    """An argument or a setting is wrong; raised before anything is sent."""


class SerializationError(RaccoonError, ValueError):
    """An event cannot be encoded; nothing of its request was sent."""


class DecodeError(RaccoonError, ValueError):
    """Bytes or JSON are not the message they should be."""
