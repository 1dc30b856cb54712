from services.links.handlers import HANDLERS
from shared import service

if __name__ == "__main__":
    service.main("links", HANDLERS)
