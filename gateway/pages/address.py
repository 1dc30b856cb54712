"""Web addresses as they may stand on a page that strangers read."""

import re
from urllib.parse import quote, urlsplit

# Printable ASCII that a URL may hold anyway, "%" included, so that what is already escaped stays as it is.
_PLAIN = "!#$%&'()*+,/:;=?@[]~"
_WEB = re.compile(r"https?://[^\s\x00-\x20\x7f\"<>\\]+", re.IGNORECASE)


def web_address(text: str | None) -> str | None:
    """`text` if it is an http or https address, else None. It was checked at write; a page checks again."""
    return text if text is not None and _WEB.fullmatch(text) else None


def host(url: str) -> str:
    """The host of `url` as people say it: without port, and without a leading "www."."""
    try:
        name = urlsplit(url).hostname or ""
    except ValueError:  # a broken IPv6 literal
        return ""
    return spelled_out(name.removeprefix("www."))


def spelled_out(url: str) -> str:
    """`url` in ASCII, so that look-alike letters and marks that turn the direction of writing cannot deceive."""
    return quote(url, safe=_PLAIN)
