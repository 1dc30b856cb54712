"""A finished page: its bytes together with the headers that make them safe to show."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

Header = tuple[bytes, bytes]

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_AROUND_MARKS = re.compile(r"\s*([{};,])\s*")


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Ready for the socket: `headers` are all there are, content type and length included."""

    status: int
    headers: tuple[Header, ...]
    body: bytes


class Sheet(msgspec.Struct, frozen=True):
    """The one style sheet of a page, and the policy that admits exactly this text and no other style or script."""

    css: Markup
    policy: bytes


def sheet(*css: str, form_action: str = "'self'") -> Sheet:
    """One sheet from trusted pieces of CSS, without comments and idle white space."""
    text = " ".join(_COMMENT.sub("", "\n".join(css)).split())
    text = _AROUND_MARKS.sub(r"\1", text).replace(";}", "}")
    digest = b64encode(sha256(text.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src https: http: data:; "
        f"form-action {form_action}; frame-ancestors 'none'; base-uri 'none'"
    )
    return Sheet(Markup(text), policy.encode())  # noqa: S704 -- the pieces are files and colours of our own


def environment(folder: Path) -> Environment:
    """The HTML templates in `folder`: all values are escaped, and a name nobody has given is an error."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def page(
    html: str, style: Sheet, *, status: int = 200, cache: bytes, referrer: bytes, more: tuple[Header, ...] = ()
) -> Page:
    """`html` with its headers; `more` stand beside the usual ones."""
    body = html.encode()
    headers = (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", cache),
        (b"content-security-policy", style.policy),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", referrer),
        *more,
    )
    return Page(status=status, headers=headers, body=body)
