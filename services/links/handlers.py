"""What can be asked of links. The answers stand in the files by whose name they go here."""

from services.links import bulk, lists, qr_codes, single, visits
from shared.service import read, whole, write

HANDLERS = (
    whole(single.create_link),
    read(single.get_link),
    read(single.get_links),
    whole(single.update_link),
    whole(single.upsert_link),
    write(single.delete_link),
    whole(lists.list_links),
    read(lists.list_profile_links),
    whole(lists.search_links),
    read(lists.find_links),
    whole(lists.export_links),
    read(lists.list_tags),
    whole(bulk.create_links),
    whole(bulk.update_links),
    whole(bulk.delete_links),
    whole(bulk.import_links),
    read(visits.resolve),
    read(visits.resolve_many),
    whole(visits.unlock),
    whole(visits.claim_click),
    write(visits.record_totals),
    whole(qr_codes.create_qr_code),
    read(qr_codes.get_qr_code),
    read(qr_codes.list_qr_codes),
    write(qr_codes.update_qr_code),
    write(qr_codes.delete_qr_code),
    whole(qr_codes.draw_qr_code),
    write(qr_codes.record_scans),
)
