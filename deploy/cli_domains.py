"""``waypost domain``: who has which, and how one is taken from whoever has it."""

import argparse
import asyncio

from deploy import operate_domains
from deploy.local.data_dir import DataDir
from deploy.operate import Answer


def add(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """``common``: the options of every command."""
    domain = parser.add_subparsers(required=True, metavar="ACTION")
    _add_list(domain.add_parser("list", parents=[common], help="what is claimed and verified, newest first"))
    _add_release(
        domain.add_parser("release", parents=[common], help="take a verified domain from the workspace that has it")
    )


def _add_list(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--username", help="of this user's workspace")
    which.add_argument("--workspace", metavar="ID", help="of this workspace, with or without ws_ before it")
    which.add_argument("--name", metavar="HOST", help="who has this one, and who claims it")
    parser.set_defaults(run=_list_domains)


def _add_release(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, metavar="HOST")
    parser.add_argument("--force", action="store_true", help="and delete the links that are on it, with their QR codes")
    parser.set_defaults(
        run=lambda given: asyncio.run(operate_domains.release_domain(DataDir(given.data), given.name, given.force))
    )


def _list_domains(given: argparse.Namespace) -> Answer:
    wanted = operate_domains.WantedDomains(username=given.username, workspace=given.workspace, name=given.name)
    return asyncio.run(operate_domains.list_domains(DataDir(given.data), wanted))
