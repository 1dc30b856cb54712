"""What an expression of Prometheus is made of, held against what is really told."""

import re
from collections.abc import Mapping

from promql_parser import (
    AggModifierType,
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    LabelModifierType,
    MatchOp,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    VectorSelector,
    parse,
)

from tests.observability.scraped import ADDED, Seen, matches

Labels = frozenset[str]
# Aggregations that leave the labels of what they choose as they are.
_CHOOSING = ("topk", "bottomk")
# Values that a healthy stack does not show: errors, and what is not there when all goes well.
ONLY_IN_TROUBLE = {"status": r"5\.\.", "outcome": r"unavailable\|timeout\|internal|late"}


class WrongExpressionError(Exception):
    """It asks for something that nobody tells."""


def labels_of(expression: str, told: Mapping[str, Seen]) -> Labels:
    """The labels of its result; raises `WrongExpressionError` when a name, a label or a value in it does not exist."""
    return _labels(parse(expression), told) or frozenset()


def _labels(expr: Expr, told: Mapping[str, Seen]) -> Labels | None:
    """None: a number without labels of any kind."""
    match expr:
        case NumberLiteral() | StringLiteral():
            return None
        case VectorSelector():
            return _selected(expr, told)
        case MatrixSelector():
            return _selected(expr.vector_selector, told)
        case ParenExpr():
            return _labels(expr.expr, told)
        case AggregateExpr():
            return _aggregated(expr, told)
        case BinaryExpr():
            return _joined(expr, told)
        case Call():
            return _called(expr, told)
    raise WrongExpressionError(f"{type(expr).__name__} is not known here")


def _selected(selector: VectorSelector, told: Mapping[str, Seen]) -> Labels:
    seen = told.get(selector.name or "")
    if seen is None:
        raise WrongExpressionError(f"nobody tells {selector.name}")
    [labels] = seen.labels
    for matcher in selector.matchers.matchers:
        if matcher.name not in labels:
            raise WrongExpressionError(f"{selector.name} has no label {matcher.name}")
        if matcher.name in ADDED or re.fullmatch(ONLY_IN_TROUBLE.get(matcher.name, ""), matcher.value):
            continue
        wanted = re.escape(matcher.value) if matcher.op == MatchOp.Equal else matcher.value
        if not all(matches(seen, matcher.name, each) for each in wanted.split("|")) and matcher.op != MatchOp.NotRe:
            raise WrongExpressionError(f"{selector.name} never has {matcher.name}={matcher.value}")
    return labels


def _aggregated(expr: AggregateExpr, told: Mapping[str, Seen]) -> Labels:
    inner = _labels(expr.expr, told) or frozenset()
    if str(expr.op) in _CHOOSING:
        return inner
    if expr.modifier is None:
        return frozenset()
    given = frozenset(expr.modifier.labels)
    if not given <= inner:
        raise WrongExpressionError(f"there is no {', '.join(given - inner)} in {expr.expr.prettify()}")
    return given if expr.modifier.type == AggModifierType.By else inner - given


def _joined(expr: BinaryExpr, told: Mapping[str, Seen]) -> Labels | None:
    left, right = _labels(expr.lhs, told), _labels(expr.rhs, told)
    if left is None or right is None:
        return right if left is None else left
    if str(expr.op) == "or":
        return left | right
    on = expr.modifier.matching if expr.modifier else None
    if on is None:
        fits = left == right
    elif on.type == LabelModifierType.Include:
        fits = frozenset(on.labels) <= left & right
    else:
        fits = left - frozenset(on.labels) == right - frozenset(on.labels)
    if not fits:
        raise WrongExpressionError(f"the sides of {expr.prettify()} never have the same labels")
    return left


def _called(expr: Call, told: Mapping[str, Seen]) -> Labels | None:
    if expr.func.name == "vector":
        return frozenset()
    arguments = [_labels(argument, told) for argument in expr.args]
    [labels] = [each for each in arguments if each is not None]
    if expr.func.name != "histogram_quantile":
        return labels
    if "le" not in labels:
        raise WrongExpressionError(f"there is no le in {expr.prettify()}")
    return labels - {"le"}
