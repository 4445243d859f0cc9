"""The embedded engine of a local run: a folder as the bucket, SQLite as the table, lanes in memory, one lock."""
