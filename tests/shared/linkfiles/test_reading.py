"""What other systems export is read as what it means."""

import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.link_fields import NewLink
from shared.linkfiles import Entry, Problem, UnreadableFile, open_file

OURS = """\
shortCode,destinationUrl,title,description,tags,metadata,expiresAt,expiredUrl,maxClicks,active,archived,externalId,clicks,createdAt,thumbnail,position,showOnProfile,forwardQuery
sale,https://example.com/sale,Sale,"Two
lines","[""a,b"",""c""]","{""team"": 7}",2031-01-01T00:00:00Z,https://example.com/over,100,false,true,crm-1,12,2025-05-01T10:00:00Z,https://example.com/sale.png,3,false,true
"""
BITLY = """\
created_at,link,long_url,title,tags,custom_bitlinks,archived
2023-04-01T08:00:00+0000,bit.ly/3xYzAbC,https://example.com/a,First,"news,mail",['bit.ly/first'],false
2023-04-02T08:00:00+0000,https://bit.ly/4QwErTy,https://example.com/b,,,,false
"""
DUB = """\
Short link,Destination URL,Clicks,Created at,Tags,Title,Archived
https://dub.sh/hello,https://example.com/hello,42,2024-02-03T04:05:06.000Z,"team,launch",Hello,FALSE
"""
SHLINK = """\
createdAt,domain,shortCode,shortUrl,longUrl,title,tags,visits
2022-01-02T03:04:05+01:00,,abc12,https://s.test/abc12,https://example.com/x,X,one|two,7
"""
SHLINK_API = {
    "shortUrls": {
        "data": [
            {
                "shortCode": "abc12",
                "shortUrl": "https://s.test/abc12",
                "longUrl": "https://example.com/x",
                "dateCreated": "2022-01-02T03:04:05+01:00",
                "visitsCount": 7,
                "tags": ["one", "two"],
                "meta": {"validSince": None, "validUntil": "2030-01-01T00:00:00+00:00", "maxVisits": 9},
                "title": "X",
                "forwardQuery": True,
            }
        ],
        "pagination": {"currentPage": 1},
    }
}
YOURLS = """\
keyword,url,title,timestamp,ip,clicks
ozh,http://ozh.org/,ozh,2010-01-01 12:00:00,127.0.0.1,1024
"""
KUTT = {
    "limit": 10,
    "total": 2,
    "data": [
        {
            "id": "f1",
            "address": "kutty",
            "banned": False,
            "created_at": "2021-05-05T10:00:00.000Z",
            "description": "a note",
            "link": "https://kutt.test/kutty",
            "password": False,
            "target": "https://example.com/k",
            "visit_count": 3,
        },
        {"address": "secret", "target": "https://example.com/s", "password": True},
    ],
}


def read(text: str | bytes, expected: str = "auto") -> tuple[str, list[Entry | Problem]]:
    reading = open_file(io.BytesIO(text if isinstance(text, bytes) else text.encode()), expected)
    return reading.format, list(reading)


def test_our_own_export_comes_back_with_everything() -> None:
    assert read(OURS) == (
        "waypost",
        [
            Entry(
                line=2,
                link=NewLink(
                    destination_url="https://example.com/sale",
                    slug="sale",
                    title="Sale",
                    description="Two\nlines",
                    tags=("a,b", "c"),
                    metadata={
                        "team": 7,
                        "imported": {"from": "waypost", "createdAt": "2025-05-01T10:00:00Z", "clicks": 12},
                    },
                    expires_at=datetime(2031, 1, 1, tzinfo=UTC),
                    expired_url="https://example.com/over",
                    max_clicks=100,
                    active=False,
                    archived=True,
                    external_id="crm-1",
                    thumbnail="https://example.com/sale.png",
                    position=3,
                    show_on_profile=False,
                    forward_query=True,
                ),
            )
        ],
    )


def test_bitly_gives_its_custom_back_halves_before_the_generated_ones() -> None:
    name, (first, second) = read(BITLY)
    assert name == "bitly"
    assert isinstance(first, Entry)
    assert isinstance(second, Entry)
    assert (first.link.slug, first.link.destination_url, first.link.tags) == (
        "first",
        "https://example.com/a",
        ("news", "mail"),
    )
    assert first.link.metadata == {"imported": {"from": "bitly", "createdAt": "2023-04-01T08:00:00Z"}}
    assert (second.link.slug, second.link.title, second.link.tags) == ("4QwErTy", None, ())


def test_dub_gives_the_key_of_its_short_link() -> None:
    name, (entry,) = read(DUB)
    assert name == "dub"
    assert isinstance(entry, Entry)
    assert (entry.link.slug, entry.link.title, entry.link.tags) == ("hello", "Hello", ("team", "launch"))
    assert entry.link.metadata["imported"] == {"from": "dub", "createdAt": "2024-02-03T04:05:06Z", "clicks": 42}


@pytest.mark.parametrize("text", [SHLINK, json.dumps(SHLINK_API)], ids=["csv", "api"])
def test_shlink_is_read_from_its_table_and_from_its_api(text: str) -> None:
    name, (entry,) = read(text)
    assert name == "shlink"
    assert isinstance(entry, Entry)
    assert (entry.link.slug, entry.link.destination_url, entry.link.tags) == (
        "abc12",
        "https://example.com/x",
        ("one", "two"),
    )
    assert entry.link.metadata["imported"] == {"from": "shlink", "createdAt": "2022-01-02T02:04:05Z", "clicks": 7}


def test_shlink_tells_of_its_limits_in_a_nested_object() -> None:
    _, (entry,) = read(json.dumps(SHLINK_API))
    assert isinstance(entry, Entry)
    assert (entry.link.max_clicks, entry.link.expires_at) == (9, datetime(2030, 1, 1, tzinfo=UTC))
    assert entry.link.forward_query


def test_yourls_calls_a_short_code_a_keyword() -> None:
    name, (entry,) = read(YOURLS)
    assert name == "yourls"
    assert isinstance(entry, Entry)
    assert (entry.link.slug, entry.link.destination_url) == ("ozh", "http://ozh.org/")
    assert entry.link.metadata["imported"] == {"from": "yourls", "createdAt": "2010-01-01T12:00:00Z", "clicks": 1024}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(KUTT),
        json.dumps(KUTT, indent=2),
        json.dumps(KUTT["data"]),
        "\n".join(json.dumps(each) for each in KUTT["data"]),  # type: ignore[attr-defined]
    ],
    ids=["page", "indented", "list", "lines"],
)
def test_kutt_is_read_however_its_records_are_wrapped_and_never_opens_what_had_a_password(text: str) -> None:
    name, (entry, problem) = read(text)
    assert name == "kutt"
    assert isinstance(entry, Entry)
    assert (entry.line, entry.link.slug, entry.link.description, entry.link.active) == (1, "kutty", "a note", True)
    assert problem == Problem(line=2, message="The link is behind a password, which the file does not tell")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_plain_table_may_come_from_any_spreadsheet(encoding: str, delimiter: str) -> None:
    rows = [
        ["URL", "Alias", "Name"],
        ["https://example.com/ä", "äh", "Grüße"],
        ["", "", ""],
        ["https://x.test/", "", ""],
    ]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    name, (first, second) = read(text.encode(encoding))
    assert name == "csv"
    assert isinstance(first, Entry)
    assert isinstance(second, Entry)
    assert (first.line, first.link.destination_url, first.link.slug, first.link.title) == (
        2,
        "https://example.com/ä",
        "äh",
        "Grüße",
    )
    assert (second.line, second.link.slug) == (4, None)


def test_a_bad_line_is_named_and_the_others_are_read() -> None:
    table = 'url,slug,expires_at\nhttps://a.test/,a\n,b,\nhttps://c.test/,c,soon\nhttps://d.test/,d,,x\n"https://e.test/"e,,\nhttps://f.test/,f,\n'
    _, found = read(table)
    assert [each.line for each in found] == [2, 3, 4, 5, 6, 7]
    assert [each.message for each in found if isinstance(each, Problem)] == [
        "There is no destination",
        "The time of expiry 'soon' is no ISO 8601 date and time",
        "The line has 4 values for 3 columns",
        "The line cannot be read: ',' expected after '\"'",
    ]


@pytest.mark.parametrize(
    "record",
    [
        '{"url": "https://a.test/\\ud800"}',
        '{"url": "https://a.test/", "metadata": {"n": 1' + "0" * 30 + "}}",
        '{"url": "https://a.test/", "metadata": {"n": 1e999}}',
        '{"url": "https://a.test/", "metadata": {"a": ' + "[" * 5000 + "]" * 5000 + "}}",
    ],
    ids=["half a character", "a huge number", "an infinite number", "a deep list"],
)
def test_what_json_can_hold_and_a_link_cannot_is_a_problem_of_its_line(record: str) -> None:
    _, found = read(f'{{"url": "https://a.test/"}}\n{record}\n{{"url": "https://b.test/"}}\n')
    assert [type(each) for each in found] == [Entry, Problem, Entry]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "The file is empty"),
        (b"\n \n", "The file is empty"),
        (b"a,b\n1,2\n", "No column is a destination; the columns are 'a', 'b'"),
        (b"[]", "No column is a destination; the columns are none at all"),
        (b"{", "The file is no JSON"),
        (b"url," + b"x" * 200_000, "The line with the columns cannot be read"),
        (b"\xff\xfe\xfa", "The file is neither UTF-8 nor UTF-16 text"),
        (b"url\xff\n", "The file is neither UTF-8 nor UTF-16 text"),
    ],
)
def test_what_is_no_file_of_links_is_said_at_once(text: bytes, why: str) -> None:
    with pytest.raises(UnreadableFile, match=why):
        read(text)


def test_a_format_that_is_named_is_not_guessed_at() -> None:
    assert read(YOURLS, "csv")[0] == "csv"
    with pytest.raises(UnreadableFile, match="There is no format 'excel'"):
        read(YOURLS, "excel")


@given(st.binary(max_size=400))
def test_no_file_makes_the_reading_crash(content: bytes) -> None:
    try:
        _, found = read(b"url,slug\n" + content)
    except UnreadableFile:
        return
    assert all(each.line >= 2 for each in found)


@given(st.text(max_size=200))
def test_no_json_makes_the_reading_crash(text: str) -> None:
    try:
        read("[" + text)
        read('{"url": ' + text)
    except UnreadableFile:
        return
