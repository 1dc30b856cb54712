"""A page as a browser's parser sees it, as far as tests need to know."""

from html.parser import HTMLParser
from typing import NamedTuple

from gateway.pages.page import Page

VOID = {"meta", "link", "img", "input", "path", "circle"}


class Element(NamedTuple):
    tag: str
    attributes: dict[str, str]
    text: list[str]  # of the element and everything in it


class Document(HTMLParser):
    """Raises an AssertionError where a tag is closed that is not the open one."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(page.body.decode())
        self.close()
        assert not self._open, f"still open: {self._open[-1].tag}"

    def all(self, tag: str, **attributes: str) -> list[Element]:
        return [e for e in self.elements if e.tag == tag and attributes.items() <= e.attributes.items()]

    def one(self, tag: str, **attributes: str) -> Element:
        (element,) = self.all(tag, **attributes)
        return element

    def text(self, tag: str, **attributes: str) -> str:
        return "".join(self.one(tag, **attributes).text)

    def meta(self, **name: str) -> str:
        return self.one("meta", **name).attributes["content"]

    def links(self) -> list[Element]:
        """The links of the profile, in the order of the page."""
        return [e for e in self.all("a", rel="noopener") if not e.attributes["href"].endswith("/")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, [])
        assert len(element.attributes) == len(attrs), f"an attribute twice: {attrs}"
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text.append(data)
