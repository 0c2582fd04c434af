/* metrics_rows: the table behind /metrics. Included by metrics.c only. */
#pragma once

enum type { COUNTER, GAUGE, HISTOGRAM };
enum doc { OF_COLLECTOR, OF_STORE, OF_PROGRAM };
enum unit {
    PLAIN,
    TIME,    /* ns since the epoch, told in seconds; 0: not known, no series */
    SECONDS, /* the same without its 0 */
    FLAG,    /* true or false: 1 or 0 */
    BEHIND,  /* a number of a record: how far the newest one, last_seq, is ahead of it */
};
#define LABELS 4
struct row { /* one or more rows of a name lie together; the first has type and help */
    const char *name;
    enum type type;
    enum doc doc;
    const char *list; /* path of a list of objects, or of an object of them; NULL: the root */
    /* Labels and where an element has their values: a member; KEY: its own name in the list;
     * INNER: that of the member that is counted; "=x": x. */
    const char *label[LABELS], *from[LABELS];
    const char *value; /* path in the element; with INNER an object of numbers */
    enum unit unit;
    const char *help;
};
#define KEY   "*"
#define INNER "**"

/* clang-format off */
static const struct row rows[] = {
    { "keytrail_up", GAUGE, OF_PROGRAM, NULL, { 0 }, { 0 }, "up", PLAIN,
      "1 when the collector answers on its control socket; without it only the figures of the store are told." },
    { "keytrail_build_info", GAUGE, OF_PROGRAM, NULL, { "version", "commit", "sqlite", "zmq" },
      { "version", "commit", "sqlite", "zmq" }, "one", PLAIN, "The program that answers, and its libraries." },

    { "keytrail_events_received_total", COUNTER, OF_COLLECTOR, "sources", { "source" }, { "source" }, "received", PLAIN,
      "Events that agents and imports sent, since the collector's start." },
    { "keytrail_events_stored_total", COUNTER, OF_COLLECTOR, "sources", { "source" }, { "source" }, "stored", PLAIN,
      "Events that were stored." },
    { "keytrail_events_duplicate_total", COUNTER, OF_COLLECTOR, "sources", { "source" }, { "source" }, "duplicate", PLAIN,
      "Events that were stored before, and not again." },
    { "keytrail_events_rejected_total", COUNTER, OF_COLLECTOR, "sources", { "source", "reason" }, { "source", INNER },
      "rejected", PLAIN, "Events that were refused; those of a refused batch count again when it is sent again." },
    { "keytrail_ingest_lag_seconds", HISTOGRAM, OF_COLLECTOR, "sources", { "source" }, { "source" }, "lag", PLAIN,
      "From an event at its source to its being stored." },
    { "keytrail_source_last_event_timestamp_seconds", GAUGE, OF_COLLECTOR, "sources", { "source" }, { "source" }, "last_event",
      TIME, "Time of the newest event." },
    { "keytrail_source_last_contact_timestamp_seconds", GAUGE, OF_COLLECTOR, "sources", { "source" }, { "source" },
      "last_contact", TIME, "When its agent last sent something about it; heartbeats come each minute." },
    { "keytrail_source_silent", GAUGE, OF_COLLECTOR, "sources", { "source" }, { "source" }, "silent", FLAG,
      "1 when detection finds that it should have said something." },
    { "keytrail_source_sequence_gaps_total", COUNTER, OF_COLLECTOR, "sources", { "source" }, { "source" }, "gaps", PLAIN,
      "Gaps in the numbers of its records, as its agent counts them since the agent's start." },
    { "keytrail_agent_queue_events", GAUGE, OF_COLLECTOR, "agents", { "agent" }, { "agent" }, "queue", PLAIN,
      "Events in its spool that are not acknowledged, as of its newest heartbeat." },
    { "keytrail_agent_dropped_events_total", COUNTER, OF_COLLECTOR, "agents", { "agent" }, { "agent" }, "dropped", PLAIN,
      "Records that are lost for good: overwritten in the source, or refused." },
    { "keytrail_agent_last_contact_timestamp_seconds", GAUGE, OF_COLLECTOR, "agents", { "agent" }, { "agent" }, "last_contact",
      TIME, "When it last sent something." },
    { "keytrail_batch_commit_duration_seconds", HISTOGRAM, OF_COLLECTOR, NULL, { 0 }, { 0 }, "commit", PLAIN,
      "Of a commit, which acknowledgements wait for." },

    { "keytrail_store_size_bytes", GAUGE, OF_STORE, NULL, { 0 }, { 0 }, "size_bytes", PLAIN, "Of the store's file and its -wal file." },
    { "keytrail_store_wal_size_bytes", GAUGE, OF_STORE, NULL, { 0 }, { 0 }, "wal_bytes", PLAIN, "Of the -wal file." },
    { "keytrail_store_free_bytes", GAUGE, OF_COLLECTOR, "disk", { 0 }, { 0 }, "free", PLAIN,
      "Left on the store's file system." },
    { "keytrail_store_capacity_bytes", GAUGE, OF_COLLECTOR, "disk", { 0 }, { 0 }, "all", PLAIN,
      "Of the store's file system." },
    { "keytrail_store_events", GAUGE, OF_STORE, NULL, { 0 }, { 0 }, "events", PLAIN, "Records in the store, heartbeats of agents among them." },
    { "keytrail_store_oldest_event_timestamp_seconds", GAUGE, OF_STORE, NULL, { 0 }, { 0 }, "oldest", TIME,
      "Time of the oldest event that is kept." },
    { "keytrail_retention_pruned_events_total", COUNTER, OF_STORE, NULL, { 0 }, { 0 }, "removed_events", PLAIN,
      "Events that retention took out of this store." },
    { "keytrail_retention_last_run_timestamp_seconds", GAUGE, OF_COLLECTOR, "retention", { 0 }, { 0 }, "last_run", TIME,
      "When it was last looked for events that are too old." },
    { "keytrail_retention_stopped", GAUGE, OF_COLLECTOR, "retention", { 0 }, { 0 }, "stopped", FLAG,
      "1 when nothing is removed because the clock jumped." },
    { "keytrail_integrity_last_verified_timestamp_seconds", GAUGE, OF_STORE, NULL, { 0 }, { 0 }, "verified", TIME,
      "When the whole log was last verified, as far as the log says so." },
    { "keytrail_integrity_ok", GAUGE, OF_STORE, NULL, { 0 }, { 0 }, "integrity_ok", FLAG,
      "0 when a file is damaged, the last verification failed or an alert about the log's integrity is open." },

    { "keytrail_detector_runs_total", COUNTER, OF_COLLECTOR, "detectors", { "detector" }, { "detector" }, "runs", PLAIN,
      "Events that it was shown." },
    { "keytrail_detector_errors_total", COUNTER, OF_COLLECTOR, "detectors", { "detector" }, { "detector" }, "errors", PLAIN,
      "Entries of its state that were damaged and forgotten." },
    { "keytrail_detector_duration_seconds", HISTOGRAM, OF_COLLECTOR, "detectors", { "detector" }, { "detector" }, "took", PLAIN,
      "Of one event; one in 32 is measured." },
    { "keytrail_detection_lag_events", GAUGE, OF_COLLECTOR, NULL, { 0 }, { 0 }, "scored_seq", BEHIND,
      "Records that are stored and not looked at yet." },
    { "keytrail_alerts_total", COUNTER, OF_COLLECTOR, "alerts", { "detector", "severity" }, { "detector", "severity" }, "n",
      PLAIN, "Alerts that were raised; detector self: about keytrail itself." },
    { "keytrail_alerts_open", GAUGE, OF_STORE, "alerts_open", { "severity" }, { KEY }, "", PLAIN,
      "Alerts that nobody has closed, the acknowledged ones among them." },
    { "keytrail_alerts_unacknowledged", GAUGE, OF_STORE, "alerts_waiting", { "severity" }, { KEY }, "", PLAIN,
      "Alerts that nobody has acknowledged or closed." },
    { "keytrail_alert_ack_latency_seconds", HISTOGRAM, OF_STORE, "ack", { "severity" }, { KEY }, "", PLAIN,
      "From raising an alert to its first acknowledgement or close, of all that are in the store." },
    { "keytrail_notifications_total", COUNTER, OF_COLLECTOR, "targets", { "target", "result" }, { KEY, "=ok" }, "sent", PLAIN,
      "Messages about alerts: ok: taken, retry: to be tried again, dead: given up." },
    { "keytrail_notifications_total", COUNTER, OF_COLLECTOR, "targets", { "target", "result" }, { KEY, "=retry" }, "retries",
      PLAIN, NULL },
    { "keytrail_notifications_total", COUNTER, OF_COLLECTOR, "targets", { "target", "result" }, { KEY, "=dead" }, "dead", PLAIN,
      NULL },
    { "keytrail_notification_queue", GAUGE, OF_COLLECTOR, "targets", { "target" }, { KEY }, "waiting", PLAIN,
      "Messages that wait for it." },
    { "keytrail_notification_oldest_age_seconds", GAUGE, OF_COLLECTOR, "targets", { "target" }, { KEY }, "oldest_age_s", PLAIN,
      "Of the message that waits longest; 0: none waits." },
    { "keytrail_exporter_lag_events", GAUGE, OF_COLLECTOR, "streams", { "exporter" }, { KEY }, "position", BEHIND,
      "Records that the stream has not taken yet." },
    { "keytrail_exporter_last_success_timestamp_seconds", GAUGE, OF_COLLECTOR, "streams", { "exporter" }, { KEY },
      "last_success", TIME, "When its receiver last took something." },
    { "keytrail_geoip_database_build_timestamp_seconds", GAUGE, OF_COLLECTOR, "geo", { "database" }, { "database" }, "build",
      SECONDS, "When the IP database was built." },

    { "process_cpu_seconds_total", COUNTER, OF_COLLECTOR, "process", { 0 }, { 0 }, "cpu_s", PLAIN,
      "User and system time of the collector." },
    { "process_resident_memory_bytes", GAUGE, OF_COLLECTOR, "process", { 0 }, { 0 }, "resident_bytes", PLAIN,
      "Of the collector." },
    { "process_open_fds", GAUGE, OF_COLLECTOR, "process", { 0 }, { 0 }, "open_fds", PLAIN, "Of the collector." },
    { "process_max_fds", GAUGE, OF_COLLECTOR, "process", { 0 }, { 0 }, "max_fds", PLAIN, "Of the collector." },
    { "process_start_time_seconds", GAUGE, OF_COLLECTOR, "process", { 0 }, { 0 }, "started_s", PLAIN, "Of the collector." },
};
/* clang-format on */
