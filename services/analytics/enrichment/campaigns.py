"""The campaign a visit belongs to, from the query string of the short link.

Sources and mediums are names that many people write in many ways, so they are counted in lower case. Campaign, term
and content are the author's own words and stay as they are.
"""

from typing import NamedTuple
from urllib.parse import parse_qsl

LONGEST = 100  # characters of a value; the rest is cut


class Campaign(NamedTuple):
    source: str = ""
    medium: str = ""
    campaign: str = ""
    term: str = ""
    content: str = ""


NO_CAMPAIGN = Campaign()


def read_campaign(query: str) -> Campaign:
    """The first value of each name that is not empty. ``query``: as the gateway keeps it, a character for each byte."""
    text = query.encode("latin-1", "replace").decode("utf-8", "replace")
    values: dict[str, str] = {}
    for name, value in parse_qsl(text, errors="replace"):
        if name.startswith("utm_") and (kept := _tidy(value)):
            values.setdefault(name, kept)
    return Campaign(
        source=values.get("utm_source", "").lower()[:LONGEST],
        medium=values.get("utm_medium", "").lower()[:LONGEST],
        campaign=values.get("utm_campaign", ""),
        term=values.get("utm_term", ""),
        content=values.get("utm_content", ""),
    )


def _tidy(value: str) -> str:
    """One line of visible characters: neither line breaks nor NUL, for which PostgreSQL has no place."""
    visible = "".join(character if character.isprintable() else " " for character in value)
    return " ".join(visible.split())[:LONGEST].rstrip()
