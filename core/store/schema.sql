-- keytrail's store, schema 5. docs/store.md says what each column means and who may write it.
-- This text is compared with the schema of every file that is opened (THREATS D4).

-- One row: the identity of the log, the frontier of its tree (whose size is the newest seq), the
-- frontier it had when this file began (empty but in the successor of a damaged file) and the sums
-- that `status` shows, of this file alone.
CREATE TABLE meta (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    log_id        BLOB    NOT NULL CHECK (length(log_id) = 16),
    tree          BLOB    NOT NULL,
    base          BLOB    NOT NULL,
    last_arrival  INTEGER NOT NULL,
    events        INTEGER NOT NULL,
    control       INTEGER NOT NULL,
    batches       INTEGER NOT NULL,
    duplicates    INTEGER NOT NULL,
    conflicts     INTEGER NOT NULL,
    first_time    INTEGER NOT NULL,
    last_time     INTEGER NOT NULL,
    first_arrival INTEGER NOT NULL,
    newest_arrival INTEGER NOT NULL,
    removed_events   INTEGER NOT NULL,
    removed_segments INTEGER NOT NULL
) STRICT;

-- The tail: one row a received batch, until it is sealed into a segment. The big column is the
-- last one, so that a walk over the others stays off the overflow pages.
CREATE TABLE batch (
    first_seq   INTEGER PRIMARY KEY,
    count       INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    agent       TEXT    NOT NULL,
    incarnation BLOB,
    batch_seq   INTEGER NOT NULL,
    origin      INTEGER NOT NULL,
    arrival     INTEGER NOT NULL,
    stored      INTEGER NOT NULL,
    min_time    INTEGER NOT NULL,
    max_time    INTEGER NOT NULL,
    leaves      BLOB    NOT NULL,
    digest      BLOB,
    signature   BLOB,
    arrivals    BLOB,
    dropped     BLOB,
    conflicts   BLOB,
    nodes       BLOB    NOT NULL,
    lines       BLOB    NOT NULL
) STRICT;

-- A sealed run of batches. Small rows: a question walks over all of them.
CREATE TABLE segment (
    first_seq   INTEGER PRIMARY KEY,
    last_seq    INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    untimed     INTEGER NOT NULL,
    conflicts   INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    packed      INTEGER NOT NULL,
    min_time    INTEGER NOT NULL,
    max_time    INTEGER NOT NULL,
    min_arrival INTEGER NOT NULL,
    max_arrival INTEGER NOT NULL,
    min_stored  INTEGER NOT NULL,
    max_stored  INTEGER NOT NULL,
    days        BLOB    NOT NULL
) STRICT;

-- What segments are made of: columns, filters, batches, tree nodes, blocks of lines.
-- id = first_seq * 256 + the number of the part.
CREATE TABLE part (
    id   INTEGER PRIMARY KEY,
    data BLOB NOT NULL
) STRICT;

-- Records that the collector makes itself: ticks, facts, configuration, decisions, self-audit.
CREATE TABLE control (
    seq     INTEGER PRIMARY KEY,
    kind    INTEGER NOT NULL,
    arrival INTEGER NOT NULL,
    stored  INTEGER NOT NULL,
    leaf    BLOB    NOT NULL,
    line    BLOB    NOT NULL
) STRICT;
CREATE INDEX control_kind ON control (kind, seq);

-- The newest committed batch of every spool, and who first used a source instance.
CREATE TABLE mark (
    agent       TEXT    NOT NULL,
    incarnation BLOB    NOT NULL,
    seq         INTEGER NOT NULL,
    digest      BLOB    NOT NULL,
    PRIMARY KEY (agent, incarnation)
) STRICT, WITHOUT ROWID;
CREATE TABLE owner (
    instance TEXT PRIMARY KEY,
    agent    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Derived state: positions and the like, alerts, and what is to be sent.
CREATE TABLE blob (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;
CREATE TABLE alert (
    id       TEXT    PRIMARY KEY,
    opened   INTEGER NOT NULL,
    updated  INTEGER NOT NULL,
    severity INTEGER NOT NULL,
    json     TEXT    NOT NULL
) STRICT;
CREATE INDEX alert_opened ON alert (opened, id);
CREATE TABLE outbox (
    row        INTEGER PRIMARY KEY,
    alert      TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    attempts   INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    next_try   INTEGER NOT NULL,
    sent_at    INTEGER NOT NULL,
    last_code  INTEGER NOT NULL,
    last_error TEXT    NOT NULL,
    alert_json TEXT    NOT NULL,
    UNIQUE (alert, target, action)
) STRICT;
CREATE INDEX outbox_waiting ON outbox (target, row) WHERE state = 'wait';

-- Entries of the detectors' tables, as they were at the position that the blob `detect` names. The
-- key comes first: what is known of one actor lies together.
CREATE TABLE state (
    key   BLOB    NOT NULL,
    tab   INTEGER NOT NULL,
    born  INTEGER NOT NULL,
    used  INTEGER NOT NULL,
    value BLOB    NOT NULL,
    PRIMARY KEY (key, tab)
) STRICT, WITHOUT ROWID;
