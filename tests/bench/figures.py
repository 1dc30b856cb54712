"""What a benchmark finds: named figures, each from several turns, and how they are shown."""

import statistics
from collections.abc import Sequence
from typing import Literal

import msgspec


class Target(msgspec.Struct, frozen=True):
    """What the median should be: at least, or at most."""

    sense: Literal["≥", "≤"]
    value: float

    def met(self, median: float) -> bool:
        return median >= self.value if self.sense == "≥" else median <= self.value

    def __str__(self) -> str:
        return f"{self.sense} {number(self.value)}"


class Figure(msgspec.Struct, frozen=True):
    """One quantity, measured once in every turn."""

    name: str
    unit: str
    values: tuple[float, ...]
    target: Target | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """None when nothing is aimed at."""
        return self.target.met(self.median) if self.target else None


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A figure in ``bench.json``."""

    name: str
    unit: str
    median: float
    least: float
    most: float
    values: tuple[float, ...]
    target: str | None
    met: bool | None


def shown(figure: Figure) -> Shown:
    return Shown(
        name=figure.name,
        unit=figure.unit,
        median=figure.median,
        least=min(figure.values),
        most=max(figure.values),
        values=figure.values,
        target=str(figure.target) if figure.target else None,
        met=figure.met,
    )


def at_least(value: float) -> Target:
    return Target("≥", value)


def at_most(value: float) -> Target:
    return Target("≤", value)


def table(row: str, figures: Sequence[Figure]) -> str:
    """One line a figure: name, median, spread, target."""
    lines = []
    for place, figure in enumerate(figures):
        spread = f"{number(min(figure.values))} – {number(max(figure.values))}"
        verdict = "" if figure.target is None else f"{figure.target}  {'met' if figure.met else 'MISSED'}"
        lines.append(
            f"{row if place == 0 else '':<14} {figure.name:<34} {number(figure.median):>9} {figure.unit:<7} "
            f"{spread:<21} {verdict}".rstrip()
        )
    return "\n".join(lines)


def number(value: float) -> str:
    """Three digits that say something, or a whole number."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
