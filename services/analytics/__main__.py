from services.analytics.figures import dead_letters
from services.analytics.handlers import HANDLERS, LISTENERS
from services.analytics.housekeeping import keep_house
from services.analytics.ingest import ingest
from services.analytics.totals import report_codes, report_links, report_profiles
from shared import service

# Counting makes hundreds of thousands of small objects at a time, none of them in a cycle. Looking through all of them
# for cycles, as often as Python does by itself, would take a third of the time.
YOUNG_OBJECTS = 100_000

if __name__ == "__main__":
    service.main(
        "analytics",
        HANDLERS,
        LISTENERS,
        background=(ingest, report_links, report_codes, report_profiles, keep_house),
        probes=(dead_letters,),
        young_objects=YOUNG_OBJECTS,
    )
