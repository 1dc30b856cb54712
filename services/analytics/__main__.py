from services.analytics.handlers import HANDLERS
from services.analytics.housekeeping import keep_house
from services.analytics.ingest import ingest
from services.analytics.totals import report_links, report_profiles
from shared import service

if __name__ == "__main__":
    service.main("analytics", HANDLERS, background=(ingest, report_links, report_profiles, keep_house))
