from services.links.figures import domains
from services.links.handlers import HANDLERS
from services.links.looking import keep_looking
from services.links.upkeep import upkeep
from shared import service

if __name__ == "__main__":
    service.main("links", HANDLERS, background=(upkeep, keep_looking), probes=(domains,))
