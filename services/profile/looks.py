"""What a page wears: a theme by itself, or a template with all that belongs to it."""

import msgspec

from services.profile.templates import TEMPLATES
from services.profile.themes import DEFAULT_THEME, THEMES
from shared.contracts.profile import Profile, Section, Template, Theme
from shared.faults import Code, Fault

DEFAULT_LAYOUT = THEMES[DEFAULT_THEME].layout
DEFAULT_SECTIONS: tuple[Section, ...] = ("header", "bio", "details", "stats", "links", "footer")


def check(name: str) -> str:
    if name not in THEMES and name not in TEMPLATES:
        raise Fault(Code.INVALID, "There is no theme or template of that name", field="theme")
    return name


def wear(profile: Profile, name: str) -> Profile:
    """A template brings its theme, layout and sections; a theme brings its own layout and leaves the sections."""
    if name in TEMPLATES:
        return apply(profile, TEMPLATES[name])
    # Whoever sends back what they have read means no change, so a template's layout stays under its own theme.
    if name == profile.theme:
        return profile
    return msgspec.structs.replace(profile, theme=name, layout=THEMES[name].layout)


def apply(profile: Profile, template: Template) -> Profile:
    return msgspec.structs.replace(profile, theme=template.theme, layout=template.layout, sections=template.sections)


def theme_of(profile: Profile) -> Theme:
    """The theme in the profile's own layout. A theme that later versions no longer have gives way to the default."""
    theme = THEMES.get(profile.theme, THEMES[DEFAULT_THEME])
    return msgspec.structs.replace(theme, layout=profile.layout)
