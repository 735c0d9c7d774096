"""Which WebSocket connections there are: one an identity, and not too many."""

from __future__ import annotations

from ..envelope import Code
from .arrival import Arrival, Identity
from .faults import Faults, Full, Taken
from .request import Answer


class Refusal(Exception):
    """A connection is not admitted: the answer that says so, and the close frame's reason."""

    def __init__(self, answer: Answer, reason: str) -> None:
        super().__init__(reason)
        self.answer = answer
        self.reason = reason


class Table:
    """The identities that are connected, and with dedup the requests seen on each connection."""

    def __init__(self, most: int, faults: Faults) -> None:
        self._most = most
        self._faults = faults
        self._guids: dict[Identity, set[str]] = {}

    def __len__(self) -> int:
        return len(self._guids)

    def admit(self, identity: Identity, arrival: Arrival) -> None:
        """Add a connection; Refusal when its identity is taken or there are too many."""
        full = self._faults.take(Full, arrival) is not None
        if full or len(self._guids) >= self._most:
            code = Code.CODE_MAX_CONNECTION_LIMIT_REACHED
            raise Refusal(Answer(code, "max connection reached"), "Max connection reached")
        taken = self._faults.take(Taken, arrival) is not None
        if taken or identity in self._guids:
            told = Answer(Code.CODE_MAX_USER_LIMIT_REACHED, f"duplicated connection: {identity},")
            raise Refusal(told, f"duplicate connection: {identity.id}")
        self._guids[identity] = set()

    def remove(self, identity: Identity) -> None:
        """Free an identity."""
        self._guids.pop(identity, None)

    def seen(self, identity: Identity, guid: str) -> bool:
        """Return whether the guid was sent on this connection before, and remember it."""
        guids = self._guids.get(identity)
        if guids is None:
            return False
        if guid in guids:
            return True
        guids.add(guid)
        return False

    def forget(self, identity: Identity, guid: str) -> None:
        """Forget a guid whose publishing failed."""
        self._guids.get(identity, set[str]()).discard(guid)
