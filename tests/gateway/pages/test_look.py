"""The style of a page: mixed colours stay readable, and every shape and layout has its rules."""

from base64 import b64encode
from hashlib import sha256
from typing import get_args

import pytest
from msgspec.structs import replace

from gateway.bio.look import SOFT, TINT, look, mix
from gateway.pages.page import sheet
from services.profile.themes import DEFAULT_THEME, THEMES
from shared.contracts.profile import ButtonShape, Layout, Theme
from tests.colours import contrast


@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_text_can_be_read_on_every_mixed_ground(theme: Theme) -> None:
    for palette in (theme.light, theme.dark):
        for ground in (mix(palette.accent, palette.background, TINT), mix(palette.accent, palette.surface, SOFT)):
            assert contrast(palette.text, ground) >= 4.5
            assert contrast(palette.muted, ground) >= 4.5


def test_mixing_colours_is_what_browsers_do() -> None:
    assert mix("#ff0000", "#0000ff", 0.5) == "#800080"
    assert mix("#ffffff", "#000000", 0.2) == "#333333"
    assert mix("#123456", "#abcdef", 0) == "#abcdef"


def test_every_button_shape_in_every_layout_has_a_style_under_eight_kibibytes() -> None:
    sheets = {
        look(replace(THEMES[DEFAULT_THEME], button=button), layout).css
        for button in get_args(ButtonShape)
        for layout in get_args(Layout)
    }
    assert len(sheets) == len(get_args(ButtonShape)) * len(get_args(Layout))
    assert max(map(len, sheets)) < 8 * 1024


def test_the_policy_names_the_very_text_of_the_sheet() -> None:
    style = sheet("/* why */\na  {\n  color : red;\n}\n", "b, i { margin: 0 }")
    assert style.css == "a{color : red}b,i{margin: 0}"
    digest = b64encode(sha256(style.css.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in style.policy.decode()
