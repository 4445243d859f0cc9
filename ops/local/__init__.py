"""The whole archive on one machine: the real handlers on a folder, SQLite and lanes in memory."""
