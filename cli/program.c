/*
 * program: the commands of keytrail, under their headings.
 *
 * Owns:  the table of commands.
 * Calls: cli.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/complete.h"

static int completion(int argc, char **argv)
{
    return kt_completion_main("keytrail", argc, argv);
}

static const struct kt_verb commands[] = {
    { "demo", NULL, "60 invented days, three live incidents, alerts on this terminal", kt_cmd_demo,
      "Set up and run" },
    { "init", NULL, "write a commented configuration and keys into a folder", kt_cmd_init, NULL },
    { "collector", NULL, "run the collector", kt_cmd_collector, NULL },
    { "dashboard", NULL, "serve the page: overview, search, alerts, reports", kt_cmd_dashboard,
      NULL },
    { "agent", NULL, "allow-list of agents: add, list, revoke", kt_cmd_agent, NULL },
    { "config", NULL, "configuration: check, show", kt_cmd_config, NULL },
    { "import", NULL, "decode files or a feed into a store", kt_cmd_import, NULL },
    { "status", NULL, "what is stored, learning, late or broken", kt_cmd_status, NULL },
    { "stream", NULL, "streams of events to other tools: list, dead, test, rewind, schema",
      kt_cmd_stream, NULL },
    { "backup", NULL, "follow the store with a second file, beside a running collector",
      kt_cmd_backup, NULL },
    { "restore", NULL, "make a store of a backup", kt_cmd_restore, NULL },
    { "store", NULL, "the file: stats, forecast, trust-clock, new-log, rotate-log-key",
      kt_cmd_store, NULL },
    { "hold", NULL, "keep records whatever their age: add, list, rm", kt_cmd_hold, NULL },
    { "geoip", NULL, "tables of addresses: status, update", kt_cmd_geoip, NULL },
    { "doctor", NULL, "one page: what is wrong, or will be, and what to type next", kt_cmd_doctor,
      NULL },
    { "completion", NULL, "what bash, zsh and fish read to complete commands and values",
      completion, NULL },
    { "version", NULL, "version and libraries", kt_cmd_version, NULL },
    { "search", NULL, "events that match a query", kt_cmd_search, "Search" },
    { "timeline", NULL, "what happened, in order: accesses, alerts, steps and gaps",
      kt_cmd_timeline, NULL },
    { "sql", NULL, "the store as relations, in SQL; only reads", kt_cmd_sql, NULL },
    { "coverage", NULL, "what the log can speak about: days, gaps and their causes",
      kt_cmd_coverage, NULL },
    { "who", NULL, "who read a secret, since when, and is it usual", kt_cmd_who,
      "Who, what, from where" },
    { "actor", NULL, "one actor: from where, since when, which secrets, what is new", kt_cmd_actor,
      NULL },
    { "ip", NULL, "one address or network: who came from there, for which secrets", kt_cmd_ip,
      NULL },
    { "secret", NULL, "one secret: age, rotation, readers, from where, what is new", kt_cmd_secret,
      NULL },
    { "session", NULL, "one session or credential: whose, from where, what it read", kt_cmd_session,
      NULL },
    { "inventory", NULL, "each secret: how old, when due, who read it last", kt_cmd_inventory,
      NULL },
    { "unused", NULL, "secrets of the inventory that nobody reads", kt_cmd_unused, NULL },
    { "dormant", NULL, "actors that are silent for long, and those that came back", kt_cmd_dormant,
      NULL },
    { "blast", NULL, "what a credential read, what of it is still exposed", kt_cmd_blast,
      "A credential leaked" },
    { "incident", NULL, "the emergency runbook: open, show, note, done, close", kt_cmd_incident,
      NULL },
    { "rotation", NULL, "rotations: watch SECRET until nobody uses the old one; list",
      kt_cmd_rotation, NULL },
    { "exposure", NULL, "leaked secrets that scanners found, and who used them since",
      kt_cmd_exposure, NULL },
    { "leaver", NULL, "what was done with what was theirs after they left", kt_cmd_leaver, NULL },
    { "canary", NULL, "canaries: who touched them, and when they were tested", kt_cmd_canary,
      NULL },
    { "hash", NULL, "a suspect Vault token: its hash in the log, and who used it", kt_cmd_hash,
      NULL },
    { "alerts", NULL, "alerts: list, show, ack, assign, close, silence, tune", kt_cmd_alerts,
      "Alerts and detection" },
    { "notify", NULL, "alert targets: test, queue, dead letters", kt_cmd_notify, NULL },
    { "expect", NULL, "announce work that is no alarm: add, break-glass, list, rm", kt_cmd_expect,
      NULL },
    { "identity", NULL, "who is who: list, show, check, suggest", kt_cmd_identity, NULL },
    { "detect", NULL, "detectors: list, explain NAME, test, lint; import Sigma rules",
      kt_cmd_detect, NULL },
    { "replay", NULL, "run the detectors over the stored log again", kt_cmd_replay, NULL },
    { "report", NULL, "evidence for auditors: a report, its tables and proofs, signed",
      kt_cmd_report, "Evidence" },
    { "review", NULL, "access reviews: access, leavers, dormant; sign, list", kt_cmd_review, NULL },
    { "verify", NULL, "re-derive every hash, hold the store against checkpoints", kt_cmd_verify,
      NULL },
    { "prove", NULL, "a proof that an event is in the log, and its check", kt_cmd_prove, NULL },
    { 0 },
};

static const struct kt_command program = {
    "",
    "COMMAND [options]",
    "who touched which secret, when, from where, and was it normal?",
    "keytrail who prod/db/main --since 7d",
    NULL,
    commands
};

int kt_program_keytrail(int argc, char **argv)
{
    return kt_verbs_main(&program, argc, argv);
}
