-- outside a transaction
--
-- Some seconds with a million links, which are read and written meanwhile.
call enter_tags(1000);

-- So that the planner knows the new tables before it is first asked.
analyze link_tags, link_tag_ranks;
