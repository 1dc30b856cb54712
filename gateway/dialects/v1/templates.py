"""Ready-made looks for a profile."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.dialects.v1.profile import ProfileBody, body_of
from gateway.endpoint import Call, Endpoint
from shared.contracts import profile

TemplateId = Annotated[str, Meta(examples=["creator-spotlight"])]


class TemplateBody(msgspec.Struct, frozen=True, kw_only=True):
    id: TemplateId
    name: Annotated[str, Meta(examples=["Creator Spotlight"])]
    description: Annotated[str, Meta(examples=["Your face first, and one bright button per channel."])]
    category: Annotated[str, Meta(examples=["creator"])]
    theme: Annotated[str, Meta(examples=["sunset"])]
    layout: Annotated[str, Meta(examples=["centered"])]
    sections: Annotated[tuple[str, ...], Meta(description="In the order of the page.", examples=[["header", "links"]])]


class TemplateList(msgspec.Struct, frozen=True):
    templates: list[TemplateBody]
    total: Annotated[int, Meta(ge=0, examples=[12])]


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
    Endpoint("POST", "/templates/{id}/apply", apply_template, scope="templates:apply", parts={"id": TemplateId}),
)
