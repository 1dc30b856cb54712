"""The small pages around a redirect: no link, no longer a link, not yet a link, and what to do about it."""

from functools import cache, lru_cache
from pathlib import Path

from gateway.pages.address import host, spelled_out
from gateway.pages.page import Header, Page, Sheet, environment, page, sheet
from shared.contracts.targets import Target

_FOLDER = Path(__file__).parent
_TEMPLATES = environment(_FOLDER)
_MESSAGE = _TEMPLATES.get_template("message.html")
_PREVIEW = _TEMPLATES.get_template("preview.html")
_PASSWORD = _TEMPLATES.get_template("password.html")
_CSS = (_FOLDER / "style.css").read_text()
_STYLE = sheet(_CSS)
# Browsers hold the redirect that answers a form to the form's policy too, and that redirect leads anywhere.
_FORM_STYLE = sheet(_CSS, form_action="'self' https: http:")


@cache
def not_found() -> Page:
    return _message(
        404,
        "Nothing here",
        "No page and no link has this address. Please check it for typing mistakes; capitals and small letters differ.",
    )


@cache
def inactive() -> Page:
    return _message(
        404, "This link is switched off", "Its owner has paused it. It may be back later, so feel free to try again."
    )


@cache
def expired() -> Page:
    return _message(
        410,
        "This link has ended",
        "It was made for a limited time or a limited number of visits. Its owner may have a newer one for you.",
    )


@cache
def unavailable(retry_after: int = 5) -> Page:
    """`retry_after` in seconds."""
    return _message(
        503,
        "Just a moment",
        "We cannot look this address up right now. Nothing is lost; please try again in a few seconds.",
        (b"retry-after", str(retry_after).encode()),
    )


@lru_cache(maxsize=128)
def too_many(retry_after: int) -> Page:
    """`retry_after` in seconds. Remembered, because this page is asked for most when there is the least time."""
    wait = "one second" if retry_after == 1 else f"{retry_after} seconds"
    return _message(
        429,
        "Slow down, please",
        f"Many requests have come from your network. Please wait {wait} and try again.",
        (b"retry-after", str(retry_after).encode()),
    )


def preview(target: Target, short_url: str) -> Page:
    """Where `short_url` leads. The way on is the short link itself, so the visit counts and its rules hold."""
    # Behind a password, the destination and what it is called are part of the secret.
    shown = None if target.has_password else target
    html = _PREVIEW.render(
        css=_STYLE.css,
        short_url=short_url,
        title=shown.title if shown else None,
        host=host(shown.destination_url) if shown else None,
        url=spelled_out(shown.destination_url) if shown else None,
    )
    return _page(html, 200)


def password(action: str, *, wrong: bool = False) -> Page:
    """The form that asks for a link's password; it posts the field `password` to the path `action`."""
    html = _PASSWORD.render(css=_FORM_STYLE.css, action=action, wrong=wrong)
    return _page(html, 403 if wrong else 200, style=_FORM_STYLE)


def _message(status: int, heading: str, text: str, *more: Header) -> Page:
    return _page(_MESSAGE.render(css=_STYLE.css, status=status, heading=heading, text=text), status, *more)


def _page(html: str, status: int, *more: Header, style: Sheet = _STYLE) -> Page:
    return page(html, style, status=status, cache=b"private, no-store", referrer=b"same-origin", more=more)
