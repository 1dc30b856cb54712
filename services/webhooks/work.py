"""What the service does without being asked."""

import asyncio

from services.webhooks.sending import send
from shared.service import Service


async def work(service: Service) -> None:
    # What has just been made due here is sent at once; other copies find it when they look.
    news = asyncio.Event()
    await send(service, news)
