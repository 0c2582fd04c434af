-- keytrail in PostgreSQL 13 and later: one table by months, one row for each event and for each
-- state of an alert, and views that answer the usual questions. As the owner of the database:
--   psql -v ON_ERROR_STOP=1 -f keytrail.sql DATABASE
--   GRANT keytrail_writer TO the role that the stream connects as;
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'keytrail_writer') THEN
        CREATE ROLE keytrail_writer NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'keytrail_reader') THEN
        CREATE ROLE keytrail_reader NOLOGIN;
    END IF;
END $$;

CREATE SCHEMA IF NOT EXISTS keytrail;

CREATE TABLE IF NOT EXISTS keytrail.events (
    id text NOT NULL,
    about text,
    time timestamptz NOT NULL,
    arrival timestamptz,
    stored timestamptz,
    deployment text,
    log text,
    seq bigint,
    kind text,
    source text,
    instance text,
    scope text,
    action text,
    operation text,
    outcome text,
    code text,
    actor text,
    actor_kind text,
    actor_name text,
    session text,
    credential text,
    role text,
    secret text,
    version text,
    store text,
    ip text,
    country text,
    asn bigint,
    network text,
    user_agent text,
    region text,
    host text,
    reason text,
    ticket text,
    request_id text,
    message text,
    severity text,
    score integer,
    detector text,
    state text,
    conflict smallint,
    line text,
    PRIMARY KEY (id, time)
) PARTITION BY RANGE (time);
-- A name can be longer than an index takes; a question that has left(secret, 512) = left('…', 512)
-- beside secret = '…' uses it.
CREATE INDEX IF NOT EXISTS events_secret ON keytrail.events (left(secret, 512), time);
CREATE INDEX IF NOT EXISTS events_actor ON keytrail.events (left(actor, 512), time);

-- What lies too far from now for a month of its own: clocks can be wrong by decades.
CREATE TABLE IF NOT EXISTS keytrail.events_else PARTITION OF keytrail.events DEFAULT;

-- Makes the partition of a month. The stream calls it for what it brings, without rights to do so
-- by itself. What came while the month was too far away lies in events_else, and moves.
CREATE OR REPLACE FUNCTION keytrail.month(at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = keytrail, pg_catalog, pg_temp AS $$
DECLARE
    first timestamptz := date_trunc('month', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    next timestamptz := (date_trunc('month', at AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
    name text := 'events_' || to_char(at AT TIME ZONE 'UTC', 'YYYYMM');
BEGIN
    IF at < now() - interval '10 years' OR at > now() + interval '2 months'
       OR to_regclass('keytrail.' || name) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('keytrail.month')); -- two collectors, one new month
    IF to_regclass('keytrail.' || name) IS NULL THEN
        LOCK TABLE keytrail.events_else IN ACCESS EXCLUSIVE MODE; -- nothing comes between the two
        EXECUTE format('CREATE TABLE keytrail.%I (LIKE keytrail.events)', name);
        EXECUTE format('WITH moved AS (DELETE FROM keytrail.events_else WHERE time >= $1 AND time < $2 RETURNING *)'
                       ' INSERT INTO keytrail.%I SELECT * FROM moved', name) USING first, next;
        EXECUTE format('ALTER TABLE keytrail.events ATTACH PARTITION keytrail.%I FOR VALUES FROM (%L) TO (%L)',
                       name, first, next);
    END IF;
END $$;

-- Retention: drops the months that ended before then. From cron or pg_cron, once a day:
--   SELECT keytrail.drop_before(now() - interval '400 days');
CREATE OR REPLACE FUNCTION keytrail.drop_before(until timestamptz) RETURNS integer
LANGUAGE plpgsql SET search_path = keytrail, pg_catalog, pg_temp AS $$
DECLARE
    t record;
    n integer := 0;
BEGIN
    FOR t IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'keytrail.events'::regclass AND c.relname ~ '^events_[0-9]{6}$'
               AND (to_date(substr(c.relname, 8), 'YYYYMM') + interval '1 month') AT TIME ZONE 'UTC' <= until LOOP
        EXECUTE format('DROP TABLE keytrail.%I', t.relname);
        n := n + 1;
    END LOOP;
    DELETE FROM keytrail.events_else WHERE stored < until;
    RETURN n;
END $$;

-- Who touched a secret:
--   SELECT * FROM keytrail.who WHERE secret = '…' AND left(secret, 512) = left('…', 512) ORDER BY last
CREATE OR REPLACE VIEW keytrail.who AS
SELECT secret, actor, count(*) AS accesses, count(*) FILTER (WHERE outcome = 'denied') AS denied,
       min(time) AS first, max(time) AS last, count(DISTINCT ip) AS addresses, max(country) AS a_country
FROM keytrail.events WHERE kind = 'access' AND secret IS NOT NULL GROUP BY secret, actor;

-- What an actor did, day by day:
--   SELECT * FROM keytrail.actor WHERE actor = '…' AND left(actor, 512) = left('…', 512) ORDER BY day
CREATE OR REPLACE VIEW keytrail.actor AS
SELECT actor, (time AT TIME ZONE 'UTC')::date AS day, count(*) AS accesses,
       count(*) FILTER (WHERE outcome = 'denied') AS denied, count(DISTINCT secret) AS secrets,
       count(DISTINCT ip) AS addresses
FROM keytrail.events WHERE kind = 'access' GROUP BY actor, (time AT TIME ZONE 'UTC')::date;

-- In order:  SELECT * FROM keytrail.timeline WHERE actor = '…' AND time >= '…' ORDER BY time, seq
CREATE OR REPLACE VIEW keytrail.timeline AS
SELECT time, seq, instance, actor, action, outcome, secret, ip, country, message, kind, id FROM keytrail.events;

-- What a leaked credential opened, and what was changed since:
--   SELECT * FROM keytrail.blast WHERE actor = '…' AND NOT changed_since
CREATE OR REPLACE VIEW keytrail.blast AS
SELECT r.*, c.last_change, coalesce(c.last_change > r.last_read, false) AS changed_since
FROM (SELECT actor, credential, secret, count(*) AS reads, min(time) AS first_read, max(time) AS last_read
      FROM keytrail.events
      WHERE kind = 'access' AND action IN ('read', 'export', 'issue', 'use') AND outcome = 'success' AND secret IS NOT NULL
      GROUP BY actor, credential, secret) r
LEFT JOIN LATERAL
     (SELECT max(time) AS last_change FROM keytrail.events e
      WHERE e.secret = r.secret AND left(e.secret, 512) = left(r.secret, 512) AND e.kind = 'access' AND e.action IN ('rotate', 'write') AND e.outcome = 'success') c
ON true;

-- The newest state of each alert:  SELECT * FROM keytrail.alerts ORDER BY stored DESC
CREATE OR REPLACE VIEW keytrail.alerts AS
SELECT DISTINCT ON (about) about AS alert, stored, severity, score, state, detector, actor, secret, message AS title
FROM keytrail.events WHERE kind = 'alert' ORDER BY about, stored DESC;

GRANT USAGE ON SCHEMA keytrail TO keytrail_writer, keytrail_reader;
GRANT SELECT, INSERT ON keytrail.events TO keytrail_writer;
REVOKE ALL ON FUNCTION keytrail.month(timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION keytrail.drop_before(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keytrail.month(timestamptz) TO keytrail_writer;
GRANT SELECT ON ALL TABLES IN SCHEMA keytrail TO keytrail_reader;
