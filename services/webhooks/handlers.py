"""What can be asked of webhooks. The answers stand in the files by whose name they go here."""

from services.webhooks import deliveries, endpoints
from shared.service import read, whole, write

HANDLERS = (
    whole(endpoints.create_endpoint),
    read(endpoints.get_endpoint),
    read(endpoints.list_endpoints),
    whole(endpoints.update_endpoint),
    write(endpoints.delete_endpoint),
    whole(endpoints.rotate_secret),
    write(deliveries.send_test),
    read(deliveries.list_deliveries),
    read(deliveries.get_delivery),
    write(deliveries.redeliver),
    whole(deliveries.recover_failed),
)
