"""``python -m deploy.capacity --redirects 1000 …``: what such a load needs."""

import argparse
import sys
from pathlib import Path

import msgspec

from deploy.capacity import limits, page, queueing, shown
from deploy.capacity.measured import Measured, NotMeasured, read
from deploy.capacity.needs import Load, Needs, reckon
from deploy.capacity.queueing import Waits


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What ``--json`` prints."""

    measured_at: str
    needs: Needs
    limits: tuple[str, ...]
    waits: Waits | None


def main(words: list[str] | None = None) -> int:
    given = _parser().parse_args(words)
    try:
        print(_answer(given, read(given.measured)))
    except (OSError, NotMeasured) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _answer(given: argparse.Namespace, measured: Measured) -> str:
    if given.page:
        return page.render(measured)
    load = Load(
        redirects=given.redirects,
        reads=given.reads,
        writes=given.writes,
        deliveries=given.writes if given.deliveries is None else given.deliveries,
        links=given.links,
        clicks_kept_days=given.clicks_kept_days,
        mean=given.mean,
    )
    needs = reckon(load, measured)
    simulated = given.simulate and load.reads > 0
    waits = queueing.reads(needs, measured, given.seed, given.machine_cores) if simulated else None
    if not given.json:
        return shown.text(needs, measured, waits)
    told = Told(measured_at=measured.at, needs=needs, limits=tuple(limits.met(needs)), waits=waits)
    return msgspec.json.format(msgspec.json.encode(told)).decode()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.capacity", description="Reckons what a load needs from what one request costs."
    )
    parser.add_argument("--redirects", type=_rate, default=1_000.0, help="a second at the peak (%(default)g)")
    parser.add_argument("--reads", type=_rate, default=50.0, help="API calls that read, the same (%(default)g)")
    parser.add_argument("--writes", type=_rate, default=5.0, help="API calls that write, the same (%(default)g)")
    parser.add_argument("--deliveries", type=_rate, help="of webhooks, the same (as many as writes)")
    parser.add_argument("--links", type=_whole, default=100_000, help="short links in all (%(default)s)")
    parser.add_argument("--clicks-kept-days", type=_whole, default=90, help="how long raw clicks stay (%(default)s)")
    parser.add_argument("--mean", type=_share, default=0.4, help="the day's mean as a share of its peak (%(default)g)")
    parser.add_argument("--measured", type=Path, metavar="FILE", help="a bench.json of your own machine")
    parser.add_argument("--simulate", action="store_true", help="how long reads wait, by simulation")
    parser.add_argument(
        "--machine-cores", type=_whole, metavar="N", help="of the simulation: all is on one machine with N cores"
    )
    parser.add_argument("--seed", type=int, default=queueing.SEED, help="of the simulation's chance (%(default)s)")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="for programs")
    output.add_argument("--page", action="store_true", help="the tables of capacity.md")
    return parser


def _rate(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1e7:
        raise argparse.ArgumentTypeError("a rate is from 0 to 10,000,000")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError("more than 0, and 1 at most")
    return value


if __name__ == "__main__":
    sys.exit(main())
