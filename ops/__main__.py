"""`python -m ops <command>`: what an operator does by hand. Each command is one module of this package."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from functions.archiver.errors import Misconfigured

WRONG_CONFIGURATION = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Parses the command line and runs one command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ops", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_local(commands)
    _add_demo(commands)
    _add_import(commands)
    _add_provider(commands)
    _add_webhook(commands)
    _add_docs(commands)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except Misconfigured as mistake:
        print(mistake, file=sys.stderr)
        return WRONG_CONFIGURATION


def _add_local(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    local = commands.add_parser("local", help="run the whole archive on this machine, without AWS")
    local.add_argument("--deployment", type=Path, required=True, metavar="FILE")
    local.add_argument("--secrets", type=Path, required=True, metavar="FILE")
    local.add_argument("--out", type=Path, required=True, metavar="DIR")
    local.add_argument("--serve-webhooks", type=int, metavar="PORT")
    local.add_argument("--real-time", action="store_true", help="wait for what is due later, instead of skipping")
    local.set_defaults(run=_local)


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    demo = commands.add_parser("demo", help="archive from simulated providers into ./demo")
    demo.set_defaults(run=_demo)


def _add_import(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    taker = commands.add_parser("import", help="take recordings out of zip and tar.gz archives (babelforce's dialer)")
    taker.add_argument("--deployment", type=Path, required=True, metavar="FILE")
    taker.add_argument("--source", required=True, metavar="NAME", help="whose recordings they are")
    taker.add_argument("--out", type=Path, metavar="DIR", help="a local run's folder, in place of the deployed archive")
    taker.add_argument("archives", nargs="+", metavar="FILE|URL")
    taker.set_defaults(run=_import)


def _import(options: argparse.Namespace) -> int:
    from ops.commands.import_archive import Order, run

    order = Order(
        deployment=options.deployment,
        source=options.source,
        archives=options.archives,
        out=options.out,
    )
    return run(order)


def _add_docs(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    docs = commands.add_parser("docs", help="write the table of providers into docs/providers.md")
    docs.set_defaults(run=_docs)


def _docs(options: argparse.Namespace) -> int:
    from ops.commands.docs import write

    return write()


def _add_provider(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    by_hand = commands.add_parser("provider", help="a provider's own operations, by hand")
    by_hand.add_argument("source", help="a source of the deployment file")
    by_hand.add_argument("--deployment", type=Path, required=True, metavar="FILE")
    by_hand.add_argument("--secrets", type=Path, metavar="FILE", help="in place of Secrets Manager")
    operations = by_hand.add_subparsers(dest="operation", required=True)
    lists = operations.add_parser("list", help="what the provider lists, a JSON object on each line")
    lists.add_argument("--from", type=_moment, dest="since", metavar="TIME", help="default: a day before --to")
    lists.add_argument("--to", type=_moment, metavar="TIME", help="default: now")
    gets = operations.add_parser("get", help="what the provider tells of one recording")
    gets.add_argument("id")
    gets.add_argument("--audio", type=Path, metavar="FILE", help="fetch its audio into a new file")
    deletes = operations.add_parser("delete", help="delete at the provider, after a question")
    deletes.add_argument("ids", nargs="+", metavar="ID")
    deletes.add_argument("--yes", action="store_true", help="ask nothing")
    notes = operations.add_parser("annotate", help="write notes to a recording at the provider")
    notes.add_argument("id")
    notes.add_argument("notes", metavar="JSON")
    uploads = operations.add_parser("upload", help="hand audio to the provider, for a menu or a queue")
    uploads.add_argument("--type", required=True)
    uploads.add_argument("--id", required=True)
    uploads.add_argument("path", help="where the provider fetches it from")
    by_hand.set_defaults(run=_provider)


def _add_webhook(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    webhook = commands.add_parser("webhook", help="have a provider send its events, or see whether it does")
    webhook.add_argument("source", help="a source of the deployment file")
    webhook.add_argument("--deployment", type=Path, required=True, metavar="FILE")
    webhook.add_argument("--secrets", type=Path, metavar="FILE", help="in place of Secrets Manager")
    what = webhook.add_mutually_exclusive_group(required=True)
    what.add_argument("--register", action="store_true", help="make the hook, or switch it on again; needs --url")
    what.add_argument("--check", action="store_true", help="tell whether the hook is switched on")
    webhook.add_argument("--url", help="the source's URL, from the outputs of the stack")
    webhook.set_defaults(run=_webhook)


def _webhook(options: argparse.Namespace) -> int:
    from ops.commands.provider import Connection
    from ops.commands.webhook import run

    connection = Connection(deployment=options.deployment, source=options.source, secrets=options.secrets)
    return run(connection, url=options.url, register=options.register)


def _moment(text: str) -> datetime:
    """A moment of the command line, UTC where it names no zone. Raises ValueError, which argparse puts into words."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _provider(options: argparse.Namespace) -> int:
    from ops.commands.provider import Connection, run

    connection = Connection(deployment=options.deployment, source=options.source, secrets=options.secrets)
    return run(connection, options)


def _stopping() -> threading.Event:
    """Set by SIGINT and SIGTERM, so that a run ends in order."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def _demo(options: argparse.Namespace) -> int:
    from ops.commands.demo import demo

    return demo(_stopping())


def _local(options: argparse.Namespace) -> int:
    # Imported here: the other commands need neither the CDK nor an embedded AWS.
    from ops.local.run import Order, run

    order = Order(
        deployment=options.deployment,
        secrets=options.secrets,
        out=options.out,
        real_time=options.real_time,
        webhook_port=options.serve_webhooks,
    )
    return run(order, _stopping())


if __name__ == "__main__":
    sys.exit(main())
