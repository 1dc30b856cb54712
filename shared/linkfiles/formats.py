"""Whose file is it, and which of its columns is what?

Columns are compared without case and punctuation: ``Long URL``, ``long_url`` and ``longUrl`` are one.
"""

import re
from collections.abc import Collection, Mapping

import msgspec

_PUNCTUATION = re.compile(r"[\W_]+")

# What every format may have, under the names that are most common. Of several columns for one thing the first counts.
_COMMON = {
    "title": ("title", "name", "label"),
    "description": ("description", "comments", "notes"),
    "tags": ("tags", "tagnames", "labels"),
    "created_at": ("createdat", "created", "datecreated", "timestamp"),
    "expires_at": ("expiresat", "validuntil", "expirein", "expirationdate", "expires"),
    "expired_url": ("expiredurl", "expirationurl"),
    "max_clicks": ("maxclicks", "maxvisits", "clicklimit"),
    "clicks": ("clicks", "visits", "visitcount", "visitscount"),
    "archived": ("archived",),
    "active": ("active", "enabled"),
    "disabled": ("disabled", "banned"),
    "password": ("password", "haspassword", "passwordprotected"),
    "external_id": ("externalid",),
    "metadata": ("metadata",),
}


class Format(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    signs: tuple[frozenset[str], ...]  # a file that has all columns of one of these is of this format
    columns: Mapping[str, tuple[str, ...]]  # ours → theirs

    def rename(self, record: Mapping[str, object]) -> dict[str, object]:
        """A record by our names; what is not ours is left out."""
        nested = record.get("meta")
        flat = {**nested, **record} if isinstance(nested, dict) else record
        plain = {plainly(name): value for name, value in flat.items()}
        renamed: dict[str, object] = {}
        for ours, theirs in (*self.columns.items(), *_COMMON.items()):
            for name in theirs:
                if ours not in renamed and plain.get(name) not in (None, ""):
                    renamed[ours] = plain[name]
        return renamed


def _format(name: str, *signs: set[str], **columns: tuple[str, ...]) -> Format:
    return Format(name=name, signs=tuple(map(frozenset, signs)), columns=columns)


# The more a format's columns tell, the earlier it stands: the last one takes whatever has a destination.
FORMATS = (
    _format(
        "waypost",
        {"destinationurl", "shortcode"},
        destination_url=("destinationurl",),
        slug=("shortcode",),
        thumbnail=("thumbnail",),
        position=("position",),
        show_on_profile=("showonprofile",),
        forward_query=("forwardquery",),
    ),
    _format(
        "kutt",
        {"address", "target"},
        destination_url=("target",),
        slug=("address",),
    ),
    _format(
        "yourls",
        {"keyword", "url"},
        destination_url=("url",),
        slug=("keyword",),
    ),
    _format(
        "shlink",
        {"longurl", "shortcode"},
        destination_url=("longurl",),
        slug=("shortcode",),
        forward_query=("forwardquery",),
    ),
    _format(
        "bitly",
        {"longurl", "bitlink"},
        {"longurl", "link"},
        {"longurl", "custombitlinks"},
        {"longurl", "shortlink"},
        destination_url=("longurl",),
        custom_links=("custombitlinks", "customlinks"),
        short_link=("bitlink", "link", "shortlink", "id"),
    ),
    _format(
        "dub",
        {"destinationurl", "shortlink"},
        {"url", "key", "domain"},
        {"url", "shortlink"},
        {"url", "link"},
        destination_url=("destinationurl", "url"),
        slug=("key",),
        short_link=("shortlink", "link"),
    ),
    _format(
        "csv",
        *({name} for name in ("destinationurl", "destination", "longurl", "targeturl", "target", "originalurl", "url")),
        destination_url=("destinationurl", "destination", "longurl", "targeturl", "target", "originalurl", "url"),
        slug=("shortcode", "customslug", "slug", "code", "keyword", "alias", "backhalf", "key"),
        short_link=("shorturl", "shortlink"),
    ),
)
NAMES = tuple(each.name for each in FORMATS)


def detect(columns: Collection[str]) -> Format | None:
    there = set(map(plainly, columns))
    return next((each for each in FORMATS if any(sign <= there for sign in each.signs)), None)


def plainly(column: str) -> str:
    return _PUNCTUATION.sub("", column).lower()
