-- What servers later than 18.16 add to keytrail.sql; run it after that. Not run against such a
-- server by keytrail's tests, which have Debian's 18.16 alone.

-- 400 days, by the collector's own stamp: a year and the weeks of fieldwork (since 19.6).
ALTER TABLE keytrail.events MODIFY TTL stored + INTERVAL 400 DAY;

-- Repeated batches are dropped at once, not only when parts are merged: the stream sends each
-- batch's digest as insert_deduplication_token (since 21.12; set dedup_token: true).
ALTER TABLE keytrail.events MODIFY SETTING non_replicated_deduplication_window = 1000;

-- Questions about an actor or an address open fewer blocks (since 20.1).
ALTER TABLE keytrail.events ADD INDEX IF NOT EXISTS actor_bloom actor TYPE bloom_filter GRANULARITY 4;
ALTER TABLE keytrail.events ADD INDEX IF NOT EXISTS ip_bloom ip TYPE bloom_filter GRANULARITY 4;
