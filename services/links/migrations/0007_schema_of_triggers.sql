-- What the triggers write is found whoever changes the table and with whatever search path: the owner who restores or
-- copies rows in, too.
alter function links_added() set search_path = links, pg_temp;
alter function links_removed() set search_path = links, pg_temp;
alter function link_counted_anew() set search_path = links, pg_temp;
alter function link_entered_anew() set search_path = links, pg_temp;
alter function link_ranked_anew() set search_path = links, pg_temp;
