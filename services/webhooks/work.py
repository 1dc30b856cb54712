"""What the service does without being asked."""

from services.webhooks.housekeeping import keep_house
from services.webhooks.intake import take_in
from services.webhooks.sending import send
from shared.service import Service
from shared.stopping import together


async def work(service: Service) -> None:
    await together(take_in(service), send(service), keep_house(service))
