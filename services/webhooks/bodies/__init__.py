"""What endpoints are told: each thing in the shape in which the API for links shows it.

The same fact always makes the same bytes, so that they are the same for whoever is told of it twice.
"""

from services.webhooks.bodies.clicks import of_click, of_clicks, of_scan
from services.webhooks.bodies.domains import of_domain
from services.webhooks.bodies.endpoints import of_endpoint, of_test
from services.webhooks.bodies.keys import of_key
from services.webhooks.bodies.links import of_link
from services.webhooks.bodies.messages import message
from services.webhooks.bodies.profiles import of_profile
from services.webhooks.bodies.qr_codes import of_qr_code

__all__ = [
    "message",
    "of_click",
    "of_clicks",
    "of_domain",
    "of_endpoint",
    "of_key",
    "of_link",
    "of_profile",
    "of_qr_code",
    "of_scan",
    "of_test",
]
