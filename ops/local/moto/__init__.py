"""The AWS of an emulator as the engine of a local run, for tests: whole runs on the adapters that AWS gets."""
