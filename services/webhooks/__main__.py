from services.webhooks.figures import standing
from services.webhooks.handlers import HANDLERS
from services.webhooks.work import work
from shared import service

if __name__ == "__main__":
    service.main("webhooks", HANDLERS, background=(work,), probes=(standing,))
