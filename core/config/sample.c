/*
 * sample: the commented files that `keytrail init` writes.
 *
 * Owns:  nothing.
 * Calls: core/base.
 * Holds: each sample loads as it stands; a test says so.
 */
#include "core/config/tree.h"

/* Of an installation: what is written lies where the units let it be, and the page is a user of its
 * own. Elsewhere everything stays in the folder of the file. */
static const struct place {
    const char *store, *control, *page, *agent_key, *spool;
} places[] = {
    { "keytrail.db             # the database", "control.sock         ", "", "keys/agent.key      ",
      "spool" },
    { "/var/lib/keytrail/keytrail.db  # the database", "/run/keytrail/control.sock  ",
      "\ndashboard:\n"
      "  user: keytrail-dashboard      # the page's own user; it only reads the store\n"
      "  # hosts: [keytrail.example.com]   # names that people type; behind a proxy, or with "
      "cert_file\n"
      "  reports_dir: /var/lib/keytrail-dashboard/reports\n",
      "agent-keys/agent.key  ", "/var/lib/keytrail-agent" },
};

static const struct place *place_of(const char *dir)
{
    return &places[kt_str_is(kt_str_of(dir), "/etc/keytrail")];
}

static const char collector_text[] =
    "deployment: keytrail            # the name in alerts and reports\n"
    "\n"
    "# Relative paths start in the folder of this file.\n"
    "store:\n"
    "  path: %s\n"
    "  retention: 400d               # a 12-month audit period and the weeks of fieldwork\n"
    "\n"
    "collector:\n"
    "  listen: tcp://127.0.0.1:7420  # tcp://0.0.0.0:7420 to take agents from other hosts\n"
    "  key_file: keys/collector.key  # 0600, in a folder 0700\n"
    "  log_key_file: keys/log.key    # signs checkpoints of the log; opened by the signer alone\n"
    "  agents_dir: agents.d          # written by `keytrail agent add`\n"
    "  control: %s# how commands reach the running collector\n"
    "%s"
    "\n";

static const char choices_text[] =
    "geoip:\n"
    "  databases: auto               # or a list of .mmdb files\n"
    "\n"
    "# Places that are expected: detectors are calmer about them, alerts name them.\n"
    "# An office is a place: whoever comes from there is there. What a VPN comes out of is none.\n"
    "# networks:\n"
    "#   - { name: office, cidr: [\"198.51.100.0/24\"], place: true }\n"
    "#   - { name: vpn, cidr: [\"2001:db8:7::/48\"], actors: [\"*@acme.example\"] }\n"
    "\n"
    "# Who is who: one person or service under one name, whatever each source calls it.\n"
    "# identities_file: identities.yaml\n"
    "\n"
    "# Secrets that matter most, those that do not, and traps that nobody should ever read.\n"
    "# production: [\"prod/**\"]\n"
    "# not_production: [\"secret/playground/**\"]\n"
    "# canaries:\n"
    "#   - { secret: \"prod/break-glass/root-token\", allow: [svc-backup] }\n"
    "\n"
    "# Secrets and roles that are kept for emergencies: each use is told, or listed with its "
    "ticket.\n"
    "# break_glass: [\"emergency/**\"]\n"
    "\n"
    "# Announced work on a source: its silence is no alarm.\n"
    "# maintenance:\n"
    "#   - { source: vault-prod, from: \"2026-11-28T22:00Z\", until: \"2026-11-28T23:30Z\", "
    "reason: CHG-4711, by: alice }\n"
    "\n"
    "# An announced deploy: what is new to these services counts as one rollout. For a release of\n"
    "# today: keytrail expect add --deploy\n"
    "# deploys:\n"
    "#   - { actor: \"svc-*\", secret: \"shop/**\", from: \"2026-11-28T22:00Z\", until: "
    "\"2026-11-28T23:30Z\", reason: CHG-4712 }\n"
    "\n"
    "# Rules of your own, in the form of Sigma: files, or folders of *.yml (docs/sigma.md).\n"
    "# rules: [rules]\n"
    "\n"
    "# Each detector's options stand on its page, detectors/NAME.md\n"
    "# detectors:\n"
    "#   volume_spike: { floor_5m: 20 }\n"
    "\n"
    "# Where alerts go. URLs and keys are secrets: they stand in files (0600), never here.\n"
    "# alerts:\n"
    "#   routes:                       # none: every target, from medium on (docs/routing.md)\n"
    "#     - match: \"severity:high,critical\"\n"
    "#       to: [pagerduty, slack-sec]\n"
    "#       repeat: 30m               # until somebody acknowledges\n"
    "#     - { match: \"severity:medium\", to: [slack-sec], quiet: { hours: \"22:00-07:00\", zone: "
    "Europe/Berlin } }\n"
    "#   targets:\n"
    "#     slack-sec: { type: slack, url_file: keys/slack.url }\n"
    "#     pagerduty: { type: pagerduty, routing_key_file: keys/pagerduty.key }\n"
    "#     siem: { type: webhook, url_file: keys/siem.url, secret_file: keys/siem.whsec }\n"
    "#   links:                        # one that acknowledges, in each message: docs/alerts.md\n"
    "#     acknowledge: https://answers.example.com\n"
    "#     acknowledge_key_file: keys/links.key # keytrail alerts link --keygen\n";

static const char identities_text[] =
    "# Used once keytrail.yaml says `identities_file: identities.yaml`; a reload takes changes.\n"
    "# keytrail identity check finds mistakes, keytrail identity suggest finds merges in the log.\n"
    "\n"
    "# identities:\n"
    "#   - name: alice@acme.example          # in alerts, baselines and searches\n"
    "#     kind: human                       # human, service, ci or ai_agent\n"
    "#     team: payments                    # colleagues: what is usual for them excuses more\n"
    "#     time_zone: Europe/Berlin          # where the day begins\n"
    "#     manager: dora@acme.example\n"
    "#     left: 2027-03-31                  # the last day: any use of a secret after it is told\n"
    "#     aliases:                          # actors as `keytrail search` shows them; * and **\n"
    "#       - alice@main                    # Vault, by user name\n"
    "#       - \"asmith@web*\"                 # hosts\n"
    "#       - { actor: al-gh@github, source: github }\n"
    "#     on_call:                          # nights that are explained; or a note in words\n"
    "#       - { from: \"2026-12-04T18:00+01:00\", until: \"2026-12-11T09:00+01:00\" }\n"
    "#   - { name: ci-deploy, kind: ci, aliases: [\"ci-deploy@111122223333\"] }\n"
    "\n"
    "# production: [\"aws-sm://111122223333/**\"]\n"
    "# not_production: [\"aws-sm://444455556666/**\"]\n";

static const char sources_text[] =
    "\n"
    "sources:\n"
    "  - { id: vault-prod, type: vault, input: tail, path: /var/log/vault/audit.log }\n"
    "#  - { id: aws-main, type: cloudtrail, input: files, path: /var/lib/cloudtrail }\n";

void kt_conf_sample_collector(const char *dir, struct kt_buf *out)
{
    kt_buf_addf(
        out,
        "# %s/keytrail.yaml: the collector.\n"
        "# keytrail config check -c FILE checks it, keytrail config show --defaults -c FILE "
        "prints all values.\n\n",
        dir);
    const struct place *at = place_of(dir);
    kt_buf_addf(out, collector_text, at->store, at->control, at->page);
    kt_buf_addz(out, choices_text);
}

void kt_conf_sample_identities(const char *dir, struct kt_buf *out)
{
    kt_buf_addf(out, "# %s/identities.yaml: who is who.\n", dir);
    kt_buf_addz(out, identities_text);
}

void kt_conf_sample_agent(const char *dir, const char *agent, const char *endpoint,
                          const char *public_key, struct kt_buf *out)
{
    kt_buf_addf(out, "# %s/agent.yaml: an agent, where the logs are.\nagent: ", dir);
    kt_yaml_scalar_add(out, kt_str_of(agent));
    kt_buf_addz(out, "                # its name in the collector's agents.d\n"
                     "collector:\n  endpoint: ");
    kt_yaml_scalar_add(out, kt_str_of(endpoint));
    kt_buf_addz(out, "\n  public_key: ");
    kt_yaml_scalar_add(out, kt_str_of(public_key));
    const struct place *at = place_of(dir);
    kt_buf_addf(
        out,
        "\n  # spoken to while the first is silent; allow this agent there, too (docs/scale.md):\n"
        "  # standby: { endpoint: \"tcp://HOST:7420\", public_key: \"…\", after: 5m }\n"
        "key_file: %s# 0600, in a folder 0700\n"
        "spool: { path: %s, max: 4GiB }  # lines that are not acknowledged yet\n",
        at->agent_key, at->spool);
    kt_buf_addz(out, sources_text);
}
