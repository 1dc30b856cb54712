"""A small service for trying out the shared ground with: shelves of books, a schema, facts, and facts of others."""

import asyncio
import secrets

from shared import outbox, service
from shared.contracts.ask import Ask, Event
from shared.database import Connection
from shared.faults import Code, Fault
from shared.service import Listener, Service, read, whole, write

TABLES = """
create table shelf.outbox (
    id         bigint generated always as identity primary key,
    event_id   text not null,
    subject    text not null,
    payload    bytea not null,
    created_at timestamptz not null default now()
);
create table shelf.idempotency (
    workspace   text not null,
    mode        text not null,
    key         text not null,
    fingerprint bytea not null,
    asked_at    timestamptz not null,
    reply       bytea,
    primary key (workspace, mode, key)
);
create table shelf.shelves (name text primary key, books int not null);
create table shelf.books (shelf text, place int, primary key (shelf, place));
create table shelf.arrivals (number int primary key, seen int not null default 1);
create table shelf.poison (number int primary key);
"""


class AddBook(Ask[int], frozen=True, kw_only=True):
    """Answers with the book's place on its shelf. ``then_fail`` lets the transaction fail at its very end."""

    shelf: str
    then_fail: bool = False
    hold_seconds: float = 0.0


class AddQuietly(Ask[int], frozen=True, kw_only=True):
    """Like `AddBook`, but the relay is not told that there is something new."""

    shelf: str


class Restock(Ask[int], frozen=True, kw_only=True):
    """Adds a book to each shelf, in a transaction of its own; answers how many could be added, or fails thereafter."""

    shelves: tuple[str, ...]
    refused: tuple[str, ...] = ()
    then_fail: bool = False


class Draw(Ask[int], frozen=True, kw_only=True):
    """Answers with any number, and touches no table."""


class Nap(Ask[str], frozen=True, kw_only=True):
    """Keeps a connection busy; in the database, if that is where to nap."""

    seconds: float
    in_database: bool = True


class Misuse(Ask[str], frozen=True, kw_only=True):
    """Gives a statement one value more than it has places."""


class BookAdded(Event, frozen=True, kw_only=True):
    shelf: str
    place: int


class Arrived(Event, frozen=True, kw_only=True):
    number: int


async def add_book(tx: Connection, question: AddBook) -> int:
    place: int = await tx.fetchval(
        "insert into shelves values ($1, 1) on conflict (name) do update set books = shelves.books + 1 returning books",
        question.shelf,
    )
    await tx.execute("insert into books values ($1, $2)", question.shelf, place)
    await outbox.tell(tx, BookAdded(shelf=question.shelf, place=place))
    await asyncio.sleep(question.hold_seconds)
    if question.then_fail:
        raise Fault(Code.CONFLICT, "There is no such place after all")
    return place


async def add_quietly(service: Service, question: AddQuietly) -> int:
    async with service.database.transaction() as tx:
        return await add_book(tx, AddBook(shelf=question.shelf))


async def restock(service: Service, question: Restock) -> int:
    added = 0
    for shelf in question.shelves:
        try:
            async with service.transaction() as tx:
                await add_book(tx, AddBook(shelf=shelf, then_fail=shelf in question.refused))
            added += 1
        except Fault as fault:
            if fault.code is not Code.CONFLICT:
                raise
    if question.then_fail:
        raise Fault(Code.FORBIDDEN, "It was not meant to be after all")
    return added


async def draw(service: Service, question: Draw) -> int:
    return secrets.randbelow(2**62)


async def nap(db: Connection, question: Nap) -> str:
    if question.in_database:
        await db.execute("select pg_sleep($1)", question.seconds)
    else:
        await asyncio.sleep(question.seconds)
    return "rested"


async def misuse(db: Connection, question: Misuse) -> str:
    await db.execute("insert into shelves values ($1, $2)", "odd", 1, "too many")
    return "stored"


async def take_arrival(tx: Connection, event: Arrived) -> None:
    await tx.execute(
        "insert into arrivals values ($1) on conflict (number) do update set seen = arrivals.seen + 1", event.number
    )
    if await tx.fetchval("select true from poison where number = $1", event.number):
        raise ValueError(f"number {event.number} cannot be taken in")


HANDLERS = (write(add_book), whole(add_quietly), whole(restock), whole(draw), read(nap), read(misuse))
LISTENERS = (Listener(Arrived, take_arrival),)


def run() -> None:
    service.main("shelf", HANDLERS, LISTENERS)
