"""The two shapes of a message: a question that names its answer, and an event that tells a fact."""

import re
from typing import Any, Generic, TypeVar, get_args

import msgspec

A = TypeVar("A")

_CONTRACTS = f"{__package__}."


class Ask(msgspec.Struct, Generic[A], frozen=True, kw_only=True, omit_defaults=True):
    """A question to a service; ``class CreateLink(Ask[Link])`` is answered by a ``Link``."""


class Confidential(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that holds a secret. Wherever it is kept, it is kept sealed."""


class Tentative(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that may say that nothing was done. Such an answer is not kept: asked again, it is tried again."""

    done: bool


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fact that a service tells. Delivered at least once, so whoever listens must not mind hearing it twice."""


class Passing(Event, frozen=True, kw_only=True):
    """One of which there may be very many. It has a single listener, and is kept until that has taken it in."""


def service_of(message: type[Ask[Any]] | type[Event]) -> str:
    """The service a question belongs to or an event comes from: the module, or the package, it is defined in."""
    module = message.__module__
    return (
        module.removeprefix(_CONTRACTS).partition(".")[0]
        if module.startswith(_CONTRACTS)
        else module.rpartition(".")[2]
    )


def subject_of(message: type[Ask[Any]] | type[Event]) -> str:
    """``links.CreateLink`` → ``links.create_link``; an event → ``events.links.link_created``; or ``passing.…``."""
    verb = re.sub(r"(?<!^)(?=[A-Z])", "_", message.__name__).lower()
    subject = f"{service_of(message)}.{verb}"
    if issubclass(message, Passing):
        return f"passing.{subject}"
    return f"events.{subject}" if issubclass(message, Event) else subject


def is_confidential(question: type[Ask[Any]]) -> bool:
    answer = answer_of(question)
    return isinstance(answer, type) and issubclass(answer, Confidential)


def answer_of(question: type[Ask[Any]]) -> Any:
    """The type of the answer, as the question's class names it."""
    for base in question.__dict__["__orig_bases__"]:
        if getattr(base, "__origin__", None) is Ask:
            return get_args(base)[0]
    raise TypeError(f"{question.__name__} names no answer")
