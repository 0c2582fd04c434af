/*
 * detectors_cases: runs tests/cases/detectors/<name>/<case>.case: text in, alerts out.
 *
 *   company [DAYS]              60 learned days of 12 people and 10 services (org.h)
 *   fact    ip=… country=… asn=… org=… [hosting=true] [lat_e2=5252 lon_e2=1340 radius_km=20]
 *   event   +1h10m actor=… kind=… [action= outcome= secret= ip= ua= x=20 every=1m …]
 *           [source= operation= native= flags=raw_device host= role= via=]
 *           [file=/srv/.env: of auditd, on the host]
 *   config  DETECTOR {option: value, …}     before everything else
 *   canary  secret=GLOB [allow=ACTOR]
 *   break_glass GLOB
 *   holiday 2026-12-25
 *   identities [{ name: …, aliases: […] }, …]      as in identities_file
 *   work    instance=… [source= scope=] per_hour=20 from=-20d until=+6h    reads at random moments
 *   watch   agent=… instance=… [source=] from=-20d until=+6h               heartbeats
 *           [at=+8h]                                            that come all at once, then
 *   ticks   from=-20d until=+6h                                            the collector is there
 *   hush    instance=…|agent=… from=+1h until=+2h   takes its accesses, its heartbeats out again
 *   report  +1h agent=… instance=… [source=] raw={"lag":0,"lost":1} [clock=-2h] [record=quarantine]
 *   maintenance source=INSTANCE from=+1h until=+2h
 *   alert   high "words of a title"      exactly one new alert since the last check
 *   part DETECTOR POINTS                  what it added to the last alert told (hundredths)
 *   none                                  no new alert since the last check
 *
 * Offsets count from 10:00 UTC of day 60. `x` repeats an event; # in actor, secret and ip is its
 * number.
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detectors/detector.h"
#include "tests/support/org.h"

#define NOW (ORG_START + 60 * KT_NS_DAY + 10 * KT_NS_HOUR)

struct fields {
    struct kt_str key[16], value[16];
    unsigned n;
};

static void die(const char *file, unsigned line, const char *why)
{
    fail_msg("%s:%u: %s", file, line, why);
}

/* key=value pairs; values may be in double quotes. */
static struct fields parse(struct kt_str rest)
{
    struct fields f = { 0 };
    for (rest = kt_str_trim(rest); rest.len > 0 && f.n < 16; rest = kt_str_trim(rest)) {
        ptrdiff_t eq = kt_str_find_byte(rest, '=', 0);
        if (eq < 0)
            break;
        f.key[f.n] = kt_str_sub(rest, 0, (size_t)eq);
        rest = kt_str_from_index(rest, (size_t)eq + 1);
        bool quoted = rest.len > 0 && rest.at[0] == '"';
        rest = kt_str_from_index(rest, quoted);
        (void)kt_str_split(&rest, quoted ? '"' : ' ', &f.value[f.n++]);
    }
    return f;
}

static struct kt_str field(const struct fields *f, const char *name)
{
    for (unsigned i = 0; i < f->n; i++) {
        if (kt_str_is(f->key[i], name))
            return f->value[i];
    }
    return KT_STR_NONE;
}

/* The value with # replaced by the number. */
static const char *numbered(struct org *o, struct kt_str s, unsigned number)
{
    char text[300];
    size_t n = 0;
    if (s.len == 0)
        return NULL;
    for (size_t i = 0; i < s.len && n + 12 < sizeof text; i++) {
        if (s.at[i] == '#')
            n += (size_t)snprintf(text + n, sizeof text - n, "%u", number);
        else
            text[n++] = s.at[i];
    }
    text[n] = '\0';
    return org_text(o, "%s", text);
}

static unsigned number(struct kt_str s, unsigned dflt)
{
    uint64_t v;
    return kt_str_u64(s, &v) ? (unsigned)v : dflt;
}

static bool offset(struct kt_str s, kt_time_ns *ret)
{
    struct kt_error err;
    kt_time_ns sum = 0, part;
    bool before = s.len > 0 && s.at[0] == '-';
    for (s = kt_str_from_index(s, 1); s.len > 0;) { /* +1h10m: parts that end with a letter */
        size_t n = 0;
        while (n < s.len && s.at[n] >= '0' && s.at[n] <= '9')
            n++;
        if (kt_duration_parse(kt_str_sub(s, 0, n + 1), &part, &err) != KT_OK)
            return false;
        sum += part;
        s = kt_str_from_index(s, n + 1);
    }
    *ret = before ? -sum : sum;
    return true;
}

static bool window(const struct fields *f, kt_time_ns *ret_from, kt_time_ns *ret_until)
{
    if (!offset(field(f, "from"), ret_from) || !offset(field(f, "until"), ret_until))
        return false;
    *ret_from += NOW;
    *ret_until += NOW;
    return *ret_until > *ret_from;
}

/* at=+8h: all that was added since comes then. */
static bool at_once(struct org *o, const struct fields *f, uint32_t since)
{
    kt_time_ns at;
    if (field(f, "at").len == 0)
        return true;
    if (!offset(field(f, "at"), &at))
        return false;
    org_arrive(o, since, NOW + at);
    return true;
}

static bool add_watch(struct org *o, struct kt_str word, const struct fields *f)
{
    kt_time_ns from, until;
    const char *agent = numbered(o, field(f, "agent"), 0),
               *source = numbered(o, field(f, "source"), 0),
               *instance = numbered(o, field(f, "instance"), 0);
    if (!window(f, &from, &until))
        return false;
    uint32_t since = o->n;
    if (kt_str_is(word, "ticks"))
        org_ticks(o, from, until);
    else if (kt_str_is(word, "hush"))
        org_hush(o, agent, instance, from, until);
    else
        org_heartbeats(o, agent, source, instance, from, until);
    return at_once(o, f, since);
}

static bool add_work(struct org *o, const struct fields *f)
{
    kt_time_ns from, until;
    unsigned per_hour = number(field(f, "per_hour"), 20);
    struct org_event e = { .actor = "svc-work",
                           .kind = KT_ACTOR_SERVICE,
                           .secret = "vault://main/-/secret/prod/orders/1",
                           .source = numbered(o, field(f, "source"), 0),
                           .scope = numbered(o, field(f, "scope"), 0),
                           .instance = numbered(o, field(f, "instance"), 0) };
    uint32_t since = o->n;
    if (!window(f, &from, &until))
        return false;
    for (kt_time_ns hour = from; hour < until; hour += KT_NS_HOUR) {
        for (unsigned i = 0; i < per_hour; i++) {
            e.t = hour + (kt_time_ns)org_below(o, 3600) * KT_NS_S;
            if (e.t < until)
                org_add(o, e);
        }
    }
    return at_once(o, f, since);
}

static bool add_report(struct org *o, struct kt_str rest)
{
    struct kt_str when;
    kt_time_ns at, clock = 0;
    rest = kt_str_trim(rest);
    if (!kt_str_split(&rest, ' ', &when) || !offset(when, &at))
        return false;
    struct fields f = parse(rest);
    struct kt_str set = field(&f, "clock");
    if (set.len > 0 && !offset(set, &clock))
        return false;
    bool lost = kt_str_is(field(&f, "record"), "quarantine");
    org_add(o, (struct org_event){ .t = NOW + at + clock,
                                   .arrival = NOW + at + KT_NS_S,
                                   .record = lost ? KT_KIND_QUARANTINE : KT_KIND_REPORT,
                                   .agent = numbered(o, field(&f, "agent"), 0),
                                   .source = numbered(o, field(&f, "source"), 0),
                                   .instance = numbered(o, field(&f, "instance"), 0),
                                   .raw = numbered(o, field(&f, "raw"), 0) });
    return true;
}

/* One a case, as with canaries. */
static bool add_maintenance(struct org *o, const struct fields *f)
{
    static struct kt_conf_maintenance m;
    m = (struct kt_conf_maintenance){ .source = numbered(o, field(f, "source"), 0) };
    o->conf->maintenance = &m;
    o->conf->n_maintenance = 1;
    return m.source != NULL && window(f, &m.from, &m.until);
}

/* A file of secrets on a host, as auditd tells of it. */
static void set_file(struct org *o, struct org_event *e, const char *file)
{
    if (file == NULL)
        return;
    e->secret = org_text(o, "file://%s%s", e->host, file);
    e->native = file;
    e->source = "auditd";
    e->instance = e->host;
    e->operation = "openat";
}

static bool add_event(struct org *o, struct kt_str rest)
{
    struct kt_str when;
    kt_time_ns at, every = KT_NS_S;
    struct kt_error err;
    rest = kt_str_trim(rest);
    if (!kt_str_split(&rest, ' ', &when) || !offset(when, &at))
        return false;
    struct fields f = parse(rest);
    struct kt_str kind = field(&f, "kind"), action = field(&f, "action"),
                  outcome = field(&f, "outcome"), step = field(&f, "every"),
                  late = field(&f, "lag");
    kt_time_ns lag = 0;
    if (step.len > 0 && kt_duration_parse(step, &every, &err) != KT_OK)
        return false;
    if (late.len > 0 && kt_duration_parse(late, &lag, &err) != KT_OK)
        return false;
    struct org_event e = { .kind = (enum kt_actor_kind)kt_actor_kind_of(kind) };
    e.action = action.len > 0 ? (enum kt_action)kt_action_of(action) : KT_ACT_READ;
    e.outcome = outcome.len > 0 ? (enum kt_outcome)kt_outcome_of(outcome) : KT_OUT_SUCCESS;
    if ((int)e.kind < 0 || (int)e.action < 0 || (int)e.outcome < 0)
        return false;
    e.unanswered = kt_str_is(outcome, "unknown");
    for (unsigned i = 0; i < number(field(&f, "x"), 1); i++) {
        e.t = NOW + at + i * every;
        e.actor = numbered(o, field(&f, "actor"), i);
        e.secret = numbered(o, field(&f, "secret"), i);
        e.ip = numbered(o, field(&f, "ip"), i);
        e.source = numbered(o, field(&f, "source"), i);
        e.operation = numbered(o, field(&f, "operation"), i);
        e.instance = numbered(o, field(&f, "instance"), i);
        e.native = numbered(o, field(&f, "native"), i);
        e.flags = kt_str_is(field(&f, "flags"), "raw_device") ? KT_FLAG(RAW_DEVICE) : 0;
        e.user_agent = numbered(o, field(&f, "ua"), i);
        e.code = numbered(o, field(&f, "code"), i);
        e.credential = numbered(o, field(&f, "credential"), i);
        e.raw = numbered(o, field(&f, "raw"), i);
        e.role = numbered(o, field(&f, "role"), i);
        e.host = numbered(o, field(&f, "host"), i);
        e.via = numbered(o, field(&f, "via"), i);
        e.record = kt_str_is(field(&f, "record"), "exposure") ? KT_KIND_EXPOSURE : KT_KIND_ACCESS;
        e.arrival = lag > 0 ? e.t + lag : 0;
        set_file(o, &e, numbered(o, field(&f, "file"), i));
        org_add(o, e);
    }
    return true;
}

static void add_fact(struct org *o, struct kt_str rest)
{
    struct fields f = parse(rest);
    org_fact(o, numbered(o, field(&f, "ip"), 0), numbered(o, field(&f, "country"), 0),
             number(field(&f, "asn"), 0), numbered(o, field(&f, "org"), 0),
             kt_str_is(field(&f, "hosting"), "true"));
    int64_t lat, lon;
    if (kt_str_i64(field(&f, "lat_e2"), &lat) && kt_str_i64(field(&f, "lon_e2"), &lon))
        org_place(o, (int)lat, (int)lon, number(field(&f, "radius_km"), 0));
}

/* One a case; its strings live as long as the organisation. */
static bool add_canary(struct org *o, struct kt_str rest)
{
    static struct kt_conf_canary canary;
    static const char *allow[1];
    struct fields f = parse(rest);
    allow[0] = numbered(o, field(&f, "allow"), 0);
    canary = (struct kt_conf_canary){ .secret = numbered(o, field(&f, "secret"), 0),
                                      .allow = { .at = allow, .n = allow[0] != NULL } };
    o->conf->canaries = &canary;
    o->conf->n_canaries = 1;
    return canary.secret != NULL;
}

static bool add_break_glass(struct org *o, struct kt_str glob)
{
    static const char *globs[1];
    globs[0] = numbered(o, kt_str_trim(glob), 0);
    o->conf->break_glass = (struct kt_strings){ .at = globs, .n = 1 };
    return true;
}

static bool add_holiday(struct org *o, struct kt_str day)
{
    static const char *days[1];
    days[0] = numbered(o, kt_str_trim(day), 0);
    o->conf->holidays = (struct kt_strings){ .at = days, .n = days[0] != NULL };
    return days[0] != NULL;
}

static bool expect(struct org *o, uint32_t *seen, struct kt_str rest, bool none)
{
    org_run(o);
    uint32_t since = *seen;
    *seen = o->n_alert;
    if (none)
        return org_alerts(o, since, KT_SEV_INFO) == 0;
    struct kt_str word, words;
    rest = kt_str_trim(rest);
    (void)kt_str_split(&rest, ' ', &word);
    (void)kt_str_split(&rest, '"', &words);
    (void)kt_str_split(&rest, '"', &words);
    bool said = false, severe = false;
    for (uint32_t i = since; i < o->n_alert; i++) {
        said = said || kt_str_has(kt_str_of(o->alert[i].title), words);
        severe = kt_str_is(word, kt_severity_words[o->alert[i].severity].word);
    }
    return said && severe && org_alerts(o, since, KT_SEV_INFO) == 1;
}

static bool has_part(const struct org *o, struct kt_str rest)
{
    struct kt_str name;
    char want[120];
    (void)kt_str_split(&rest, ' ', &name);
    rest = kt_str_trim(rest);
    (void)snprintf(want, sizeof want, "\"detector\":\"%.*s\",\"points\":%.*s,", KT_STR_ARG(name),
                   KT_STR_ARG(rest));
    return o->n_alert > 0 && strstr(o->alert[o->n_alert - 1].json, want) != NULL;
}

static bool step(struct org *o, uint32_t *seen, struct kt_str line)
{
    struct kt_str word, rest = line;
    (void)kt_str_split(&rest, ' ', &word);
    if (kt_str_is(word, "company")) {
        org_company(o, 12, 10, number(kt_str_trim(rest), 60));
        return true;
    }
    if (kt_str_is(word, "fact")) {
        add_fact(o, rest);
        return true;
    }
    if (kt_str_is(word, "event"))
        return add_event(o, rest);
    if (kt_str_is(word, "config")) {
        (void)kt_str_split(&rest, ' ', &word);
        org_configure(o, org_text(o, KT_STR_FMT, KT_STR_ARG(word)),
                      org_text(o, KT_STR_FMT, KT_STR_ARG(rest)));
        return true;
    }
    if (kt_str_is(word, "canary"))
        return add_canary(o, rest);
    if (kt_str_is(word, "break_glass"))
        return add_break_glass(o, rest);
    if (kt_str_is(word, "report"))
        return add_report(o, rest);
    if (kt_str_is(word, "holiday"))
        return add_holiday(o, rest);
    if (kt_str_is(word, "identities")) {
        const char *text = org_text(o, "identities: " KT_STR_FMT, KT_STR_ARG(rest));
        org_identities(o, kt_str_of(text));
        return true;
    }
    if (kt_str_is(word, "watch") || kt_str_is(word, "ticks") || kt_str_is(word, "hush") ||
        kt_str_is(word, "work") || kt_str_is(word, "maintenance")) {
        struct fields f = parse(kt_str_trim(rest));
        return kt_str_is(word, "work")          ? add_work(o, &f)
               : kt_str_is(word, "maintenance") ? add_maintenance(o, &f)
                                                : add_watch(o, word, &f);
    }
    if (kt_str_is(word, "part"))
        return has_part(o, rest);
    return (kt_str_is(word, "alert") || kt_str_is(word, "none")) &&
           expect(o, seen, rest, kt_str_is(word, "none"));
}

static void run_case(const char *path)
{
    FILE *in = fopen(path, "re");
    assert_non_null(in);
    struct org o;
    org_start(&o, 5);
    char line[600];
    uint32_t seen = 0;
    bool checked = false;
    for (unsigned n = 1; fgets(line, sizeof line, in) != NULL; n++) {
        struct kt_str s = kt_str_trim(kt_str_of(line));
        if (s.len == 0 || s.at[0] == '#')
            continue;
        checked = kt_str_starts(s, KT_STR("alert")) || kt_str_starts(s, KT_STR("none")) ||
                  kt_str_starts(s, KT_STR("part"));
        if (step(&o, &seen, s))
            continue;
        for (uint32_t i = 0; i < o.n_alert; i++)
            print_message("  %s %d %d: %s\n", o.alert[i].state, o.alert[i].severity,
                          o.alert[i].score, o.alert[i].title);
        die(path, n, "not so");
    }
    if (!checked)
        die(path, 0, "a case ends with what it expects");
    (void)fclose(in);
    org_done(&o);
}

static void every_case_holds(void **state)
{
    glob_t found;
    char pattern[200];
    (void)snprintf(pattern, sizeof pattern, "tests/cases/detectors/%s/*.case", (char *)*state);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        run_case(found.gl_pathv[i]);
    globfree(&found);
}

/* One test a detector, so that none is without cases. */
int main(void)
{
    struct CMUnitTest tests[KT_DETECTORS_MAX];
    size_t n = kt_detectors_count();
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){ .name = kt_detectors[i]->name,
                                        .test_func = every_case_holds,
                                        .initial_state = (void *)(uintptr_t)kt_detectors[i]->name };
    return _cmocka_run_group_tests("detector cases", tests, n, NULL, NULL);
}
