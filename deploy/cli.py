"""The operator's command `waypost`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from asyncpg import InvalidAuthorizationSpecificationError, InvalidCatalogNameError

from deploy import cli_domains, cli_keys, env_file, operate
from deploy.arguments import day, names, read_secret, whole
from deploy.imports import WantedImport
from deploy.local import console
from deploy.local.data_dir import DataDir
from deploy.local.options import Options
from deploy.local.panel import Panel
from deploy.local.trouble import Trouble, explain
from deploy.operate import Answer, NewAccount
from shared import linkfiles
from shared.contracts import SERVICES
from shared.contracts.accounts import Tier
from shared.contracts.bulk import OnConflict
from shared.contracts.modes import Mode
from shared.faults import Fault
from shared.settings import variable

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
    except (InvalidAuthorizationSpecificationError, InvalidCatalogNameError) as refusal:
        return _fail(f"PostgreSQL refuses what {variable('database_url')} says: {refusal}")
    except KeyboardInterrupt:
        return 130
    if answer is not None:
        print(msgspec.json.encode(answer).decode())
    # What was done only in part has failed, too.
    return 1 if answer and answer.get("failed") else 0


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
    cli_keys.add(commands.add_parser("key", help="API keys"), common)
    cli_domains.add(commands.add_parser("domain", help="hosts that workspaces have short links on"), common)
    links = commands.add_parser("links", help="short links").add_subparsers(required=True, metavar="ACTION")
    _add_links_import(links.add_parser("import", parents=[common], help="take a file of links into a workspace"))
    webhook = commands.add_parser("webhook", help="webhooks").add_subparsers(required=True, metavar="ACTION")
    _add_webhook_listen(
        webhook.add_parser("listen", parents=[common], help="show and verify what is sent to this machine")
    )
    analytics = commands.add_parser("analytics", help="click figures").add_subparsers(required=True, metavar="ACTION")
    _add_rebuild(
        analytics.add_parser("rebuild", parents=[common], help="make the figures of days anew from raw clicks")
    )
    status = commands.add_parser("status", parents=[common], help="what runs, and where")
    status.set_defaults(run=lambda given: operate.status(DataDir(given.data)))
    migrate = commands.add_parser("migrate", parents=[common], help="bring the database up to date")
    migrate.set_defaults(run=lambda given: asyncio.run(operate.migrate_all(DataDir(given.data))))
    one = commands.add_parser("run", parents=[common], help="be one process, with servers that the environment names")
    one.add_argument("process", choices=("gateway", *SERVICES))
    one.set_defaults(run=_run_one)
    settings = commands.add_parser("settings", parents=[common], help="every setting as a file for the environment")
    settings.set_defaults(run=lambda _: print(env_file.render(), end=""))
    _add_backup(commands.add_parser("backup", parents=[common], help="copy the whole database, while all goes on"))
    _add_restore(commands.add_parser("restore", parents=[common], help="put a backup in the place of the database"))
    return parser


def _add_up(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=whole(0, 65535), help="the gateway's port, 0 for any free one (8080)")
    parser.add_argument("--workers", type=whole(1, 64), default=_WORKERS, help="gateway processes (%(default)s)")
    parser.set_defaults(run=_up)


def _add_account_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--username", required=True, help="3 to 30 of a-z, 0-9, - and _; also the address of the profile"
    )
    parser.add_argument("--email", required=True)
    parser.add_argument("--password", help="made and shown when left out")
    parser.add_argument(
        "--tier", type=Tier, choices=list(Tier), default=Tier.FREE, help="how much it may do (%(default)s)"
    )
    parser.set_defaults(run=_create_account)


def _add_links_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="CSV, JSON or JSON Lines; an interrupted import of it goes on")
    parser.add_argument("--username", required=True, help="whose workspace")
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.LIVE, help="(%(default)s)")
    parser.add_argument("--format", choices=("auto", *linkfiles.NAMES), default="auto", help="(told by the columns)")
    parser.add_argument(
        "--on-conflict",
        type=OnConflict,
        choices=list(OnConflict),
        default=OnConflict.FAIL,
        help="what becomes of a link whose short code or external id is taken (%(default)s)",
    )
    parser.add_argument("--dry-run", action="store_true", help="try every line, keep nothing")
    parser.set_defaults(run=_import_links)


def _add_webhook_listen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=whole(0, 65535), default=0, help="on 127.0.0.1, 0 for any free one (%(default)s)"
    )
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--username", help="make a webhook in this user's workspace, and remove it at the end")
    whose.add_argument("--secret", metavar="whsec_…", help="of a webhook you have made; - to read it from stdin")
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.LIVE, help="(%(default)s)")
    parser.add_argument("--events", type=names, default=("*",), metavar="EVENT,…", help="what to be told of (all)")
    parser.set_defaults(run=_listen)


def _add_rebuild(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="first", type=day, metavar="DAY", help="the first day that is kept, if left out")
    parser.add_argument("--to", dest="last", type=day, metavar="DAY", help="today, if left out")
    parser.set_defaults(run=lambda given: operate.rebuild_analytics(DataDir(given.data), given.first, given.last))


def _add_backup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to", type=Path, metavar="DIR", help="a directory that is not there yet (backups/ and the time)"
    )
    parser.set_defaults(run=_back_up)


def _add_restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="place", type=Path, required=True, metavar="DIR", help="what `backup` has made")
    parser.set_defaults(run=_restore)


def _up(given: argparse.Namespace) -> None:
    # The other commands take half as long without what only this one needs.
    from deploy.local.up import up

    options = Options(data=given.data, port=given.port, workers=given.workers)
    asyncio.run(up(options, os.environ, console.standard(), Panel()))


def _run_one(given: argparse.Namespace) -> None:
    module = given.process if given.process == "gateway" else f"services.{given.process}"
    # The process takes this one's place, and its signals with it.
    os.execv(sys.executable, [sys.executable, "-m", module])


def _create_account(given: argparse.Namespace) -> Answer:
    wanted = NewAccount(username=given.username, email=given.email, password=given.password, tier=given.tier)
    return asyncio.run(operate.create_account(DataDir(given.data), wanted))


def _import_links(given: argparse.Namespace) -> Answer:
    wanted = WantedImport(
        file=given.file,
        username=given.username,
        mode=given.mode,
        format=given.format,
        on_conflict=given.on_conflict,
        dry_run=given.dry_run,
    )
    return asyncio.run(operate.import_links(DataDir(given.data), wanted, _tell))


def _listen(given: argparse.Namespace) -> None:
    # As with `up`: the other commands need no HTTP server.
    from deploy import operate_webhooks

    wanted = operate_webhooks.WantedListener(
        port=given.port,
        secret=None if given.secret is None else read_secret(given.secret),
        username=given.username,
        mode=given.mode,
        events=given.events,
    )
    asyncio.run(operate_webhooks.listen(DataDir(given.data), wanted, _show, _tell))


def _back_up(given: argparse.Namespace) -> Answer:
    from deploy import operate_backups

    return asyncio.run(operate_backups.make_backup(DataDir(given.data), given.to))


def _restore(given: argparse.Namespace) -> Answer:
    from deploy import operate_backups

    return asyncio.run(operate_backups.restore_backup(DataDir(given.data), given.place))


def _show(arrival: msgspec.Struct) -> None:
    print(msgspec.json.encode(arrival).decode(), flush=True)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
