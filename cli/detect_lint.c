/*
 * detect_lint: detectors that can never fire, because nothing tells them what they need, and rules
 * that ask for what is not kept.
 *
 * Owns:  nothing.
 * Calls: detectors (their needs), core/query/settings, core/store/read, core/config; stdout.
 * Holds: a need is met when one record, or the configuration, shows it; nothing is guessed of
 *        sources that are not connected.
 */
#include <stdio.h>
#include <string.h>

#include "cli/detect_cmd.h"
#include "collector/detect.h"
#include "core/base/limits.h"
#include "core/event/json.h"
#include "core/query/settings.h"
#include "detectors/detector.h"
#include "detectors/sigma.h"

#define RECORDS_MAX 200000u /* the newest ones are asked */
#define FACTS_MAX   10000u

/* What a need is in words, and what to connect for it. */
static const struct {
    const char *lacks, *mend;
} words[KT_NEED_COUNT] = {
    [KT_NEED_ACTOR] = { "no access names who asked", "connect a source of audit records" },
    [KT_NEED_PERSON] = { "no access is a person's", "connect where people read secrets (1Password, "
                                                    "Vault, a cloud's console)" },
    [KT_NEED_READ] = { "no read of a secret is told", "connect a source that records reads" },
    [KT_NEED_ADDRESS] = { "no public address is one that the edge saw",
                          "connect a source that tells clients' addresses; behind a proxy let the "
                          "source trust its header (docs of the source)" },
    [KT_NEED_COUNTRY] = { "no address has a country",
                          "give geoip.databases a database of countries or networks" },
    [KT_NEED_REFUSED] = { "no access was refused or failed",
                          "connect a source that records refusals" },
    [KT_NEED_GRANT] = { "no grant is told", "connect a source that records grants of access" },
    [KT_NEED_FILE] = { "no read of a file of secrets is told, with program and host",
                       "connect auditd or fanotify on hosts with .env files and keys" },
    [KT_NEED_CLIENT] = { "no access names the client or program that asked",
                         "connect a source that records user agents, or auditd" },
    [KT_NEED_TOKEN] = { "no access names the key or token that was used",
                        "connect a source that records it: Vault, CloudTrail, Doppler, "
                        "GitHub" },
    [KT_NEED_FOLDER] = { "no record has the folder that a program worked in",
                         "connect auditd, with its CWD records" },
    [KT_NEED_LEAKS] = { "no finding of a leak scanner is told", "connect a source of type leaks" },
    [KT_NEED_CANARY] = { "no canary is configured", "name secrets that nobody needs in canaries:" },
    [KT_NEED_TICK] = { "there is no tick: no collector ran on this store",
                       "run a collector; an import alone has no clock" },
    [KT_NEED_HEARTBEAT] = { "no agent sends heartbeats", "let an agent read the source" },
    [KT_NEED_RULES] = { "no rules are configured", "name files of Sigma rules in rules: "
                                                   "(docs/sigma.md)" },
};

struct met {
    unsigned needs; /* KT_NEED()s */
    uint64_t records;
    kt_time_ns first, last; /* their arrivals */
    struct kt_sigma *rules; /* of the configuration; NULL: none */
};

/* ---- what the store shows ---- */

static unsigned of_access(const struct kt_event *ev)
{
    bool in = ev->outcome == KT_OUT_SUCCESS || ev->outcome == KT_OUT_UNKNOWN;
    bool person = ev->actor.len > 0 && kt_kind_is_person((uint8_t)ev->actor_kind);
    bool read = in && ev->actor.len > 0 && kt_event_is_read(ev);
    bool file = read && kt_str_starts(ev->secret, KT_STR("file://"));
    bool public = ev->has_ip && ev->ip_trust == KT_TRUST_EDGE && !kt_detect_is_inside(ev->ip);
    unsigned n = 0;
    n |= in && ev->actor.len > 0 ? KT_NEED(ACTOR) : 0;
    n |= in && person ? KT_NEED(PERSON) : 0;
    n |= read ? KT_NEED(READ) : 0;
    n |= public ? KT_NEED(ADDRESS) : 0;
    n |= ev->outcome == KT_OUT_DENIED || ev->outcome == KT_OUT_FAILURE ? KT_NEED(REFUSED) : 0;
    n |= in && ev->action == KT_ACT_GRANT ? KT_NEED(GRANT) : 0;
    n |= file && ev->user_agent.len > 0 && ev->host.len > 0 ? KT_NEED(FILE) : 0;
    n |= read && ev->user_agent.len > 0 ? KT_NEED(CLIENT) : 0;
    n |= in && ev->actor.len > 0 && ev->credential.len > 0 ? KT_NEED(TOKEN) : 0;
    n |= kt_str_has(ev->raw, KT_STR("\"cwd\":\"")) ? KT_NEED(FOLDER) : 0;
    return n;
}

static unsigned of_record(const struct kt_event *ev)
{
    if (ev->kind == KT_KIND_ACCESS)
        return of_access(ev);
    if (ev->kind == KT_KIND_EXPOSURE)
        return KT_NEED(LEAKS);
    return ev->kind == KT_KIND_REPORT ? KT_NEED(HEARTBEAT) : 0;
}

static enum kt_status look_at_records(struct kt_reader *r, struct met *m, struct kt_error *err)
{
    struct kt_damage damage = { 0 };
    struct kt_scan scan = { .records = true, .newest_first = true, .damage = &damage };
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    enum kt_status st = kt_cursor_open(r, &scan, &c, err);
    while (st == KT_OK && m->records < RECORDS_MAX &&
           (st = kt_cursor_next(c, &rec, err)) == KT_OK) {
        m->needs |= of_record(&rec.ev);
        m->records++;
        m->last = m->last == 0 ? rec.arrival : m->last;
        m->first = rec.arrival;
    }
    kt_cursor_free(c);
    return st == KT_E_AGAIN ? KT_OK : st;
}

/* Do control records of the kind show the need? */
static enum kt_status look_at_control(struct kt_reader *r, enum kt_kind kind,
                                      unsigned (*shows)(struct kt_json *, const struct kt_event *),
                                      struct met *m, struct kt_error *err)
{
    struct kt_damage damage = { 0 };
    struct kt_scan scan = {
        .control = true, .control_kind = kind, .newest_first = true, .damage = &damage
    };
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    unsigned found = 0;
    enum kt_status st = kt_cursor_open(r, &scan, &c, err);
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    for (unsigned n = 0; st == KT_OK && found == 0 && n < FACTS_MAX; n++) {
        st = kt_cursor_next(c, &rec, err);
        found = st == KT_OK ? shows(json, &rec.ev) : 0;
    }
    m->needs |= found;
    kt_json_free(json);
    kt_cursor_free(c);
    return st == KT_E_AGAIN ? KT_OK : st;
}

static unsigned tick_shows(struct kt_json *json, const struct kt_event *ev)
{
    (void)json;
    return ev->kind == KT_KIND_TICK ? KT_NEED(TICK) : 0;
}

static unsigned fact_shows(struct kt_json *json, const struct kt_event *ev)
{
    struct kt_jval root;
    unsigned repaired;
    bool country = kt_json_parse(json, ev->raw, &root, &repaired, NULL) == KT_OK &&
                   kt_json_str_at(root, "country").len > 0;
    return country ? KT_NEED(COUNTRY) : 0;
}

/* The configuration that was given, else the newest that the log records. */
static enum kt_status look_at_settings(struct kt_reader *r, const char *config, struct met *m,
                                       struct kt_error *err)
{
    struct kt_conf *conf = NULL;
    unsigned recorded;
    enum kt_status st = config != NULL ? kt_conf_load(config, &conf, err)
                                       : kt_settings_newest(r, &conf, &recorded, err);
    m->needs |= st == KT_OK && conf != NULL && conf->n_canaries > 0 ? KT_NEED(CANARY) : 0;
    m->rules = st == KT_OK && conf != NULL ? kt_sigma_of(conf) : NULL;
    m->needs |= m->rules != NULL && kt_sigma_count(m->rules) > 0 ? KT_NEED(RULES) : 0;
    kt_conf_free(conf);
    return st;
}

/* ---- what is said of it ---- */

static const struct kt_column columns[] = {
    { "detector", "DETECTOR", 0, false },
    { "part", "PART", 0, false },
    { "why", "CAN NEVER FIRE BECAUSE", 0, false },
    { "do", "WHAT TO DO", 0, false },
};

static unsigned first_of(unsigned needs)
{
    return (unsigned)__builtin_ctz(needs);
}

/* Rules that ask for what no source keeps. */
static unsigned add_rules(const struct met *m, struct kt_rows *rows)
{
    unsigned lacks = 0;
    for (unsigned i = 0; m->rules != NULL && i < kt_sigma_count(m->rules); i++) {
        const struct kt_sigma_rule *r = kt_sigma_rule(m->rules, i);
        KT_CLEANUP(kt_buf_done) struct kt_buf mend = { 0 };
        if (r->refused || r->never[0] == '\0')
            continue;
        kt_buf_addf(&mend, "take it out of rules: (%s, line %u)", r->file, r->line);
        const struct kt_cell cells[] = { kt_cell_str(KT_STR("sigma")), kt_cell_str(r->title),
                                         kt_cell_str(kt_str_of(r->never)),
                                         kt_cell_str(kt_buf_str(&mend)) };
        kt_rows_add(rows, cells);
        lacks++;
    }
    return lacks;
}

static unsigned print_lacks(const struct met *m, enum kt_output how)
{
    struct kt_rows *rows = kt_rows_new(how, columns, KT_ARRAY_LEN(columns), true);
    unsigned lacks = 0;
    for (unsigned i = 0; kt_detectors[i] != NULL; i++) {
        bool whole = false; /* then its parts need no words */
        for (const struct kt_part_needs *n = kt_detectors[i]->needs; n->needs != 0 && !whole; n++) {
            unsigned missing = n->needs & ~m->needs;
            if (missing == 0)
                continue;
            whole = n->part == NULL;
            const struct kt_cell cells[] = {
                kt_cell_str(kt_str_of(kt_detectors[i]->name)),
                kt_cell_str(n->part != NULL ? kt_str_of(n->part) : KT_STR("all of it")),
                kt_cell_str(kt_str_of(words[first_of(missing)].lacks)),
                kt_cell_str(kt_str_of(words[first_of(missing)].mend))
            };
            kt_rows_add(rows, cells);
            lacks++;
        }
    }
    lacks += add_rules(m, rows);
    kt_rows_end(rows);
    return lacks;
}

int kt_detect_lint(const struct kt_detect_lint *l, enum kt_output how)
{
    char path[4096];
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    struct met m = { 0 };
    enum kt_status st = kt_cli_store_path(l->db, l->config, path, sizeof path, &err);
    if (st == KT_OK)
        st = kt_reader_open(path, &r, &err);
    if (st == KT_OK)
        st = look_at_settings(r, l->config, &m, &err);
    if (st == KT_OK)
        st = look_at_records(r, &m, &err);
    if (st == KT_OK)
        st = look_at_control(r, KT_KIND_TICK, tick_shows, &m, &err);
    if (st == KT_OK)
        st = look_at_control(r, KT_KIND_FACT, fact_shows, &m, &err);
    kt_reader_close(r);
    unsigned lacks = st == KT_OK ? print_lacks(&m, how) : 0;
    kt_sigma_free(m.rules);
    if (st != KT_OK)
        return kt_cli_fail("detect lint", &err);
    fprintf(stderr, "%s%llu records of the last %lld days were looked at\n",
            lacks == 0 ? "every detector can fire; " : "", (unsigned long long)m.records,
            (long long)((m.last - m.first + KT_NS_DAY - 1) / KT_NS_DAY));
    return lacks == 0 ? KT_EXIT_OK : KT_EXIT_NO;
}
