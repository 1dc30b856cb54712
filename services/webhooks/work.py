"""What the service does without being asked."""

import asyncio

from services.webhooks.housekeeping import keep_house
from services.webhooks.intake import take_in
from services.webhooks.sending import send
from shared.service import Service
from shared.stopping import together


async def work(service: Service) -> None:
    # What has just been made due here is sent at once; other copies find it when they look.
    news = asyncio.Event()
    await together(take_in(service, news), send(service, news), keep_house(service))
