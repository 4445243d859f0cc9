"""A table whose indexes lag behind its items, as DynamoDB's do: each item's entry comes up to date when chance has it.

moto's indexes, and SQLite's, are up to date at once, so they hide code that takes an index for the truth.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from functions.archiver.ledger.conditions import Condition, KeyRange
from functions.archiver.ledger.table import Index, Item, Table

_KEYS: dict[Index, tuple[str, str]] = {"due": ("due_group", "due_at"), "day": ("day", "pk")}


class LateIndex:
    """Reads and writes of items go straight to `table`. `prompt` ends the lag."""

    def __init__(self, table: Table, random: Random) -> None:
        self._table = table
        self._random = random
        self._shown: dict[str, Item] = {}
        self._coming: dict[str, deque[Item]] = defaultdict(deque)
        self.prompt = False

    def get(self, pk: str) -> Item | None:
        return self._table.get(pk)

    def get_many(self, pks: Sequence[str], attributes: Sequence[str]) -> dict[str, Item]:
        return self._table.get_many(pks, attributes)

    def put_new(self, item: Mapping[str, object]) -> bool:
        done = self._table.put_new(item)
        if done:
            self._coming[str(item["pk"])].append({name: value for name, value in item.items() if value is not None})
        return done

    def update(
        self,
        pk: str,
        *,
        put: Mapping[str, object],
        remove: Sequence[str] = (),
        add: Mapping[str, int] | None = None,
        when: Condition | None = None,
    ) -> Item:
        item = self._table.update(pk, put=put, remove=remove, add=add, when=when)
        self._coming[pk].append(item)
        return item

    def delete(self, pk: str, *, when: Condition) -> bool:
        done = self._table.delete(pk, when=when)
        if done:
            self._coming[pk].append({})
        return done

    def query(self, index: Index, key: KeyRange, *, limit: int | None = None, newest_first: bool = False) -> list[Item]:
        self._table.query(index, key, limit=0 if limit == 0 else 1)  # the call itself, where somebody may die
        return self._found(index, key, newest_first=newest_first)[:limit]

    def count(self, index: Index, key: KeyRange, *, prefix: str = "") -> int:
        self._table.count(index, key)
        return sum(item["pk"].startswith(prefix) for item in self._found(index, key))

    def scan(self) -> Iterator[Item]:
        return self._table.scan()

    def _found(self, index: Index, key: KeyRange, *, newest_first: bool = False) -> list[Item]:
        self._catch_up()
        partition, sort = _KEYS[index]
        found = [
            {name: item[name] for name in ("pk", partition, sort)}
            for item in self._shown.values()
            if item.get(partition) == key.partition
            and sort in item
            and (key.at_least is None or item[sort] >= key.at_least)
            and (key.at_most is None or item[sort] <= key.at_most)
        ]
        return sorted(found, key=lambda item: (item[sort], item["pk"]), reverse=newest_first)

    def _catch_up(self) -> None:
        for pk, coming in self._coming.items():
            while coming and (self.prompt or self._random.random() < 0.5):
                self._shown[pk] = coming.popleft()
