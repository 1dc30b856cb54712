"""What the words of a command may be, told with a sentence when they are something else."""

import argparse
import sys
from collections.abc import Callable
from datetime import date

from shared.contracts.keys import SCOPES

_LONGEST_LINE = 4096


def whole(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return number


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2026-01-31") from None


def seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return number


def names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def scopes(text: str) -> tuple[str, ...]:
    if text == "all":
        return SCOPES
    wanted = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        raise argparse.ArgumentTypeError(f"no such scope: {', '.join(unknown)}; there are {', '.join(SCOPES)}")
    return wanted


def read_secret(given: str) -> str:
    """``given`` itself, or for - the first line of the standard input, where no `ps` shows it."""
    return (sys.stdin.readline(_LONGEST_LINE) if given == "-" else given).strip()
