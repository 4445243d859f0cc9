"""The deployment file's content as frozen dataclasses, and the environment of a function made from it.

Infra writes `Settings(...).to_env()`, the functions read `Settings.from_env(os.environ)`: one schema for both sides.
Every dataclass here checks itself when it is built and raises Misconfigured with one sentence that names the key.
"""
