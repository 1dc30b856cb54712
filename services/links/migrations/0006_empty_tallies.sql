-- Tags that nobody uses any more leave tallies of nothing behind. They are few, and found by this to be taken away.
create index link_tallies_empty on link_tallies (links) where links = 0;
