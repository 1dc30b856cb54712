"""The page, drawn from the same values as the reference, and the files that belong to it."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
from jinja2 import Environment
from markupsafe import Markup, escape

from gateway.dialects.dialect import Dialect
from gateway.dialects.message import Message
from gateway.docs import messages
from gateway.docs.openapi import schemas_of
from gateway.docs.schemas import Json

PATH = "/api/docs/webhooks"
LANGUAGES = {
    "Python": "verify.py",
    "JavaScript": "verify.js",
    "Go": "verify.go",
    "PHP": "verify.php",
    "Ruby": "verify.rb",
    "Shell": "verify.sh",
}
FILES = (*LANGUAGES.values(), "vectors.json")

FOLDER = Path(__file__).parent
_CODE = re.compile(r"`([^`]*)`")


class Snippet(msgspec.Struct, frozen=True, kw_only=True):
    language: str
    file: str
    path: str
    text: str


class Vector(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as it was signed: by one secret, or by the one it has and the one before."""

    name: str
    secrets: tuple[str, ...]
    headers: dict[str, str]
    body: str


def vectors() -> tuple[Vector, ...]:
    return msgspec.json.decode((FOLDER / "vectors.json").read_bytes(), type=tuple[Vector, ...])


def draw(templates: Environment, dialects: Sequence[Dialect], public_url: str) -> str:
    told = [(dialect, message) for dialect in dialects for message in dialect.messages]
    dialect, message = told[0]
    example: Json = messages.example(message, schemas_of(dialect))
    templates.filters["marked"] = _marked
    return templates.get_template("webhooks/page.html").render(
        name="webhooks",
        dialects=dialects,
        public_url=public_url,
        headers=messages.HEADERS,
        example=msgspec.json.format(msgspec.json.encode(example)).decode(),
        snippets=[_snippet(language, file) for language, file in LANGUAGES.items()],
        messages=[_row(message) for _, message in told],
        vectors=vectors(),
    )


def _snippet(language: str, file: str) -> Snippet:
    text = (FOLDER / file).read_text(encoding="utf-8")
    return Snippet(language=language, file=file, path=f"{PATH}/{file}", text=text.strip())


def _row(message: Message) -> dict[str, str]:
    return {"name": message.name, "summary": message.summary, "operation": messages.operation_id(message)}


def _marked(text: str) -> Markup:
    """What stands between backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 -- all of it was escaped before
