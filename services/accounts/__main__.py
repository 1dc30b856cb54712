from services.accounts.handlers import HANDLERS
from shared import service

if __name__ == "__main__":
    service.main("accounts", HANDLERS)
