"""The addresses that short links are handed out by."""

from functools import lru_cache
from urllib.parse import urlsplit


def short_url(public_url: str, domain: str, slug: str) -> str:
    """``domain`` as a link has it: "" is the host of ``public_url``."""
    return f"{_origin(public_url, domain)}/{slug}"


@lru_cache(maxsize=16)
def own_domain(public_url: str) -> str:
    """What our own host is called where domains are listed: with its port, if it has one."""
    return urlsplit(public_url).netloc.lower()


@lru_cache(maxsize=16)
def own_host(public_url: str) -> str:
    """Where the DNS of a domain has to lead."""
    return urlsplit(public_url).hostname or ""


@lru_cache(maxsize=1024)
def _origin(public_url: str, domain: str) -> str:
    """A domain is reached as our own host is: by the same scheme, on the same port."""
    if not domain:
        return public_url
    parts = urlsplit(public_url)
    return f"{parts.scheme}://{domain}" + (f":{parts.port}" if parts.port else "")
