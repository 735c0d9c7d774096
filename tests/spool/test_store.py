"""The spool's file: whole steps, bounded reads, and what is damaged in it."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest
from raccoon_runtime.errors import SpoolError
from raccoon_runtime.spool.reader import Reader, is_passing
from raccoon_runtime.spool.row import Amount
from raccoon_runtime.spool.store import VERSION, Store

from tests.spool.rows import fill, row


def _ids(store: Store) -> list[int]:
    return [one.id for one in store.rows()]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "a.spool")


def test_rows_come_back_in_order_and_within_bounds(store: Store) -> None:
    rows = [row(range(n * 10 + 100, n * 10 + 110)) for n in range(20)]
    with store.transaction():
        ids = [store.insert(one) for one in rows]
    assert ids == list(range(1, 21))
    assert store.totals() == Amount(20, 200, sum(one.amount.bytes for one in rows))
    found = store.load(0, 1000, 1 << 20)
    assert [one.row.req_guid for one in found if one.row] == [one.req_guid for one in rows]
    assert [one.id for one in store.load(5, 25, 1 << 20)] == [6, 7, 8]
    size = rows[0].amount.bytes
    assert [one.id for one in store.load(5, 1000, size + 1)] == [6, 7]
    assert [one.id for one in store.load(18, 1000, 1 << 20)] == [19, 20]
    assert store.load(20, 1000, 1 << 20) == []
    store.close()


def test_a_step_is_whole_or_not_at_all(store: Store) -> None:
    with store.transaction():
        store.insert(row([1]))
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.insert(row([2]))
        store.delete([1])
        raise ZeroDivisionError
    assert _ids(store) == [1]
    store.close()


def test_a_guid_is_kept_once(store: Store) -> None:
    one = row([1])
    assert store.insert(one) == 1
    assert store.insert(one) is None
    assert store.id_of(one.req_guid) == 1
    store.close()


def test_an_id_is_never_given_twice(store: Store) -> None:
    store.insert(row([1]))
    store.delete([1])
    assert store.last_id() == 1
    assert store.insert(row([2])) == 2
    store.go_on_after(50)
    store.close()


def test_ids_go_on_where_another_file_ended(store: Store) -> None:
    store.go_on_after(50)
    assert store.insert(row([1])) == 51
    store.close()


def test_nobody_else_may_read_the_files(store: Store) -> None:
    store.insert(row([1]))
    for path in store.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    store.close()


def test_room_that_is_free_goes_back_to_the_disk(store: Store) -> None:
    with store.transaction():
        for n in range(60):
            store.insert(row([n], 1 << 20))
    with store.transaction():
        store.delete(_ids(store))
    for _ in range(40):
        store.trim()
    store.shrink()
    assert os.path.getsize(store.path) < 20 << 20
    store.close()


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.spool"
    fill(path, 1)
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version={VERSION + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(SpoolError, match=f"version {VERSION + 1}; this runtime reads {VERSION}"):
        Store(path)
    assert path.read_bytes() == before


def test_what_is_no_database_is_damaged_and_does_not_pass(tmp_path: Path) -> None:
    path = tmp_path / "a.spool"
    path.write_bytes(b"no database, whatever its name says" * 200)
    with pytest.raises(sqlite3.DatabaseError) as caught:
        Store(path)
    assert not is_passing(caught.value)


def test_a_damaged_row_is_set_aside_and_the_others_stay(store: Store) -> None:
    rows = [row([n]) for n in range(3)]
    for one in rows:
        store.insert(one)
    store._db.execute("UPDATE batches SET frames = zeroblob(5000) WHERE id = 2")
    found = store.load(0, 10, 1 << 20)
    assert [one.row is None for one in found] == [False, True, False]
    assert found[1].counted == rows[1].amount
    assert _ids(store) == [1, 3]
    (aside,) = store.aside()
    assert (aside.req_guid, aside.reason) == (rows[1].req_guid.encode(), b"it is cut off")
    assert aside.frames == bytes(5000)
    assert not store.is_empty()
    store.close()


def test_a_reader_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.spool"
    store = Store(path)
    store.insert(row([1]))

    def files() -> dict[str, bytes]:
        return {
            one.name: one.read_bytes() for one in tmp_path.iterdir() if one.suffix != ".spool-shm"
        }

    before = files()
    reader = Reader.open(path)
    assert reader.totals().events == 1
    with pytest.raises(sqlite3.OperationalError):
        reader._db.execute("DELETE FROM batches")
    reader.close()
    assert files() == before
    store.close()
    assert [one.name for one in tmp_path.iterdir()] == ["a.spool"]
    reader = Reader.open(path)
    assert reader.totals().events == 1
    reader.close()
    assert [one.name for one in tmp_path.iterdir()] == ["a.spool"]
