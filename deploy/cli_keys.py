"""``waypost key``: what can be done with API keys."""

import argparse
import asyncio

from deploy import operate_keys
from deploy.arguments import names, read_secret, scopes, seconds, whole
from deploy.local.data_dir import DataDir
from deploy.operate import Answer
from deploy.operate_keys import WantedKey
from shared.contracts.keys import SCOPES, Overlap, Style, Window
from shared.contracts.modes import Mode


def add(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """``common``: the options of every command."""
    key = parser.add_subparsers(required=True, metavar="ACTION")
    _add_create(key.add_parser("create", parents=[common], help="make a key; it is shown this once"))
    _add_rotate(key.add_parser("rotate", parents=[common], help="give a key a new secret; it is shown this once"))
    _add_revoke(key.add_parser("revoke", parents=[common], help="withdraw a key for good"))
    _add_leaked(key.add_parser("leaked", parents=[common], help="withdraw the key that a found secret opens"))
    _add_list(key.add_parser("list", parents=[common], help="the keys of a user's workspace, newest first"))


def _add_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--username", required=True, help="whose key it is, for their workspace")
    parser.add_argument(
        "--style", type=Style, choices=list(Style), default=Style.EZX, help="how it begins (%(default)s)"
    )
    parser.add_argument(
        "--mode",
        type=Mode,
        choices=list(Mode),
        default=Mode.LIVE,
        help="whether it sees real or test data (%(default)s)",
    )
    parser.add_argument("--scopes", type=scopes, default=SCOPES, metavar="all|SCOPE,…", help="what it may do (all)")
    parser.add_argument("--limit", type=whole(1, 2**31 - 1), metavar="N", help="requests per window (the tier's)")
    parser.add_argument("--window", type=Window, choices=list(Window), default=Window.HOUR, help="(%(default)s)")
    parser.add_argument("--expires-in", type=seconds, metavar="SECONDS", help="never, when left out")
    parser.add_argument("--name", default="API key", help="(%(default)s)")
    parser.add_argument(
        "--allow", type=names, default=(), metavar="CIDR,…", help="where it may be used from (anywhere)"
    )
    parser.set_defaults(run=_create_key)


def _add_revoke(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--id", required=True, help="with or without key_ before it")
    parser.set_defaults(run=lambda given: asyncio.run(operate_keys.revoke_key(DataDir(given.data), given.id)))


def _add_rotate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--id", required=True, help="with or without key_ before it")
    parser.add_argument(
        "--overlap",
        type=Overlap,
        choices=list(Overlap),
        default=Overlap.DAY,
        help="how long the secret before goes on working (%(default)s)",
    )
    parser.set_defaults(run=_rotate_key)


def _add_leaked(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key", help="the whole key, or - to read it from the standard input, where no `ps` shows it")
    parser.set_defaults(run=_report_leak)


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--username", required=True)
    parser.set_defaults(run=lambda given: asyncio.run(operate_keys.list_keys(DataDir(given.data), given.username)))


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
        allowlist=given.allow,
    )
    return asyncio.run(operate_keys.create_key(DataDir(given.data), wanted))


def _rotate_key(given: argparse.Namespace) -> Answer:
    return asyncio.run(operate_keys.rotate_key(DataDir(given.data), given.id, given.overlap))


def _report_leak(given: argparse.Namespace) -> Answer:
    return asyncio.run(operate_keys.report_leak(DataDir(given.data), read_secret(given.key)))
