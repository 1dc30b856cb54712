"""What somebody finds who asks for nothing in particular."""

from functools import cache
from pathlib import Path

from gateway.pages.page import Page, environment, page, sheet

_FOLDER = Path(__file__).parent
_STYLE = sheet((_FOLDER / "style.css").read_text(), (_FOLDER / "home.css").read_text())


@cache
def home() -> Page:
    html = environment(_FOLDER).get_template("home.html").render(css=_STYLE.css)
    return page(html, _STYLE, cache=b"public, max-age=300", referrer=b"same-origin")
