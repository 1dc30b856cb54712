"""Ready-made looks for a profile."""

import msgspec

from gateway.dialects.v1.profile import ProfileBody, body_of
from gateway.endpoint import Call, Endpoint
from shared.contracts import profile


class TemplateBody(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    description: str
    category: str
    theme: str
    layout: str
    sections: tuple[str, ...]


class TemplateList(msgspec.Struct, frozen=True):
    templates: list[TemplateBody]
    total: int


async def list_templates(call: Call) -> TemplateList:
    """All templates that can be applied to a profile."""
    found = await call.ask(profile.ListTemplates())
    bodies = [
        TemplateBody(
            id=template.id,
            name=template.name,
            description=template.description,
            category=template.category,
            theme=template.theme,
            layout=template.layout,
            sections=template.sections,
        )
        for template in found.templates
    ]
    return TemplateList(bodies, len(bodies))


async def apply_template(call: Call) -> ProfileBody:
    """Gives your profile the template's theme, layout and sections; what it says stays."""
    applied = await call.write(
        profile.ApplyTemplate(workspace=call.workspace, mode=call.mode, template=call.path["id"])
    )
    return body_of(applied)


ENDPOINTS = (
    Endpoint("GET", "/templates", list_templates, scope="templates:read"),
    Endpoint("POST", "/templates/{id}/apply", apply_template, scope="templates:apply"),
)
