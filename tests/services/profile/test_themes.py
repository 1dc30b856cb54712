"""Themes and templates are data; these are the promises that data has to keep."""

import re
from typing import get_args

import msgspec
import pytest

from services.profile.templates import TEMPLATES
from services.profile.themes import DEFAULT_THEME, THEMES
from shared.contracts.profile import ButtonShape, Layout, Palette, Template, Theme
from tests.colours import contrast

PALETTES = [
    pytest.param(palette, id=f"{theme.id}-{scheme}")
    for theme in THEMES.values()
    for scheme, palette in (("light", theme.light), ("dark", theme.dark))
]


def test_there_are_at_least_thirty_themes_and_the_default_is_one() -> None:
    assert len(THEMES) >= 30
    assert DEFAULT_THEME in THEMES


def test_there_are_templates_for_many_kinds_of_people() -> None:
    categories = {template.category for template in TEMPLATES.values()}
    assert len(TEMPLATES) >= 12
    assert categories >= {"creator", "business", "music", "streamer", "developer", "photographer", "event", "minimal"}


@pytest.mark.parametrize("palette", PALETTES)
def test_every_text_can_be_read(palette: Palette) -> None:
    for ground in (palette.background, palette.surface):
        assert contrast(palette.text, ground) >= 7
        assert contrast(palette.muted, ground) >= 4.5
    assert contrast(palette.on_accent, palette.accent) >= 4.5


@pytest.mark.parametrize("palette", PALETTES)
def test_the_accent_stands_out_as_border_and_focus_ring(palette: Palette) -> None:
    assert contrast(palette.accent, palette.background) >= 3
    assert contrast(palette.accent, palette.surface) >= 3


@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_a_theme_is_light_by_day_and_dark_by_night(theme: Theme) -> None:
    assert contrast(theme.light.background, "#000000") > 15
    assert contrast(theme.dark.background, "#ffffff") > 12


@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_a_theme_is_nothing_but_plain_css_values(theme: Theme) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", theme.id)
    for palette in (theme.light, theme.dark):
        assert all(re.fullmatch(r"#[0-9a-f]{6}", colour) for colour in msgspec.structs.astuple(palette))
    for fonts in (theme.font, theme.heading_font):
        assert re.fullmatch(r"[A-Za-z0-9' ,-]+", fonts)
        assert fonts.endswith((", sans-serif", ", serif", ", monospace", ", cursive"))


def test_no_two_themes_look_alike() -> None:
    looks = {
        (theme.light.background, theme.light.accent, theme.dark.background, theme.dark.accent)
        for theme in THEMES.values()
    }
    assert len(looks) == len({theme.name for theme in THEMES.values()}) == len(THEMES)
    assert {theme.layout for theme in THEMES.values()} == set(get_args(Layout))
    assert {theme.button for theme in THEMES.values()} == set(get_args(ButtonShape))
    assert len({theme.heading_font for theme in THEMES.values()}) >= 12


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=list(TEMPLATES))
def test_a_template_is_complete(template: Template) -> None:
    assert template.theme in THEMES
    assert "header" in template.sections
    assert "links" in template.sections
    assert len(set(template.sections)) == len(template.sections)
    assert template.name
    assert template.description.endswith(".")


def test_a_name_means_either_a_theme_or_a_template() -> None:
    assert not THEMES.keys() & TEMPLATES.keys()
    assert [TEMPLATES[name].id for name in TEMPLATES] == list(TEMPLATES)
