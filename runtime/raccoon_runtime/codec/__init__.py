"""From a message class's fields to its encoders and decoders.

`plan` holds what a class says of its fields, as frozen tables. The writers (`encode`, `decode`,
`to_json`, `from_json`) make straight-line Python of a table, which is compiled when a class is
first used in that direction. `of(cls)` is the one place where a class gets its codec.
"""

from __future__ import annotations

from .codec import Codec, of
from .shown import DIRECTIONS, source, warm
from .values import dump_json, to_dict

__all__ = ["DIRECTIONS", "Codec", "dump_json", "of", "source", "to_dict", "warm"]
