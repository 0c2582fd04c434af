/*
 * firm: chance, time, addresses and records of an invented organisation.
 *
 * Owns:  the tables of sources, networks and attack classes.
 * Calls: core/base. No clock: everything comes from the seed.
 */
#include "tests/sim/firm.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"

#define FIRST_OCTET 31u
#define NETS_A_ROW  60u /* networks that share a first octet */

const struct firm_source firm_sources[FIRM_SOURCES] = {
    [FIRM_VAULT] = { "vault", "vault-prod", "read" },
    [FIRM_AWS] = { "cloudtrail", "aws-prod", "GetSecretValue" },
    [FIRM_OP] = { "onepassword", "op-acme", "reveal" },
    [FIRM_K8S] = { "kubernetes", "k8s-prod", "get secrets" },
    [FIRM_HOST] = { "auditd", "web1", "openat" },
    [FIRM_HOST + 1] = { "auditd", "web2", "openat" },
    [FIRM_HOST + 2] = { "auditd", "web3", "openat" },
    [FIRM_HOST + 3] = { "auditd", "batch1", "openat" },
    [FIRM_HOST + 4] = { "auditd", "batch2", "openat" },
    [FIRM_HOST + 5] = { "auditd", "db1", "openat" },
};

const struct firm_class_row firm_classes[FIRM_CLASS_COUNT] = {
#define X(n, words, detector, slow) { words, detector, slow },
    FIRM_CLASSES(X)
#undef X
};

enum use { HOME = 1, MOBILE = 2, RENTED = 4, CLOUD = 8, EXIT = 16 };
static const struct {
    struct firm_net net;
    unsigned use;
} nets[] = {
    { { "Deutsche Telekom", "DE", 3320, false }, HOME | MOBILE },
    { { "Vodafone", "DE", 3209, false }, HOME | MOBILE },
    { { "Telefonica O2", "DE", 6805, false }, HOME | MOBILE },
    { { "1&1 Versatel", "DE", 8881, false }, HOME },
    { { "NetCologne", "DE", 8422, false }, HOME },
    { { "Comcast", "US", 7922, false }, HOME },
    { { "Verizon", "US", 701, false }, HOME },
    { { "Charter", "US", 20115, false }, HOME },
    { { "AT&T", "US", 7018, false }, HOME },
    { { "T-Mobile US", "US", 21928, false }, MOBILE },
    { { "Verizon Wireless", "US", 6167, false }, MOBILE },
    { { "Reliance Jio", "IN", 55836, false }, HOME | MOBILE },
    { { "Bharti Airtel", "IN", 24560, false }, HOME },
    { { "Airtel Mobile", "IN", 45609, false }, MOBILE },
    { { "ACT Fibernet", "IN", 24309, false }, HOME },
    { { "Orange", "FR", 3215, false }, HOME | MOBILE },
    { { "Free", "FR", 12322, false }, HOME },
    { { "Telefonica", "ES", 3352, false }, HOME | MOBILE },
    { { "Telecom Italia", "IT", 3269, false }, HOME | MOBILE },
    { { "KPN", "NL", 1136, false }, HOME | MOBILE },
    { { "MEO", "PT", 3243, false }, HOME | MOBILE },
    { { "OTE", "GR", 6799, false }, HOME | MOBILE },
    { { "BT", "GB", 2856, false }, HOME },
    { { "Orange Polska", "PL", 5617, false }, HOME | MOBILE },
    { { "A1 Telekom", "AT", 8447, false }, HOME | MOBILE },
    { { "NTT", "JP", 4713, false }, HOME },
    { { "Telmex", "MX", 8151, false }, HOME },
    { { "True Internet", "TH", 7470, false }, HOME },
    { { "Rostelecom", "RU", 12389, false }, HOME },
    { { "VNPT", "VN", 45899, false }, HOME },
    { { "Claro", "BR", 28573, false }, HOME },
    { { "Hetzner", "FI", 24940, true }, RENTED },
    { { "Hetzner", "DE", 213230, true }, RENTED },
    { { "DigitalOcean", "NL", 14061, true }, RENTED },
    { { "OVH", "FR", 16276, true }, RENTED },
    { { "M247", "NL", 9009, true }, RENTED },
    { { "Linode", "US", 63949, true }, RENTED },
    { { "Vultr", "SG", 20473, true }, RENTED },
    { { "Contabo", "DE", 51167, true }, RENTED },
    { { "Scaleway", "FR", 12876, true }, RENTED },
    { { "Microsoft Azure", "US", 8075, true }, CLOUD },
    { { "Amazon", "DE", 16509, true }, CLOUD },
    { { "Google Cloud", "BE", 396982, true }, CLOUD },
    { { "Amazon", "IE", 14618, true }, CLOUD },
    { { "Cloudflare", "DE", 13335, true }, EXIT },
    { { "Zscaler", "DE", 62044, true }, EXIT },
};

/* ---- chance: splitmix64, one stream for each purpose ---- */
static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void firm_stream(struct firm *f, unsigned purpose, unsigned a, unsigned b)
{
    const uint64_t parts[] = { purpose, a, b };
    f->state = f->seed * UINT64_C(0x632be59bd9b4e019);
    for (size_t i = 0; i < KT_ARRAY_LEN(parts); i++)
        f->state = next(&f->state) ^ (parts[i] + 1) * UINT64_C(0xd6e8feb86659fd93);
}

unsigned firm_below(struct firm *f, unsigned n)
{
    return n == 0 ? 0 : (unsigned)(next(&f->state) % n);
}

unsigned firm_between(struct firm *f, unsigned from, unsigned until)
{
    return from + firm_below(f, until - from + 1);
}

double firm_real(struct firm *f)
{
    return (double)(next(&f->state) >> 11) * 0x1p-53;
}

bool firm_chance(struct firm *f, double p)
{
    return firm_real(f) < p;
}

double firm_normal(struct firm *f, double mean, double deviation)
{
    double u = firm_real(f), v = firm_real(f);
    return mean + deviation * sqrt(-2 * log(u + 1e-12)) * cos(2 * M_PI * v);
}

double firm_lognormal(struct firm *f, double median, double sigma)
{
    return median * exp(firm_normal(f, 0, sigma));
}

double firm_wait(struct firm *f, double mean)
{
    return -mean * log(1 - firm_real(f));
}

unsigned firm_count(struct firm *f, double mean)
{
    if (mean > 40)
        return (unsigned)fmax(0, round(firm_normal(f, mean, sqrt(mean))));
    unsigned n = 0;
    for (double p = exp(-mean), u = firm_real(f); u > p; u *= firm_real(f))
        n++;
    return n;
}

unsigned firm_rank(struct firm *f, unsigned n)
{
    unsigned k = (unsigned)(pow(n + 1.0, firm_real(f)) - 1);
    return k < n ? k : n - 1;
}

/* ---- time ---- */
unsigned firm_weekday(const struct firm *f, unsigned day)
{
    return (f->weekday + day) % 7;
}

kt_time_ns firm_at(const struct firm *f, const struct firm_office *o, unsigned day, double hour)
{
    double zone = o == NULL ? 0 : o->zone + (o->summer && day < f->summer_ends ? 1 : 0);
    kt_time_ns midnight = f->start + (kt_time_ns)day * KT_NS_DAY;
    return midnight + (kt_time_ns)((hour - zone) * 3.6e6) * KT_NS_MS;
}

bool firm_works(const struct firm *f, const struct firm_person *p, unsigned day)
{
    const struct firm_office *o = &f->office[p->office];
    if (day < p->joined || day >= p->leaves || firm_weekday(f, day) >= 5)
        return false;
    for (unsigned i = 0; i < KT_ARRAY_LEN(o->holiday); i++) {
        if (o->holiday[i] == day)
            return false;
    }
    for (unsigned i = 0; i < p->n_away; i++) {
        if (day >= p->away[i].from && day < p->away[i].until)
            return p->away[i].ip != 0;
    }
    return true;
}

/* ---- addresses ---- */
uint32_t firm_address(struct firm *f, unsigned net)
{
    uint32_t a = FIRST_OCTET + net / NETS_A_ROW, b = net % NETS_A_ROW * 4 + firm_below(f, 4);
    return a << 24 | b << 16 | firm_below(f, 256) << 8 | firm_between(f, 1, 254);
}

const struct firm_net *firm_net_of(uint32_t ip)
{
    uint32_t a = ip >> 24, i = (a - FIRST_OCTET) * NETS_A_ROW + (ip >> 16 & 0xff) / 4;
    return a < FIRST_OCTET || i >= KT_ARRAY_LEN(nets) ? NULL : &nets[i].net;
}

/* One of the networks of that use: of the country, or of any other than `but`. */
static uint32_t some(struct firm *f, unsigned use, const char *country, const char *but)
{
    unsigned fit[KT_ARRAY_LEN(nets)], n = 0;
    for (unsigned i = 0; i < KT_ARRAY_LEN(nets); i++) {
        bool here = country == NULL || strcmp(nets[i].net.country, country) == 0;
        bool not_it = but == NULL ||
                      (strcmp(nets[i].net.country, but) != 0 && strcmp(nets[i].net.org, but) != 0);
        if (nets[i].use & use && here && not_it)
            fit[n++] = i;
    }
    assert(n > 0);
    return firm_address(f, fit[firm_below(f, n)]);
}

uint32_t firm_isp(struct firm *f, const char *country, const char *but)
{
    return some(f, HOME, country, but);
}

uint32_t firm_mobile(struct firm *f, const char *country)
{
    return some(f, MOBILE, country, NULL);
}

uint32_t firm_abroad(struct firm *f, const char *but)
{
    return some(f, HOME, NULL, but);
}

uint32_t firm_hosting(struct firm *f)
{
    return some(f, RENTED, NULL, NULL);
}

uint32_t firm_named(struct firm *f, unsigned asn)
{
    for (unsigned i = 0; i < KT_ARRAY_LEN(nets); i++) {
        if (nets[i].net.asn == asn)
            return firm_address(f, i);
    }
    assert(false);
    return 0;
}

static uint32_t in_office(const struct firm *f, const struct firm_person *p, unsigned day)
{
    const struct firm_office *o = &f->office[p->office];
    if (p->vpn)
        return day >= f->vpn_moves ? f->vpn_next : f->vpn;
    return day >= o->moves ? o->ip_next : o->ip;
}

uint32_t firm_usual(const struct firm *f, const struct firm_person *p, unsigned day)
{
    if (p->vpn)
        return in_office(f, p, day);
    return day >= p->home_moves ? p->home_next : p->home;
}

/* Where a person sits: two or three days in the office, else at home; on a train now and then, in a
 * café or a hotel once a month. Some send all they do through the firm's VPN. */
uint32_t firm_place(struct firm *f, const struct firm_person *p, unsigned day, double hour)
{
    for (unsigned i = 0; i < p->n_away; i++) {
        if (day >= p->away[i].from && day < p->away[i].until && p->away[i].ip != 0)
            return p->away[i].ip;
    }
    const char *country = f->office[p->office].country;
    uint32_t home = day >= p->home_moves ? p->home_next : p->home;
    bool office_day = ((day * 2654435761u) ^ p->home) % 5 < 3;
    if (firm_chance(f, 0.02)) /* the phone's connection: same carrier, another address each time */
        return (p->mobile & 0xffff0000u) | firm_between(f, 1, 65534);
    if (firm_chance(f, 0.0015))
        return firm_isp(f, country, NULL);
    if (p->vpn || (office_day && hour > p->starts - 1 && hour < p->starts + p->length + 1))
        return in_office(f, p, day);
    return home;
}

/* ---- records ---- */
const char *firm_text(struct firm *f, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    char *z = kt_arena_alloc(&f->keep, strlen(text) + 1);
    assert(z != NULL);
    memcpy(z, text, strlen(text) + 1);
    return z;
}

struct firm_event *firm_add(struct firm *f, struct firm_event e)
{
    if (f->n == f->cap) {
        f->cap = f->cap == 0 ? 1u << 18 : 2 * f->cap;
        f->ev = kt_realloc_array(f->ev, f->cap, sizeof *f->ev);
    }
    if (e.action == KT_ACT_OTHER)
        e.action = KT_ACT_READ;
    if (e.outcome == KT_OUT_UNKNOWN)
        e.outcome = KT_OUT_SUCCESS;
    if (e.operation == NULL)
        e.operation = firm_sources[e.source].read;
    e.attack = f->stamp;
    f->ev[f->n] = e;
    return &f->ev[f->n++];
}

struct firm_event *firm_read(struct firm *f, const struct firm_who *w, kt_time_ns t,
                             uint32_t secret)
{
    const struct firm_secret *s = &f->secret[secret];
    return firm_add(f, (struct firm_event){ .t = t,
                                            .actor = w->name,
                                            .agent = w->agent,
                                            .ip = w->ip,
                                            .kind = (uint8_t)w->kind,
                                            .secret = s->id,
                                            .source = s->source });
}

uint32_t firm_pick(struct firm *f, unsigned source, unsigned team, unsigned day)
{
    for (unsigned tries = 0; tries < 2000; tries++) {
        uint32_t s = firm_below(f, f->n_secret);
        bool mine = team == FIRM_TEAMS || f->secret[s].team == team;
        if (mine && f->secret[s].source == source && f->secret[s].born <= day)
            return s;
    }
    return FIRM_NONE;
}

struct firm_who firm_person_at(const struct firm_person *p, unsigned source, unsigned day,
                               uint32_t ip)
{
    const char *const agents[FIRM_HOST] = { [FIRM_VAULT] = day >= p->laptop ? p->cli_next : p->cli,
                                            [FIRM_AWS] = "aws-cli/2.22.3 md/awscrt#0.23.4 Linux",
                                            [FIRM_OP] = p->browser,
                                            [FIRM_K8S] = "kubectl/v1.31.2 (darwin/arm64)" };
    return (struct firm_who){ p->mail, agents[source], ip, KT_ACTOR_HUMAN };
}

uint32_t firm_secret_new(struct firm *f, unsigned source, unsigned team, const char *id,
                         bool production, unsigned born)
{
    assert(f->n_secret < FIRM_SECRETS_MAX);
    f->secret[f->n_secret] =
        (struct firm_secret){ id, (uint8_t)source, (uint8_t)team, production, born };
    return f->n_secret++;
}
