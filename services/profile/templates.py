"""The templates a workspace can apply: a theme, a layout and an order of sections, as data."""

from importlib.resources import files

import msgspec

from shared.contracts.profile import Template


def _load() -> dict[str, Template]:
    data = files(__package__).joinpath("data/templates.json").read_bytes()
    return {template.id: template for template in msgspec.json.decode(data, type=tuple[Template, ...])}


TEMPLATES = _load()
