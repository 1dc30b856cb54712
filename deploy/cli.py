"""The operator's command `waypost`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from deploy import operate
from deploy.local import console
from deploy.local.data_dir import DataDir
from deploy.local.panel import Panel
from deploy.local.stack import Options
from deploy.local.trouble import Trouble, explain
from deploy.local.up import up
from deploy.operate import Answer, NewAccount, WantedKey
from shared.contracts.accounts import Tier
from shared.contracts.keys import SCOPES, Style, Window
from shared.contracts.modes import Mode
from shared.faults import Fault

_DATA = Path(".waypost")
_WORKERS = 2


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 1 with a sentence on stderr. A mistake in the command itself exits with 2."""
    given = _parser().parse_args(argv)
    try:
        answer = given.run(given)
    except (Trouble, Fault) as trouble:
        return _fail(str(trouble))
    except OSError as error:
        return _fail(explain(error, given.data))
    except KeyboardInterrupt:
        return 130
    if answer is not None:
        print(msgspec.json.encode(answer).decode())
    return 0


def _fail(sentence: str) -> int:
    print(f"waypost: {sentence}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data", type=Path, default=_DATA, metavar="DIR", help="where the stack lives (%(default)s)")
    parser = argparse.ArgumentParser(prog="waypost", description="Runs and operates Waypost on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_up(commands.add_parser("up", parents=[common], help="start everything and keep it running"))
    account = commands.add_parser("account", help="users").add_subparsers(required=True, metavar="ACTION")
    _add_account_create(account.add_parser("create", parents=[common], help="add a user with a workspace"))
    key = commands.add_parser("key", help="API keys").add_subparsers(required=True, metavar="ACTION")
    _add_key_create(key.add_parser("create", parents=[common], help="make a key; it is shown this once"))
    _add_key_revoke(key.add_parser("revoke", parents=[common], help="withdraw a key for good"))
    status = commands.add_parser("status", parents=[common], help="what runs, and where")
    status.set_defaults(run=lambda given: operate.status(DataDir(given.data)))
    migrate = commands.add_parser("migrate", parents=[common], help="bring the database up to date")
    migrate.set_defaults(run=lambda given: asyncio.run(operate.migrate_all(DataDir(given.data))))
    return parser


def _add_up(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_whole(0, 65535), help="the gateway's port, 0 for any free one (8080)")
    parser.add_argument("--workers", type=_whole(1, 64), default=_WORKERS, help="gateway processes (%(default)s)")
    parser.set_defaults(run=_up)


def _add_account_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--username", required=True)
    parser.add_argument("--email", required=True)
    parser.add_argument("--password", help="made and shown when left out")
    parser.add_argument("--tier", type=Tier, choices=list(Tier), default=Tier.FREE)
    parser.set_defaults(run=_create_account)


def _add_key_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--username", required=True)
    parser.add_argument("--style", type=Style, choices=list(Style), default=Style.EZX)
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.LIVE)
    parser.add_argument("--scopes", type=_scopes, default=SCOPES, metavar="all|SCOPE,…", help="what it may do (all)")
    parser.add_argument("--limit", type=_whole(1, 2**31 - 1), metavar="N", help="requests per window (the tier's)")
    parser.add_argument("--window", type=Window, choices=list(Window), default=Window.HOUR)
    parser.add_argument("--expires-in", type=_seconds, metavar="SECONDS", help="never, when left out")
    parser.add_argument("--name", default="API key")
    parser.set_defaults(run=_create_key)


def _add_key_revoke(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--id", required=True, help="with or without key_ before it")
    parser.set_defaults(run=lambda given: asyncio.run(operate.revoke_key(DataDir(given.data), given.id)))


def _up(given: argparse.Namespace) -> None:
    options = Options(data=given.data, port=given.port, workers=given.workers)
    asyncio.run(up(options, os.environ, console.standard(), Panel()))


def _create_account(given: argparse.Namespace) -> Answer:
    wanted = NewAccount(username=given.username, email=given.email, password=given.password, tier=given.tier)
    return asyncio.run(operate.create_account(DataDir(given.data), wanted))


def _create_key(given: argparse.Namespace) -> Answer:
    wanted = WantedKey(
        username=given.username,
        style=given.style,
        mode=given.mode,
        scopes=given.scopes,
        limit=given.limit,
        window=given.window,
        expires_in_seconds=given.expires_in,
        name=given.name,
    )
    return asyncio.run(operate.create_key(DataDir(given.data), wanted))


def _whole(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return number


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _scopes(text: str) -> tuple[str, ...]:
    if text == "all":
        return SCOPES
    wanted = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        raise argparse.ArgumentTypeError(f"no such scope: {', '.join(unknown)}; there are {', '.join(SCOPES)}")
    return wanted


if __name__ == "__main__":
    sys.exit(main())
