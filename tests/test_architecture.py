"""The rules that keep the house in order, checked on the source itself."""

import ast
import importlib
import inspect
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from gateway.dialects import DIALECTS
from gateway.dialects.dialect import Dialect
from gateway.endpoint import Endpoint
from shared.contracts import SERVICES
from shared.contracts.ask import Ask
from shared.contracts.keys import SCOPES
from shared.faults import Code
from shared.reserved import FIRST_SEGMENTS
from shared.settings import Settings

ROOT = Path(__file__).parent.parent
ROOMS = ("gateway", "services", "shared", "deploy")
MOST_LINES = 350
# One file lists every setting with its default and its sentence, so that an operator reads them in one place.
LONG = {"shared/settings.py"}
# What anybody may ask without a key, and what with any key, since it is about that key alone.
WITHOUT_A_KEY = {"use GET "}
WITH_ANY_KEY = {"use GET /key", "use GET /key/usage"}
SQL = re.compile(r"\s*(select|insert|update|delete|with|truncate|create|alter|drop)\s", re.IGNORECASE)
# Whoever makes the tables, the roles and the outbox for all services speaks SQL too.
SQL_IN_SHARED = {"shared/database.py", "shared/migrations.py", "shared/outbox.py", "shared/idempotency.py"}


def sources(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_nobody_imports_what_is_not_theirs() -> None:
    broken = []
    for name, tree in sources(*ROOMS):
        room = name.split("/")[0]
        for module in imported(tree):
            top, _, rest = module.partition(".")
            foreign = {
                "gateway": top in ("services", "deploy"),
                "services": top in ("gateway", "deploy")
                or (top == "services" and rest.split(".")[0] not in ("", name.split("/")[1])),
                "shared": top in ("gateway", "services", "deploy"),
                "deploy": top in ("gateway", "services"),
            }[room]
            if foreign:
                broken.append(f"{name} imports {module}")
    assert not broken


def test_only_the_bus_knows_nats() -> None:
    strangers = [
        name
        for name, tree in sources("gateway", "services", "shared")
        if any(module.split(".")[0] == "nats" for module in imported(tree)) and not name.startswith("shared/bus/")
    ]
    assert not strangers


def test_sql_stands_in_stores_and_migrations_only() -> None:
    strays = []
    for name, tree in sources("gateway", "services", "shared"):
        if Path(name).name.startswith("store") or name in SQL_IN_SHARED:
            continue
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        strays += [
            f"{name}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
            and SQL.match(node.value)
            and re.search(r"\b(from|into|set|table)\b", node.value, re.IGNORECASE)
        ]
    assert not strays


def test_files_stay_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {lines}"
        for room in (*ROOMS, "tests")
        for path in (ROOT / room).rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MOST_LINES
        and path.relative_to(ROOT).as_posix() not in LONG
    ]
    assert not long


def contracts_of(service: str) -> list[ModuleType]:
    """The module of a service, or all those of its package."""
    module = importlib.import_module(f"shared.contracts.{service}")
    further = pkgutil.iter_modules(getattr(module, "__path__", ()), f"{module.__name__}.")
    return [module, *(importlib.import_module(each.name) for each in further)]


def questions() -> list[type[Ask[Any]]]:
    return [
        kind
        for service in SERVICES
        for module in contracts_of(service)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Ask) and kind.__module__ == module.__name__
    ]


def test_every_question_has_exactly_one_handler() -> None:
    handled = Counter(
        handler.question
        for service in SERVICES
        for handler in importlib.import_module(f"services.{service}.handlers").HANDLERS
    )
    assert set(handled) == set(questions())
    assert set(handled.values()) == {1}


def test_every_service_has_the_same_files() -> None:
    for service in SERVICES:
        names = {path.name for path in (ROOT / "services" / service).iterdir()}
        assert {"__main__.py", "handlers.py", "store.py", "migrations"} <= names, service


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_dialect_has_a_word_for_every_fault(dialect: Dialect) -> None:
    assert set(dialect.words) == set(Code)


def endpoints() -> list[tuple[Dialect, Endpoint]]:
    return [(dialect, endpoint) for dialect in DIALECTS for endpoint in dialect.endpoints]


def test_every_endpoint_names_a_scope_of_the_list_and_says_what_it_does() -> None:
    for dialect, endpoint in endpoints():
        name = f"{dialect.name} {endpoint!r}"
        assert endpoint.scope in SCOPES or name in WITHOUT_A_KEY | WITH_ANY_KEY
        assert endpoint.open_to_all == (name in WITHOUT_A_KEY)
        assert endpoint.summary


def test_no_operation_is_offered_twice() -> None:
    offered = Counter((dialect.name, endpoint.method, endpoint.path) for dialect, endpoint in endpoints())
    assert max(offered.values()) == 1


@pytest.mark.parametrize("endpoint", [endpoint for _, endpoint in endpoints()], ids=repr)
def test_whoever_changes_something_asks_one_question_and_whoever_reads_changes_nothing(endpoint: Endpoint) -> None:
    # A repeated request is answered by what that one question was answered with, and by nothing else.
    source = inspect.getsource(endpoint.handle)
    if endpoint.method == "GET":
        assert "call.write(" not in source
    else:
        assert source.count("call.write(") == 1
        assert "call.ask(" not in source


def test_every_scope_that_v1_documents_opens_something() -> None:
    v1 = {endpoint.scope for dialect, endpoint in endpoints() if dialect.name == "v1"}
    assert {scope for scope in SCOPES if scope.split(":")[0] in ("profile", "links", "analytics", "templates")} == v1


def test_no_short_code_can_hide_a_route() -> None:
    ours = {dialect.prefix.split("/")[1] for dialect in DIALECTS} | {"livez", "readyz", "metrics"}
    assert ours <= FIRST_SEGMENTS
    assert all(word == word.lower() for word in FIRST_SEGMENTS)


def test_every_setting_says_what_it_is() -> None:
    for field in msgspec.inspect.type_info(Settings).fields:  # type: ignore[attr-defined]
        assert isinstance(field.type, msgspec.inspect.Metadata) or _described(field.type), field.name


def _described(info: Any) -> bool:
    return bool(getattr(info, "extra_json_schema", None))
