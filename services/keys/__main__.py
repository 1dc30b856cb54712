from services.keys.handlers import HANDLERS, LISTENERS
from services.keys.housekeeping import keep_house
from shared import service

if __name__ == "__main__":
    service.main("keys", HANDLERS, LISTENERS, background=(keep_house,))
