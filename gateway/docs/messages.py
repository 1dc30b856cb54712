"""One message to webhooks as an operation of an OpenAPI document: what is sent, and how it wants to be answered."""

from gateway.dialects.message import Message
from gateway.docs.schemas import Json, Schemas

TAG = "webhooks"

# Name, description and example of each header of a delivery.
HEADERS = (
    ("X-Webhook-Id", "Of the message, the same over all attempts and redeliveries.", "msg_02FvM8kQ7yZtLw3RbXc5Na"),
    ("X-Webhook-Timestamp", "When this attempt was made, in Unix seconds.", "1769850300"),
    ("X-Webhook-Event", "The type of the event.", "link.created"),
    (
        "X-Webhook-Signature",
        "`sha256=` and the HMAC-SHA256, in hex, of id, timestamp and body with dots between them, made with the bytes "
        "behind `whsec_`. During a rotation two of them, with a comma between.",
        "sha256=5c1b6b5f3ac7e4f0a9d8f2b1c0e3d4a5968778695a4b3c2d1e0f9a8b7c6d5e4f",
    ),
    ("webhook-id", "As `X-Webhook-Id`, for the libraries of Standard Webhooks.", "msg_02FvM8kQ7yZtLw3RbXc5Na"),
    ("webhook-timestamp", "As `X-Webhook-Timestamp`.", "1769850300"),
    (
        "webhook-signature",
        "`v1,` and the same HMAC in Base64. During a rotation two of them, with a space between.",
        "v1,XBtrXzrH5PCp2PKxwOPUpZaHeGlaSzwtHg+ai3xtXk8=",
    ),
)


def describe(message: Message, schemas: Schemas) -> Json:
    told = [schemas.of(body) for body in message.bodies]
    shape = told[0] if len(told) == 1 else {"anyOf": told}
    schema: Json = {"allOf": [shape, {"properties": {"type": {"const": message.name}}}]}
    return {
        "operationId": operation_id(message),
        "summary": message.summary,
        "description": "Sent by POST to every webhook that wants to be told of it.",
        "tags": [TAG],
        "parameters": [_header(*each) for each in HEADERS],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": example(message, schemas)}},
        },
        "responses": {
            "2XX": {"description": "It has arrived."},
            "410": {"description": "Nothing more is to be sent: the webhook is disabled."},
            "default": {"description": "It is sent again later. Redirects are not followed."},
        },
        "security": [],
    }


def operation_id(message: Message) -> str:
    return f"on_{message.name.replace('.', '_')}"


def example(message: Message, schemas: Schemas) -> Json:
    made: Json = schemas.example(schemas.of(message.bodies[0]))
    return made | {"type": message.name}


def _header(name: str, description: str, value: str) -> Json:
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
        "example": value,
    }
