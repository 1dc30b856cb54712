"""Ids as this API spells them."""

from typing import Annotated

from msgspec import Meta

LINK = "lnk_"
LINK_PATTERN = r"^lnk_[0-9A-Za-z]{22}$"
QR_CODE = "qr_"
DOMAIN = "dom_"
WEBHOOK, DELIVERY, EVENT = "wh_", "msg_", "evt_"

LinkId = Annotated[str, Meta(pattern=LINK_PATTERN, examples=["lnk_02FvM8kQ7yZtLw3RbXc5Na"])]
QrCodeId = Annotated[str, Meta(pattern=r"^qr_[0-9A-Za-z]{22}$", examples=["qr_02FvM8kQ7yZtLw3RbXc5Na"])]
DomainId = Annotated[str, Meta(pattern=r"^dom_[0-9A-Za-z]{22}$", examples=["dom_02FvM8kQ7yZtLw3RbXc5Na"])]
WebhookId = Annotated[str, Meta(pattern=r"^wh_[0-9A-Za-z]{22}$", examples=["wh_02FvM8kQ7yZtLw3RbXc5Na"])]
DeliveryId = Annotated[
    str,
    Meta(
        pattern=r"^msg_[0-9A-Za-z]{22}$",
        description="Of the message, the same over all attempts and redeliveries: `X-Webhook-Id`.",
        examples=["msg_02FvM8kQ7yZtLw3RbXc5Na"],
    ),
]
EventId = Annotated[
    str,
    Meta(
        pattern=r"^evt_[0-9A-Za-z]{22}$",
        description="Of what has happened, the same for all webhooks that are told: `id` in the body.",
        examples=["evt_02FvM8kQ7yZtLw3RbXc5Na"],
    ),
]
