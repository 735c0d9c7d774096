"""What comes on a connection, by lines and by lengths."""

from __future__ import annotations

import asyncio

_PIECE = 1 << 18


class LineTooLong(Exception):
    """No end of a line within the bytes that were allowed."""


class Source:
    """Reads a connection, and keeps what came ahead of being asked for."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._ahead = bytearray()

    @property
    def ahead(self) -> int:
        """How many bytes came that nobody has asked for yet."""
        return len(self._ahead)

    async def some(self) -> bytes:
        """Return what comes next; nothing at the end."""
        if self._ahead:
            found = bytes(self._ahead)
            self._ahead.clear()
            return found
        return await self._reader.read(_PIECE)

    async def drained(self) -> None:
        """Return at the end; what comes until then is nobody's."""
        while await self.some():
            pass

    async def exactly(self, size: int) -> bytes:
        """Return so many bytes; EOFError when there are fewer."""
        while len(self._ahead) < size:
            await self._more()
        found = bytes(self._ahead[:size])
        del self._ahead[:size]
        return found

    async def line(self, most: int) -> bytes:
        """Return the next line without its end; EOFError, or LineTooLong above `most` bytes."""
        seen = 0
        while (end := self._ahead.find(b"\n", seen)) < 0:
            seen = len(self._ahead)
            if seen > most:
                raise LineTooLong
            await self._more()
        if end > most:
            raise LineTooLong
        found = bytes(self._ahead[:end])
        del self._ahead[: end + 1]
        return found.removesuffix(b"\r")

    async def _more(self) -> None:
        more = await self._reader.read(_PIECE)
        if not more:
            raise EOFError
        self._ahead += more
