-- keytrail in ClickHouse: one table, one row for each event and for each state of an alert, and
-- views that answer the usual questions. Runs on every server since 18.16:
--   clickhouse-client --multiquery < keytrail.sql
-- What later servers add (TTL, indexes, a window for repeated batches) is in newer.sql.
CREATE DATABASE IF NOT EXISTS keytrail;

-- ReplacingMergeTree makes rows of one sorting key one: a batch that is sent again after a crash
-- leaves nothing twice. Until parts are merged the copies are there: ask with FINAL, as the views do.
CREATE TABLE IF NOT EXISTS keytrail.events
(
    id String,
    about String,
    time_ns Int64,
    arrival_ns Int64,
    stored_ns Int64,
    deployment String,
    log String,
    seq UInt64,
    kind String,
    source String,
    instance String,
    scope String,
    action String,
    operation String,
    outcome String,
    code String,
    actor String,
    actor_kind String,
    actor_name String,
    session String,
    credential String,
    role String,
    secret String,
    version String,
    store String,
    ip String,
    country String,
    asn UInt32,
    network String,
    user_agent String,
    region String,
    host String,
    reason String,
    ticket String,
    request_id String,
    message String,
    severity String,
    score Int32,
    detector String,
    state String,
    conflict UInt8,
    line String,
    time DateTime('UTC') MATERIALIZED toDateTime(intDiv(time_ns, 1000000000)),
    stored DateTime('UTC') MATERIALIZED toDateTime(intDiv(stored_ns, 1000000000))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (secret, time_ns, id);

-- Who touched a secret:  SELECT * FROM keytrail.who WHERE secret = '…' ORDER BY last
CREATE VIEW IF NOT EXISTS keytrail.who AS
SELECT secret, actor, count() AS accesses, countIf(outcome = 'denied') AS denied,
       min(time) AS first, max(time) AS last, uniqExact(ip) AS addresses, max(country) AS a_country
FROM (SELECT secret, actor, outcome, time, ip, country FROM keytrail.events FINAL WHERE kind = 'access' AND secret != '')
GROUP BY secret, actor;

-- What an actor did, day by day:  SELECT * FROM keytrail.actor WHERE actor = '…' ORDER BY day
CREATE VIEW IF NOT EXISTS keytrail.actor AS
SELECT actor, toDate(time) AS day, count() AS accesses, countIf(outcome = 'denied') AS denied,
       uniqExact(secret) AS secrets, uniqExact(ip) AS addresses
FROM (SELECT actor, time, outcome, secret, ip FROM keytrail.events FINAL WHERE kind = 'access')
GROUP BY actor, day;

-- In order:  SELECT * FROM keytrail.timeline WHERE actor = '…' AND time >= '…' ORDER BY time_ns, seq
CREATE VIEW IF NOT EXISTS keytrail.timeline AS
SELECT time, time_ns, seq, instance, actor, action, outcome, secret, ip, country, message, kind, id
FROM keytrail.events FINAL;

-- What a leaked credential opened, and what was changed since:
--   SELECT * FROM keytrail.blast WHERE actor = '…' AND NOT changed_since
CREATE VIEW IF NOT EXISTS keytrail.blast AS
SELECT actor, credential, secret, reads, first_read, last_read, last_change, last_change > last_read AS changed_since
FROM (SELECT actor, credential, secret, count() AS reads, min(time) AS first_read, max(time) AS last_read
      FROM (SELECT actor, credential, secret, time FROM keytrail.events FINAL
            WHERE kind = 'access' AND action IN ('read', 'export', 'issue', 'use') AND outcome = 'success' AND secret != '')
      GROUP BY actor, credential, secret)
ANY LEFT JOIN
     (SELECT secret, max(time) AS last_change
      FROM (SELECT secret, time FROM keytrail.events FINAL
            WHERE kind = 'access' AND action IN ('rotate', 'write') AND outcome = 'success')
      GROUP BY secret)
USING (secret);

-- The newest state of each alert:  SELECT * FROM keytrail.alerts ORDER BY changed DESC
CREATE VIEW IF NOT EXISTS keytrail.alerts AS
SELECT about AS alert, max(stored_ns) AS changed, argMax(severity, stored_ns) AS severity_now,
       argMax(state, stored_ns) AS state_now, argMax(detector, stored_ns) AS detector_now,
       argMax(actor, stored_ns) AS actor_now, argMax(message, stored_ns) AS title
FROM (SELECT about, stored_ns, severity, state, detector, actor, message FROM keytrail.events FINAL WHERE kind = 'alert')
GROUP BY about;
