"""The themes a page can wear, as data: `data/themes.json` holds the palettes, and each font list once by name."""

from importlib.resources import files

import msgspec

from shared.contracts.profile import Theme


class _Book(msgspec.Struct, frozen=True):
    fonts: dict[str, str]
    themes: tuple[Theme, ...]


def _load() -> dict[str, Theme]:
    book = msgspec.json.decode(files(__package__).joinpath("data/themes.json").read_bytes(), type=_Book)
    return {
        theme.id: msgspec.structs.replace(
            theme, font=book.fonts[theme.font], heading_font=book.fonts[theme.heading_font]
        )
        for theme in book.themes
    }


THEMES = _load()
DEFAULT_THEME = "waypost-default"
