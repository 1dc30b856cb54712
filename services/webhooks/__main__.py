from services.webhooks.handlers import HANDLERS
from shared import service

if __name__ == "__main__":
    service.main("webhooks", HANDLERS)
