/* core/config: keytrail.yaml, agent.yaml, allow-list entries, key files, samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/config/config.h"

static char folder[] = "/tmp/kt-config-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    kt_hash_init();
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    DIR *d = opendir(folder);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d != NULL)
        (void)closedir(d);
    return rmdir(folder);
}

static const char *path_of(const char *name)
{
    static char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *write_file(const char *name, const char *text, mode_t mode)
{
    const char *path = path_of(name);
    (void)unlink(path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static const char collector_yaml[] =
    "# /etc/keytrail/keytrail.yaml: the collector\n"
    "deployment: acme-prod\n"
    "store: { path: /var/lib/keytrail/keytrail.db, retention: 400d }   # a 12-month SOC 2 period\n"
    "collector:\n"
    "  listen: tcp://0.0.0.0:7420\n"
    "  key_file: /etc/keytrail/keys/collector.key\n"
    "  agents_dir: /etc/keytrail/agents.d          # one file an agent\n"
    "geoip: { databases: auto }\n"
    "networks:                                     # places that are expected\n"
    "  - { name: office-berlin, cidr: [\"198.51.100.0/24\"], place: true }\n"
    "  - { name: vpn, cidr: [\"2001:db8:7::/48\"], actors: [\"*@acme.example\"] }\n"
    "identities_file: identities.yaml             # aliases, kind, team, time zone\n"
    "production: [\"prod/**\", \"aws-sm://111122223333/**\"]\n"
    "canaries:\n"
    "  - { secret: \"prod/break-glass/root-token\", allow: [\"svc-backup\"] }\n"
    "maintenance:\n"
    "  - { source: vault-1, from: \"2026-11-28T22:00Z\", until: \"2026-11-28T23:30Z\", "
    "reason: CHG-4711, by: alice }\n"
    "holidays: { zone: Europe/Berlin, days: [\"2026-12-25\", \"2026-12-26\"] }\n"
    "detectors:\n"
    "  volume_spike: { floor_5m: 20 }\n"
    "  unexpected_ip: { forget: 180d }\n"
    "alerts:\n"
    "  routes:\n"
    "    - { match: \"severity:high,critical\", to: [pagerduty, slack-sec], repeat: 30m }\n"
    "    - { match: \"severity:medium\", to: [slack-sec] }\n"
    "  targets:\n"
    "    slack-sec: { type: slack, url_file: /etc/keytrail/slack.url }\n"
    "    pagerduty: { type: pagerduty, routing_key_file: /etc/keytrail/pagerduty.key }\n"
    "    siem: { type: webhook, url_file: /etc/keytrail/siem.url, secret_file: "
    "/etc/keytrail/siem.whsec }\n"
    "break_glass: [\"emergency/**\", \"BreakGlass*\"]\n"
    "deploys:\n"
    "  - { actor: \"svc-*\", secret: \"shop/**\", from: \"2026-11-28T22:00Z\", "
    "until: \"2026-11-28T23:30Z\", reason: CHG-4712, by: alice }\n";

static struct kt_conf *load(const char *name, const char *text)
{
    struct kt_conf *c = NULL;
    struct kt_error err = { 0 };
    if (kt_conf_load(write_file(name, text, 0644), &c, &err) != KT_OK)
        fail_msg("%s", err.text);
    return c;
}

static void documented_collector_file_loads(void **state)
{
    (void)state;
    const char *who = "production: [\"team/x\"]\nidentities: [ { name: alice@acme.example } ]\n";
    write_file("identities.yaml", who, 0644);
    struct kt_conf *c = load("keytrail.yaml", collector_yaml);
    assert_string_equal(c->deployment, "acme-prod");
    assert_int_equal(kt_identities_count(c->identities), 1);
    assert_string_equal(c->store_path, "/var/lib/keytrail/keytrail.db");
    assert_true(c->retention == 400 * KT_NS_DAY);
    assert_string_equal(c->listen, "tcp://0.0.0.0:7420");
    assert_string_equal(c->agents_dir, "/etc/keytrail/agents.d");
    assert_true(c->geoip_auto && c->geoip.n == 0);
    assert_int_equal(c->n_networks, 2);
    assert_true(c->networks[0].place && !c->networks[1].place);
    assert_string_equal(c->networks[1].name, "vpn");
    assert_int_equal(c->networks[1].cidr[0].bits, 48);
    assert_string_equal(c->networks[1].actors.at[0], "*@acme.example");
    assert_int_equal(c->production.n, 2);
    assert_string_equal(c->canaries[0].allow.at[0], "svc-backup");
    assert_string_equal(c->maintenance[0].source, "vault-1");
    assert_true(c->maintenance[0].until - c->maintenance[0].from == 90 * KT_NS_MIN);
    assert_string_equal(c->break_glass.at[1], "BreakGlass*");
    assert_string_equal(c->deploys[0].actor, "svc-*");
    assert_null(c->deploys[0].source);
    assert_true(c->deploys[0].until - c->deploys[0].from == 90 * KT_NS_MIN);
    assert_string_equal(c->holidays_zone, "Europe/Berlin");
    assert_int_equal(c->holidays.n, 2);
    assert_string_equal(c->detectors[0].name, "volume_spike");
    assert_true(kt_str_is(kt_node_get(c->detectors[1].node, "forget")->scalar, "180d"));
    assert_int_equal(c->n_targets, 3);
    assert_string_equal(c->targets[2].name, "siem");
    assert_string_equal(c->targets[2].type, "webhook");
    assert_null(kt_node_get(c->targets[2].node, "type"));
    assert_non_null(kt_node_get(c->targets[2].node, "secret_file"));
    assert_int_equal(c->not_used_yet.n, 0);
    assert_int_equal(c->n_routes, 2);
    assert_string_equal(c->routes[0].to.at[1], "slack-sec");
    uint8_t digest[2][32];
    const struct kt_str text = kt_str_of(collector_yaml), file = kt_str_of(who);
    kt_sha256_of(&text, 1, digest[0]);
    kt_sha256_of(&file, 1, digest[1]);
    const struct kt_str both = kt_str_from(digest, sizeof digest);
    kt_sha256_of(&both, 1, digest[0]);
    assert_memory_equal(c->digest, digest[0], 32); /* a change of either file is one */
    kt_conf_free(c);
}

static void printed_configuration_reads_back_to_the_same(void **state)
{
    (void)state;
    for (int defaults = 0; defaults < 2; defaults++) {
        struct kt_conf *c = load("keytrail.yaml", collector_yaml);
        struct kt_buf once = { 0 }, twice = { 0 };
        kt_conf_print(c, defaults, &once);
        kt_conf_free(c);
        c = load("again.yaml", kt_buf_z(&once));
        kt_conf_print(c, defaults, &twice);
        assert_string_equal(kt_buf_z(&twice), kt_buf_z(&once));
        assert_non_null(strstr(once.at, "retention: 400d"));
        assert_int_equal(strstr(once.at, "control:") != NULL, defaults);
        assert_non_null(strstr(once.at, "routing_key_file: /etc/keytrail/pagerduty.key"));
        kt_conf_free(c);
        kt_buf_done(&once);
        kt_buf_done(&twice);
    }
}

/* As the log holds it: nothing is read from the disk, and the digest is of no matter. */
static void a_recorded_configuration_brings_its_identities(void **state)
{
    (void)state;
    struct kt_error err = { 0 };
    struct kt_conf *again = NULL;
    struct kt_buf text = { 0 };
    write_file("who.yaml",
               "identities: [{ name: alice, aliases: [al@x], time_zone: Asia/Kolkata }]\n", 0644);
    struct kt_conf *c = load("keytrail.yaml", "identities_file: who.yaml\n");
    assert_int_equal(c->n_files, 1);
    assert_string_equal(c->files[0].name, path_of("who.yaml"));
    kt_conf_print(c, true, &text);
    (void)unlink(path_of("who.yaml"));
    assert_int_equal(kt_conf_parse(kt_buf_str(&text), "record", c->files, c->n_files, &again, &err),
                     KT_OK);
    const struct kt_identity *who =
        kt_identities_find(again->identities, KT_STR("al@x"), KT_STR("vault"), KT_STR("v"));
    assert_non_null(who);
    assert_int_equal(kt_zone_offset_s(who->zone, 0), 19800);
    kt_conf_free(again);
    assert_int_equal(kt_conf_parse(kt_buf_str(&text), "record", NULL, 0, &again, &err),
                     KT_E_CONFIG);
    assert_non_null(strstr(err.text, "was not recorded with it"));
    kt_conf_free(c);
    kt_buf_done(&text);
}

static void absent_keys_have_usable_defaults(void **state)
{
    (void)state;
    struct kt_conf *c = load("keytrail.yaml", "geoip: { databases: [a.mmdb, /b.mmdb] }\n"
                                              "detectors: { volume_spike: }\nalerts:\n");
    assert_string_equal(c->listen, "tcp://127.0.0.1:7420");
    assert_string_equal(c->store_path, path_of("keytrail.db"));
    assert_string_equal(c->control, path_of("control.sock"));
    assert_string_equal(c->key_file, path_of("keys/collector.key"));
    assert_string_equal(c->agents_dir, path_of("agents.d"));
    assert_string_equal(c->geoip.at[0], path_of("a.mmdb"));
    assert_string_equal(c->geoip.at[1], "/b.mmdb");
    assert_false(c->geoip_auto);
    assert_int_equal(c->detectors[0].node->type, KT_NODE_MAP);
    assert_true(c->not_used_yet.n == 0 && c->n_targets == 0);
    kt_conf_free(c);
    c = kt_conf_defaults();
    assert_string_equal(c->store_path, "/var/lib/keytrail/keytrail.db");
    assert_string_equal(c->control, "/run/keytrail/control.sock");
    assert_string_equal(c->key_file, "/etc/keytrail/keys/collector.key");
    assert_true(c->geoip_auto && c->path == NULL && c->retention == 400 * KT_NS_DAY);
    kt_conf_free(c);
    kt_conf_free(NULL);
}

#define LINK_KEY "ktl1_A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg" /* of the seed 00…1f */

#define SEED_LINE "link AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n"

static void the_key_of_links_is_a_file_of_one_line(void **state)
{
    static const char *const wrong[] = {
        "",
        "link\n",
        "link AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg\n", /* 31 bytes */
        "log AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n",
        SEED_LINE SEED_LINE,
    };
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_error err = { 0 };
    uint8_t seed[32], got[32], open[32];
    (void)state;
    for (unsigned i = 0; i < 32; i++)
        seed[i] = (uint8_t)i;
    assert_int_equal(kt_link_key_write(path_of("link.key"), seed, &err), KT_OK);
    assert_int_equal(kt_link_key_write(path_of("link.key"), seed, &err), KT_E_CONFIG);
    assert_int_equal(kt_link_key_read(path_of("link.key"), got, &err), KT_OK);
    assert_memory_equal(got, seed, sizeof seed);
    kt_sign_public(seed, open);
    kt_link_public_format(open, &text);
    assert_string_equal(kt_buf_z(&text), LINK_KEY);
    assert_true(kt_link_public_parse(kt_str_of(LINK_KEY), got));
    assert_memory_equal(got, open, sizeof open);
    assert_int_equal(kt_link_key_read(path_of("none.key"), got, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "--keygen"));
    for (size_t i = 0; i < KT_ARRAY_LEN(wrong); i++) {
        assert_int_equal(kt_link_key_read(write_file("link.key", wrong[i], 0600), got, &err),
                         KT_E_CONFIG);
        assert_null(strstr(err.text, "AAEC")); /* what may be a secret is not repeated */
    }
    assert_int_equal(kt_link_key_read(write_file("link.key", "", 0640), got, &err), KT_E_CONFIG);
    assert_int_equal(unlink(path_of("link.key")), 0);
}

static void wrong_collector_files_are_refused_with_place_and_mend(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "store: { retenton: 400d }\n",
          "c.yaml:1:10: unknown key 'retenton', did you mean 'retention'?" },
        { "detectorz: {}\n", "c.yaml:1:1: unknown key 'detectorz', did you mean 'detectors'?" },
        { "store: { retention: 30d }\n", "c.yaml:1:21: 'retention': auditors" },
        { "collector: { listen: 7420 }\n", "c.yaml:1:22: 'listen': write tcp://" },
        { "networks: [{ name: a, cidr: [\"198.51.100.0/24\", \"10.1.2.3/8\"] }]\n",
          "c.yaml:1:49: 'cidr': '10.1.2.3/8' has host bits set, write 10.0.0.0/8" },
        { "networks: [{ name: a, cidr: nowhere }]\n", "c.yaml:1:29: 'cidr': not an address" },
        { "networks: [{ cidr: [10.0.0.0/8] }]\n", "'name' is missing" },
        { "networks: [{ name: a, cidr: [10.0.0.0/8], place: Berlin }]\n",
          "c.yaml:1:50: 'place': write true or false" },
        { "networks: { a: b }\n", "'networks' takes a list" },
        { "networks: [a]\n", "c.yaml:1:12: here goes keys with values" },
        { "canaries: [{ allow: [a] }]\n", "'secret' is missing" },
        { "maintenance: [{ source: a, from: 2h, until: \"2026-11-28T23:30Z\" }]\n",
          "c.yaml:1:34: 'from': write a time" },
        { "maintenance: [{ source: a, from: 2026-11-28, until: 2026-11-27 }]\n",
          "'until' does not lie after 'from'" },
        { "holidays: { days: [2026-12-25, 25.12.2026] }\n",
          "c.yaml:1:19: 'days': '25.12.2026': write days like 2026-12-25" },
        { "holidays: { days: 2026-02-30 }\n", "write days like 2026-12-25" },
        { "deploys: [{ actor: a, from: 2026-11-27, until: 2026-12-30 }]\n",
          "c.yaml:1:48: 'until' lies after 'from', by 7 days at most" },
        { "deploys: [{ actor: \"*\", secret: \"\", from: 2026-11-27, until: 2026-11-27 }]\n",
          "c.yaml:1:11: a deploy of everything would excuse everything" },
        { "deploys: [{ from: 2026-11-27, until: 2026-11-27 }]\n",
          "c.yaml:1:11: a deploy of everything would excuse everything" },
        { "alerts: { targets: { s: { type: slack, url: \"https://hooks.example/T0\" } } }\n",
          "c.yaml:1:40: 'url' would put a secret here: write it to a file (0600) and name that "
          "with "
          "'url_file'" },
        { "alerts: { targets: { s: { type: slack, token: t } } }\n", "'token_file'" },
        { "alerts: { targets: { s: { url_file: x } } }\n", "'type' is missing" },
        { "alerts: { targets: [a] }\n", "'targets' takes keys with values, not a list" },
        { "alerts: { route: [] }\n", "did you mean 'routes'?" },
        { "alerts: { links: { acknowledge: \"http://a.example\", acknowledge_key_file: k } }\n",
          "must begin with https://" },
        { "alerts: { links: { acknowledge: \"https://a.example/?a=b\", acknowledge_key_file: k } }"
          "\n",
          "no ?, # or {" },
        { "alerts: { links: { acknowledge: \"https://a.example\" } }\n", "go together" },
        { "alerts: { links: { acknowledge_key_file: k } }\n", "go together" },
        { "dashboard: { answers: { listen: \"tcp://127.0.0.1:1\" } }\n", "nobody could answer" },
        { "dashboard: { answers: { listen: \"tcp://127.0.0.1:1\", pagerduty_secret_file: p, "
          "slack_teams: [T1] } }\n",
          "give slack_secret_file" },
        { "dashboard: { answers: { link_keys: [" LINK_KEY "] } }\n", "say where to listen" },
        { "dashboard: { answers: { listen: \"tcp://127.0.0.1:1\", link_keys: [ktl1_A] } }\n",
          "ktl1_ and 43 characters" },
        { "dashboard: { answers: { listen: \"tcp://127.0.0.1:1\", link_keys: [" LINK_KEY
          ", " LINK_KEY ", " LINK_KEY ", " LINK_KEY ", " LINK_KEY "] } }\n",
          "at most 4" },
        { "detectors: { volume_spike: 5 }\n", "'volume_spike' takes keys with values" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_conf *c = NULL;
        struct kt_error err = { 0 };
        if (kt_conf_load(write_file("c.yaml", cases[i].text, 0644), &c, &err) != KT_E_CONFIG)
            fail_msg("case %zu is taken", i);
        if (strstr(err.text, cases[i].error) == NULL)
            fail_msg("case %zu: %s", i, err.text);
        assert_null(strstr(err.text, "hooks.example"));
    }
    struct kt_conf *c = NULL;
    struct kt_error err = { 0 };
    assert_int_equal(kt_conf_load(path_of("none.yaml"), &c, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "there is no file"));
    assert_non_null(strstr(err.text, "': keytrail init DIR writes one, -c FILE names another"));
    assert_int_equal(kt_conf_load(write_file("c.yaml", "", 0666), &c, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "chmod o-w"));
    c = load("c.yaml", "store: { retention: 30d, allow_short_retention: true }\n");
    assert_true(c->retention == 30 * KT_NS_DAY);
    kt_conf_free(c);
}

static void environment_overrides_single_values(void **state)
{
    (void)state;
    setenv("KEYTRAIL_STORE__PATH", "/data/k.db", 1);
    setenv("KEYTRAIL_COLLECTOR__LISTEN", "tcp://0.0.0.0:1", 1);
    struct kt_conf *c = load("keytrail.yaml", "store: { path: x.db }\n");
    assert_string_equal(c->store_path, "/data/k.db");
    assert_string_equal(c->listen, "tcp://0.0.0.0:1");
    kt_conf_free(c);
    setenv("KEYTRAIL_STORE__RETENTION", "soon", 1);
    struct kt_error err = { 0 };
    assert_int_equal(kt_conf_load(path_of("keytrail.yaml"), &c, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "KEYTRAIL_STORE__RETENTION"));
    unsetenv("KEYTRAIL_STORE__PATH");
    unsetenv("KEYTRAIL_STORE__RETENTION");
    unsetenv("KEYTRAIL_COLLECTOR__LISTEN");
}

static const char agent_yaml[] =
    "# /etc/keytrail/agent.yaml: an agent, where the logs are\n"
    "agent: vault-host-1\n"
    "collector: { endpoint: tcp://collector.acme.example:7420, public_key: "
    "\"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\" }\n"
    "key_file: /etc/keytrail/keys/agent.key\n"
    "spool: { path: /var/lib/keytrail-agent, max: 4GiB }\n"
    "sources:\n"
    "  - { id: vault-prod, type: vault, input: tail, path: /var/log/vault/audit.log }\n"
    "  - { id: aws-main, type: cloudtrail, input: sqs_s3, queue_url_file: /etc/keytrail/sqs.url, "
    "region: eu-central-1 }\n";

static void documented_agent_file_loads(void **state)
{
    (void)state;
    struct kt_agent_conf *c = NULL;
    struct kt_error err = { 0 };
    if (kt_agent_conf_load(write_file("agent.yaml", agent_yaml, 0644), &c, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_string_equal(c->agent, "vault-host-1");
    assert_string_equal(c->endpoint, "tcp://collector.acme.example:7420");
    assert_int_equal(c->server_key[0], 0xbb);
    assert_string_equal(c->spool_path, "/var/lib/keytrail-agent");
    assert_true(c->spool_max == UINT64_C(4) << 30);
    assert_int_equal(c->n_sources, 2);
    assert_string_equal(c->sources[0].path, "/var/log/vault/audit.log");
    assert_string_equal(c->sources[0].cluster, "vault-prod");
    assert_null(c->sources[0].node->first);
    assert_null(c->sources[1].path);
    assert_true(kt_str_is(kt_node_get(c->sources[1].node, "region")->scalar, "eu-central-1"));
    assert_null(kt_node_get(c->sources[1].node, "id"));
    struct kt_buf once = { 0 }, twice = { 0 };
    kt_agent_conf_print(c, &once);
    kt_agent_conf_free(c);
    if (kt_agent_conf_load(write_file("agent.yaml", kt_buf_z(&once), 0644), &c, &err) != KT_OK)
        fail_msg("%s\n%s", err.text, once.at);
    kt_agent_conf_print(c, &twice);
    assert_string_equal(kt_buf_z(&twice), kt_buf_z(&once));
    kt_agent_conf_free(c);
    kt_buf_done(&once);
    kt_buf_done(&twice);
}

#define HEAD                                                                                       \
    "agent: a\ncollector: { endpoint: tcp://h:1, public_key: "                                     \
    "\"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\" }\n"

#define STANDBY_KEY "\"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\""
#define STANDBY(rest)                                                                              \
    "agent: a\ncollector:\n  endpoint: tcp://h:1\n  public_key: "                                  \
    "\"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\"\n  standby: { " rest " }\n"

static void a_standby_of_an_agent_loads_and_prints(void **state)
{
    static const char text[] = STANDBY("endpoint: tcp://h:2, public_key: " STANDBY_KEY);
    struct kt_agent_conf *c = NULL;
    struct kt_error err = { 0 };
    struct kt_buf once = { 0 };

    (void)state;
    if (kt_agent_conf_load(write_file("a.yaml", text, 0644), &c, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_string_equal(c->standby, "tcp://h:2");
    assert_int_equal(c->standby_after, 5 * KT_NS_MIN);
    uint8_t key[32];
    memcpy(key, c->standby_key, sizeof key);
    kt_agent_conf_print(c, &once);
    kt_agent_conf_free(c);
    if (kt_agent_conf_load(write_file("a.yaml", kt_buf_z(&once), 0644), &c, &err) != KT_OK)
        fail_msg("%s\n%s", err.text, once.at);
    assert_string_equal(c->standby, "tcp://h:2");
    assert_memory_equal(c->standby_key, key, sizeof key);
    assert_int_equal(c->standby_after, 5 * KT_NS_MIN);
    kt_agent_conf_free(c);
    kt_buf_done(&once);
}

static void wrong_agent_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "collector: { endpoint: tcp://h:1, public_key: x }\n", "'agent' is missing" },
        { "agent: a\n", "'collector' with endpoint and public_key is missing" },
        { "agent: ../a\n", "a.yaml:1:8: 'agent': up to 64" },
        { "agent: a\ncollector: { endpoint: tcp://h:1, public_key: short }\n",
          "40 characters of Z85" },
        { "agent: a\ncollector: { endpoint: h:1, public_key: x }\n", "write tcp://host:port" },
        { HEAD "spol: {}\n", "did you mean 'spool'?" },
        { STANDBY("endpoint: tcp://h:2"), "'public_key' is missing" },
        { STANDBY("endpoint: h:2, public_key: " STANDBY_KEY), "write tcp://host:port" },
        { STANDBY("endpoint: tcp://h:2, public_key: short"), "40 characters of Z85" },
        { STANDBY("endpoint: tcp://h:2, "
                  "public_key: \"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\""),
          "the stand-by has a key of its own" },
        { STANDBY("endpoint: tcp://h:1, public_key: " STANDBY_KEY),
          "the stand-by has an address of its own" },
        { STANDBY("endpoint: tcp://h:2, after: 29s, public_key: " STANDBY_KEY),
          "a.yaml:5:42: 'after': 30s at least" },
        { STANDBY("endpont: tcp://h:2"), "did you mean 'endpoint'?" },
        { HEAD "spool: { max: many }\n", "'max': not a size" },
        { HEAD "sources:\n  - { id: x, type: vault }\n  - { id: x, type: cloudtrail }\n",
          "a.yaml:5:11: 'x' is the id of another source" },
        { HEAD "sources: [{ id: a/b, type: vault }]\n", "'id': up to 64" },
        { HEAD "sources: [{ type: vault }]\n", "'id' is missing" },
        { HEAD "sources: { id: x }\n", "'sources' takes a list" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_agent_conf *c = NULL;
        struct kt_error err = { 0 };
        if (kt_agent_conf_load(write_file("a.yaml", cases[i].text, 0644), &c, &err) != KT_E_CONFIG)
            fail_msg("case %zu is taken", i);
        if (strstr(err.text, cases[i].error) == NULL)
            fail_msg("case %zu: %s", i, err.text);
    }
}

static void entries_print_and_load_while_rotating(void **state)
{
    (void)state;
    const char *source = "vault/vault-prod";
    struct kt_agent_entry e = { .name = "vault-host-1",
                                .n_keys = 2,
                                .sources = { &source, 1 },
                                .quota = 1000000,
                                .not_before = INT64_C(1795377600000000000) };
    for (unsigned i = 0; i < 2; i++) {
        kt_random(e.curve[i], 32);
        kt_random(e.signing[i], 32);
    }
    struct kt_buf text = { 0 };
    kt_agent_entry_print(&e, &text);
    struct kt_agent_entry back = { 0 };
    struct kt_error err = { 0 };
    if (kt_agent_entry_load(write_file("vault-host-1.yaml", kt_buf_z(&text), 0600), &back, &err) !=
        KT_OK)
        fail_msg("%s\n%s", err.text, text.at);
    assert_string_equal(back.name, "vault-host-1");
    assert_int_equal(back.n_keys, 2);
    assert_memory_equal(back.curve, e.curve, sizeof e.curve);
    assert_memory_equal(back.signing, e.signing, sizeof e.signing);
    assert_string_equal(back.sources.at[0], source);
    assert_true(back.quota == e.quota && back.not_before == e.not_before && back.not_after == 0);
    assert_false(back.revoked);
    back.revoked = true;
    kt_buf_reset(&text);
    kt_agent_entry_print(&back, &text);
    kt_agent_entry_done(&back);
    assert_int_equal(
        kt_agent_entry_load(write_file("vault-host-1.yaml", kt_buf_z(&text), 0600), &back, &err),
        KT_OK);
    assert_true(back.revoked);
    kt_agent_entry_done(&back);
    kt_buf_done(&text);
}

#define CURVE   "\"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\""
#define SIGNING "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void wrong_entries_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *file, *text, *error;
    } cases[] = {
        { "a.yaml", "signing: " SIGNING "\n", "'curve' is missing" },
        { "a.yaml", "curve: " CURVE "\nsigning: [" SIGNING ", " SIGNING "]\n", "as many keys" },
        { "a.yaml", "curve: x\nsigning: " SIGNING "\n", "a.yaml:1:8: 'curve': a key has 40" },
        { "a.yaml", "curve: " CURVE "\nsigning: x\n", "a.yaml:2:10: 'signing': a key has 43" },
        { "a.yaml", "curve: [" CURVE ", " CURVE ", " CURVE "]\nsigning: x\n",
          "two while rotating" },
        { "a.yaml", "curve: []\nsigning: []\n", "one key" },
        { "a.yaml", "curve: " CURVE "\nsigning: " SIGNING "\nsources: [vault]\n",
          "'vault' is no type/instance" },
        { "a.yaml", "curve: " CURVE "\nsigning: " SIGNING "\nnot_after: 2h\n", "write a time" },
        { "a.yaml", "curve: " CURVE "\nsigning: " SIGNING "\nrevokd: true\n", "did you mean" },
        { "a b.yaml", "curve: " CURVE "\nsigning: " SIGNING "\n", "the file is named AGENT.yaml" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_agent_entry e = { 0 };
        struct kt_error err = { 0 };
        if (kt_agent_entry_load(write_file(cases[i].file, cases[i].text, 0600), &e, &err) !=
            KT_E_CONFIG)
            fail_msg("case %zu is taken", i);
        if (strstr(err.text, cases[i].error) == NULL)
            fail_msg("case %zu: %s", i, err.text);
        (void)unlink(path_of(cases[i].file));
    }
}

static void key_files_are_private_and_never_overwritten(void **state)
{
    (void)state;
    struct kt_key_file k, back;
    struct kt_error err = { 0 };
    kt_random(&k, sizeof k);
    const char *path = path_of("agent.key");
    if (kt_key_file_write(path, &k, &err) != KT_OK)
        fail_msg("%s", err.text);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    if (kt_key_file_read(path, &back, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_memory_equal(&k, &back, sizeof k);
    assert_int_equal(kt_key_file_write(path, &k, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "no key is overwritten"));
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_not_equal(kt_key_file_read(path, &back, &err), KT_OK);
    assert_non_null(strstr(err.text, "chmod"));
    static const char *const broken[] = { "", "curve x\nsigning y\n",
                                          "curve Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\n" };
    for (size_t i = 0; i < KT_ARRAY_LEN(broken); i++)
        assert_int_equal(kt_key_file_read(write_file("b.key", broken[i], 0600), &back, &err),
                         KT_E_CONFIG);
    assert_int_equal(kt_key_file_read(path_of("none.key"), &back, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "keytrail-agent keygen")); /* both are commands that exist */
    assert_non_null(strstr(err.text, "keytrail init"));
}

static void tokens_carry_both_public_keys(void **state)
{
    (void)state;
    uint8_t curve[32], signing[32], c[32], s[32];
    kt_random(curve, 32);
    kt_random(signing, 32);
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_token_format(curve, signing, &b);
    assert_int_equal(b.len, 5 + 86);
    assert_true(kt_token_parse(kt_buf_str(&b), c, s));
    assert_memory_equal(curve, c, 32);
    assert_memory_equal(signing, s, 32);
    assert_false(kt_token_parse(kt_str_sub(kt_buf_str(&b), 0, b.len - 1), c, s));
    b.at[3] = '2';
    assert_false(kt_token_parse(kt_buf_str(&b), c, s));
    assert_false(kt_token_parse(KT_STR(""), c, s));
}

static void rules_are_read_with_the_configuration(void **state)
{
    (void)state;
    static const char text[] = "rules: [one.yml, more, more/a.yml]\n";
    uint8_t digest[32];
    struct kt_conf *c = NULL;
    struct kt_error err = { 0 };
    assert_int_equal(mkdir(path_of("more"), 0755), 0);
    write_file("one.yml", "title: 1\n", 0644);
    write_file("more/b.yaml", "title: b\n", 0644);
    write_file("more/a.yml", "title: a\n", 0644);
    write_file("more/README.md", "no rule", 0644);
    c = load("keytrail.yaml", text);
    assert_int_equal(c->n_files, 3); /* in the order of the list, in a folder by name; none twice */
    assert_int_equal(c->files[0].of, KT_FILE_RULES);
    assert_string_equal(c->files[0].name, path_of("one.yml"));
    assert_true(kt_str_is(c->files[1].text, "title: a\n"));
    assert_true(kt_str_is(c->files[2].text, "title: b\n"));
    memcpy(digest, c->digest, sizeof digest);
    kt_conf_free(c);
    write_file("more/b.yaml", "title: c\n", 0644); /* another rule, another configuration */
    c = load("keytrail.yaml", text);
    assert_memory_not_equal(digest, c->digest, sizeof digest);
    kt_conf_free(c);
    write_file("more/b.yaml", "title: c\n", 0666);
    assert_int_equal(kt_conf_load(path_of("keytrail.yaml"), &c, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "more/b.yaml' can be written by anybody: chmod o-w"));
    write_file("keytrail.yaml", "rules: nowhere\n", 0644);
    assert_int_equal(kt_conf_load(path_of("keytrail.yaml"), &c, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "rules: there is no file or folder '"));
    static const char *const made[] = { "more/a.yml", "more/b.yaml", "more/README.md" };
    for (size_t i = 0; i < KT_ARRAY_LEN(made); i++)
        (void)unlink(path_of(made[i]));
    assert_int_equal(rmdir(path_of("more")), 0);
}

static void what_no_record_holds_is_refused(void **state)
{
    (void)state;
    struct kt_conf *c = NULL;
    struct kt_error err = { 0 };
    struct kt_buf text = { 0 };
    char name[16];
    assert_int_equal(mkdir(path_of("big"), 0755), 0);
    for (size_t i = 0; text.len < KT_CONFIG_MAX - 100; i++)
        kt_buf_addf(&text, "# %zu\n", i);
    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(name, sizeof name, "big/%u.yml", i);
        write_file(name, kt_buf_z(&text), 0644);
    }
    write_file("keytrail.yaml", "rules: big\n", 0644);
    assert_int_equal(kt_conf_load(path_of("keytrail.yaml"), &c, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "and the files that it names are larger than 4 MiB"));
    (void)unlink(path_of("big/3.yml"));
    c = load("keytrail.yaml", "rules: big\n");
    kt_conf_free(c);
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof name, "big/%u.yml", i);
        (void)unlink(path_of(name));
    }
    assert_int_equal(rmdir(path_of("big")), 0);
    kt_buf_done(&text);
}

static void samples_load_as_they_stand(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    /* of a folder: everything stays in it */
    kt_conf_sample_collector("/srv/keytrail", &b);
    struct kt_conf *c = load("keytrail.yaml", kt_buf_z(&b));
    assert_string_equal(c->store_path, path_of("keytrail.db"));
    assert_null(c->dashboard.user);
    kt_conf_free(c);
    kt_buf_reset(&b);
    /* of an installation: where the units let it be written, and the page is a user of its own */
    kt_conf_sample_collector("/etc/keytrail", &b);
    c = load("keytrail.yaml", kt_buf_z(&b));
    assert_int_equal(c->not_used_yet.n, 0);
    assert_string_equal(c->store_path, "/var/lib/keytrail/keytrail.db");
    assert_string_equal(c->control, "/run/keytrail/control.sock");
    assert_string_equal(c->dashboard.user, "keytrail-dashboard");
    kt_conf_free(c);
    /* and so does what they offer behind a '#' */
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
    struct kt_str rest = kt_buf_str(&b), line;
    while (kt_str_split(&rest, '\n', &line)) {
        bool offered = line.len > 2 && line.at[0] == '#' &&
                       (line.at[2] == ' ' || kt_str_has(line, KT_STR(": [")) ||
                        kt_str_ends(line, KT_STR(":")));
        kt_buf_add(&all, offered ? kt_str_from_index(line, 2) : line);
        kt_buf_byte(&all, '\n');
    }
    assert_int_equal(mkdir(path_of("rules"), 0755), 0); /* `detect import --into` makes it */
    c = load("keytrail.yaml", kt_buf_z(&all));
    assert_true(c->n_targets == 3 && c->n_networks == 2 && c->n_maintenance == 1);
    kt_conf_free(c);
    assert_int_equal(rmdir(path_of("rules")), 0);
    kt_buf_reset(&b);
    static const char *const dirs[] = { "/srv/keytrail", "/etc/keytrail" };
    for (size_t i = 0; i < KT_ARRAY_LEN(dirs); i++) {
        kt_buf_reset(&b);
        kt_conf_sample_agent(dirs[i], "vault-host-1", "tcp://127.0.0.1:7420",
                             "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID", &b);
        struct kt_agent_conf *a = NULL;
        struct kt_error err = { 0 };
        if (kt_agent_conf_load(write_file("agent.yaml", kt_buf_z(&b), 0644), &a, &err) != KT_OK)
            fail_msg("%s", err.text);
        assert_string_equal(a->spool_path, i == 0 ? path_of("spool") : "/var/lib/keytrail-agent");
        assert_string_equal(a->key_file,
                            i == 0 ? path_of("keys/agent.key") : path_of("agent-keys/agent.key"));
        kt_agent_conf_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documented_collector_file_loads),
        cmocka_unit_test(printed_configuration_reads_back_to_the_same),
        cmocka_unit_test(a_recorded_configuration_brings_its_identities),
        cmocka_unit_test(absent_keys_have_usable_defaults),
        cmocka_unit_test(the_key_of_links_is_a_file_of_one_line),
        cmocka_unit_test(wrong_collector_files_are_refused_with_place_and_mend),
        cmocka_unit_test(environment_overrides_single_values),
        cmocka_unit_test(documented_agent_file_loads),
        cmocka_unit_test(a_standby_of_an_agent_loads_and_prints),
        cmocka_unit_test(wrong_agent_files_are_refused),
        cmocka_unit_test(entries_print_and_load_while_rotating),
        cmocka_unit_test(wrong_entries_are_refused),
        cmocka_unit_test(key_files_are_private_and_never_overwritten),
        cmocka_unit_test(tokens_carry_both_public_keys),
        cmocka_unit_test(rules_are_read_with_the_configuration),
        cmocka_unit_test(what_no_record_holds_is_refused),
        cmocka_unit_test(samples_load_as_they_stand),
    };
    return cmocka_run_group_tests_name("config/files", tests, make_folder, drop_folder);
}
