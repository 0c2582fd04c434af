/*
 * main: the keytrail program. Finds the command and runs it.
 *
 * Owns:  the table of commands.
 * Calls: cli.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "collector/signer.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"

static const struct {
    const char *group; /* a heading above the command; NULL: it belongs to the one before */
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    { "Set up and run", "demo", "60 invented days, three live incidents, alerts on this terminal",
      kt_cmd_demo },
    { NULL, "init", "write a commented configuration and keys into a folder", kt_cmd_init },
    { NULL, "collector", "run the collector", kt_cmd_collector },
    { NULL, "agent", "allow-list of agents: add, list, revoke", kt_cmd_agent },
    { NULL, "config", "configuration: check, show", kt_cmd_config },
    { NULL, "import", "decode files or a feed into a store", kt_cmd_import },
    { NULL, "status", "what is stored, learning, late or broken", kt_cmd_status },
    { NULL, "stream", "streams of events to other tools: list, dead, test, rewind, schema",
      kt_cmd_stream },
    { NULL, "backup", "follow the store with a second file, beside a running collector",
      kt_cmd_backup },
    { NULL, "restore", "make a store of a backup", kt_cmd_restore },
    { NULL, "store", "the file: stats, forecast, trust-clock, new-log, rotate-log-key",
      kt_cmd_store },
    { NULL, "hold", "keep records whatever their age: add, list, rm", kt_cmd_hold },
    { NULL, "version", "version and libraries", kt_cmd_version },
    { "Search", "search", "events that match a query", kt_cmd_search },
    { NULL, "timeline", "what happened, in order: accesses, alerts, steps and gaps",
      kt_cmd_timeline },
    { NULL, "sql", "the store as relations, in SQL; only reads", kt_cmd_sql },
    { NULL, "coverage", "what the log can speak about: days, gaps and their causes",
      kt_cmd_coverage },
    { "Who, what, from where", "who", "who read a secret, since when, and is it usual",
      kt_cmd_who },
    { NULL, "actor", "one actor: from where, since when, which secrets, what is new",
      kt_cmd_actor },
    { NULL, "ip", "one address or network: who came from there, for which secrets", kt_cmd_ip },
    { NULL, "secret", "one secret: age, rotation, readers, from where, what is new",
      kt_cmd_secret },
    { NULL, "session", "one session or credential: whose, from where, what it read",
      kt_cmd_session },
    { NULL, "inventory", "each secret: how old, when due, who read it last", kt_cmd_inventory },
    { NULL, "unused", "secrets of the inventory that nobody reads", kt_cmd_unused },
    { NULL, "dormant", "actors that are silent for long, and those that came back",
      kt_cmd_dormant },
    { "A credential leaked", "blast", "what a credential read, what of it is still exposed",
      kt_cmd_blast },
    { NULL, "incident", "the emergency runbook: open, show, note, done, close", kt_cmd_incident },
    { NULL, "rotation", "rotations: watch SECRET until nobody uses the old one; list",
      kt_cmd_rotation },
    { NULL, "exposure", "leaked secrets that scanners found, and who used them since",
      kt_cmd_exposure },
    { NULL, "leaver", "what was done with what was theirs after they left", kt_cmd_leaver },
    { NULL, "canary", "canaries: who touched them, and when they were tested", kt_cmd_canary },
    { NULL, "hash", "a suspect Vault token: its hash in the log, and who used it", kt_cmd_hash },
    { "Alerts and detection", "alerts", "alerts: list, show, ack, assign, close, silence, tune",
      kt_cmd_alerts },
    { NULL, "notify", "alert targets: test, queue, dead letters", kt_cmd_notify },
    { NULL, "expect", "announce work that is no alarm: add, break-glass, list, rm", kt_cmd_expect },
    { NULL, "identity", "who is who: list, show, check, suggest", kt_cmd_identity },
    { NULL, "detect", "detectors: list, explain NAME, test, lint; import Sigma rules",
      kt_cmd_detect },
    { NULL, "replay", "run the detectors over the stored log again", kt_cmd_replay },
    { "Evidence", "report", "evidence for auditors: a report, its tables and proofs, signed",
      kt_cmd_report },
    { NULL, "review", "access reviews: access, leavers, dormant; sign, list", kt_cmd_review },
    { NULL, "verify", "re-derive every hash, hold the store against checkpoints", kt_cmd_verify },
    { NULL, "prove", "a proof that an event is in the log, and its check", kt_cmd_prove },
};

static void help(FILE *to)
{
    fprintf(to, "keytrail: who touched which secret, when, from where, and was it normal?\n\n"
                "usage: keytrail <command> [options]\n");
    for (size_t i = 0; i < KT_ARRAY_LEN(commands); i++) {
        if (commands[i].group != NULL)
            fprintf(to, "\n%s\n", commands[i].group);
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    fprintf(
        to,
        "\nkeytrail <command> --help says more. The agent is its own program: keytrail-agent.\n");
}

static int unknown(const char *word)
{
    const char *nearest = NULL;
    unsigned best = 3;
    for (size_t i = 0; i < KT_ARRAY_LEN(commands); i++) {
        unsigned d = kt_str_distance(kt_str_of(word), kt_str_of(commands[i].name), 2);
        if (d < best) {
            best = d;
            nearest = commands[i].name;
        }
    }
    fprintf(stderr, "keytrail: unknown command '%s'", word);
    if (nearest != NULL)
        fprintf(stderr, ", did you mean %s?", nearest);
    fprintf(stderr, "\ntry: keytrail --help\n");
    return KT_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_DFL); /* a closed pager or head ends us quietly */
    kt_alloc_init();
    kt_hash_init();
    if (argc < 2) {
        help(stderr);
        return KT_EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        help(stdout);
        return KT_EXIT_OK;
    }
    if (strcmp(word, "--version") == 0)
        word = "version";
    if (strcmp(word, "signer") == 0 && argc == 4) /* the collector starts it, nobody else */
        return kt_signer_main(argv[2], argv[3]);
    for (size_t i = 0; i < KT_ARRAY_LEN(commands); i++) {
        if (strcmp(word, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    return unknown(word);
}
