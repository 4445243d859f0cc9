"""The shape of the ledger's table. A test compares it with the template."""

from __future__ import annotations

from typing import Any

TABLE: dict[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "N" if name == "due_at" else "S"}
        for name in ("pk", "due_group", "due_at", "day")
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": name,
            "KeySchema": [
                {"AttributeName": partition, "KeyType": "HASH"},
                {"AttributeName": sort, "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
        for name, partition, sort in (("due", "due_group", "due_at"), ("day", "day", "pk"))
    ],
}
