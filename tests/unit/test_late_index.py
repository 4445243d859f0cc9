"""The late index that property tests stand on is late, and comes up to date in the end."""

from __future__ import annotations

from random import Random

from functions.archiver.ledger.conditions import Exists, KeyRange
from tests.doubles.aws import Aws
from tests.doubles.late_index import LateIndex


def test_an_index_shows_each_items_writes_late_in_their_order_and_in_the_end_all(aws: Aws) -> None:
    table = LateIndex(aws.table, Random(1))
    for number in range(20):
        table.put_new({"pk": str(number), "due_group": "g", "due_at": number})
        table.update(str(number), put={"due_at": number + 100})
    assert table.delete("0", when=Exists("pk"))
    seen = [len(table.query("due", KeyRange("g"))) for _ in range(3)]
    assert seen != [19, 19, 19]
    table.prompt = True
    assert table.query("due", KeyRange("g")) == aws.table.query("due", KeyRange("g"))
    assert table.count("due", KeyRange("g", at_least=110)) == 10
    assert table.query("due", KeyRange("g"), limit=1, newest_first=True)[0]["pk"] == "19"
