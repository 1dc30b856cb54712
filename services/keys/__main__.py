from services.keys.handlers import HANDLERS, LISTENERS
from shared import service

if __name__ == "__main__":
    service.main("keys", HANDLERS, LISTENERS)
