"""From the bytes of a file to its entries, one after the other; a file of any length needs the memory of one line.

A JSON document is the exception: it is read whole, so its size is bounded.
"""

import codecs
import csv
import io
import itertools
import json
from collections.abc import Iterator
from typing import BinaryIO

from shared.linkfiles.entry import Entry, Problem, entry_of
from shared.linkfiles.formats import FORMATS, NAMES, Format, detect

LARGEST_DOCUMENT = 64 * 1024 * 1024  # bytes of a JSON document
LONGEST_LINE = 1024 * 1024  # characters
_DELIMITERS = ",;\t"
_LISTS = ("data", "links", "shortUrls")  # where a JSON document may hold its records


class UnreadableFile(Exception):
    """It is no file of links; the text says why."""


class Reading:
    """A file that is being read: whose it is, and what is in it, in the order of the file."""

    def __init__(self, found: Format, records: Iterator[tuple[int, dict[str, object] | str]]) -> None:
        self.format = found.name
        self._found = found
        self._records = records

    def __iter__(self) -> Iterator[Entry | Problem]:
        for line, record in self._records:
            if isinstance(record, str):
                yield Problem(line=line, message=record)
            else:
                yield entry_of(line, self._found.rename(record), self.format)


def open_file(file: BinaryIO, expected: str = "auto") -> Reading:
    """``expected`` is one of `formats.NAMES`, or ``auto`` to tell it by the columns; raises `UnreadableFile`."""
    if expected != "auto" and expected not in NAMES:
        raise UnreadableFile(f"There is no format {expected!r}; there are auto, {', '.join(NAMES)}")
    text = io.TextIOWrapper(file, encoding=_encoding(file), newline="")
    first = _first_line(text)
    if first is None:
        raise UnreadableFile("The file is empty")
    number, line = first
    begin = line.lstrip()
    if begin.startswith("{") and _is_record(begin):
        records = _lines(itertools.chain([line], text), number)
    elif begin.startswith(("{", "[")):
        records = _document(line + text.read(LARGEST_DOCUMENT))
    else:
        return _table(line, text, number, expected)
    return _reading(records, expected)


def _encoding(file: BinaryIO) -> str:
    start = file.read(4)
    file.seek(0)
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def _first_line(text: io.TextIOWrapper) -> tuple[int, str] | None:
    """The first one that holds anything, with its number."""
    try:
        for number in itertools.count(1):
            line = text.readline(LONGEST_LINE)
            if not line:
                return None
            if line.strip():
                return number, line
    except UnicodeError:
        raise UnreadableFile("The file is neither UTF-8 nor UTF-16 text") from None
    return None


def _is_record(line: str) -> bool:
    """Is it one line of JSON Lines, rather than the beginning of a document?"""
    try:
        return not set(_LISTS) & set(json.loads(line))
    except (ValueError, RecursionError):
        return False


def _reading(records: Iterator[tuple[int, dict[str, object] | str]], expected: str) -> Reading:
    first = next(records, None)
    columns = list(first[1]) if first and isinstance(first[1], dict) else []
    return Reading(_choose(columns, expected), itertools.chain([first] if first else [], records))


def _choose(columns: list[str], expected: str) -> Format:
    if expected != "auto":
        return next(each for each in FORMATS if each.name == expected)
    found = detect(columns)
    if found is None:
        shown = ", ".join(map(repr, columns[:10])) or "none at all"
        raise UnreadableFile(f"No column is a destination; the columns are {shown}")
    return found


def _table(line: str, text: io.TextIOWrapper, number: int, expected: str) -> Reading:
    header = line.rstrip("\r\n")
    delimiter = max(_DELIMITERS, key=header.count)
    try:
        columns = next(csv.reader([header], delimiter=delimiter))
    except csv.Error as error:
        raise UnreadableFile(f"The line with the columns cannot be read: {error}") from None
    return Reading(_choose(columns, expected), _rows(columns, text, delimiter, number))


def _rows(
    columns: list[str], text: io.TextIOWrapper, delimiter: str, before: int
) -> Iterator[tuple[int, dict[str, object] | str]]:
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    while True:
        line = before + reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"The line cannot be read: {error}"
            continue
        except UnicodeError:
            yield line, "From here on the file is not UTF-8 text"
            return
        if not any(map(str.strip, row)):
            continue
        if len(row) > len(columns):
            yield line, f"The line has {len(row)} values for {len(columns)} columns"
            continue
        yield line, dict(zip(columns, row, strict=False))


def _lines(lines: Iterator[str], number: int) -> Iterator[tuple[int, dict[str, object] | str]]:
    try:
        for place, line in enumerate(lines, number):
            if line.strip():
                yield place, _record(line)
    except UnicodeError:
        yield number, "The file is not UTF-8 text throughout"


def _record(line: str) -> dict[str, object] | str:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return "The line is no JSON object"
    return record if isinstance(record, dict) else "The line is no JSON object"


def _document(text: str) -> Iterator[tuple[int, dict[str, object] | str]]:
    if len(text) >= LARGEST_DOCUMENT:
        raise UnreadableFile("The JSON document is too large; JSON Lines may have any length")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"The file is no JSON: {error}") from None
    for place, record in enumerate(_records(document), 1):
        yield place, record if isinstance(record, dict) else "The record is no JSON object"


def _records(document: object) -> list[object]:
    """The list in it, which some systems wrap once or twice."""
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        for name in _LISTS:
            if isinstance(document.get(name), list | dict):
                return _records(document[name])
    return [document]
