/*
 * detector: what all detectors may ask and say.
 *
 * Owns:  nothing.
 * Calls: core, table. No clock, no I/O, no allocation.
 */
#include "detectors/detector.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/event/secret_id.h"
#include "detectors/hosting_asns.h"

#define TAINT_MIN  (90u * 1440u)
#define RECENT_DAY 90u
#define NIGHT_WORK (4u * 60u) /* so far from midnight somebody is awake at it */
#define BITS_TELL  48u        /* of 64: above, most bits are those of several */

const char *const kt_family_words[KT_FAMILY_COUNT] = {
#define X(n, w) [KT_FAMILY_##n] = w,
    KT_FAMILIES(X)
#undef X
};

struct kt_finding *kt_find(struct kt_scene *s, enum kt_family family, int points, unsigned flags,
                           void (*words)(const struct kt_scene *s, struct kt_finding *f))
{
    if (points < 100 || s->n_found == KT_FOUND_MAX)
        return NULL;
    struct kt_finding *f = &s->found[s->n_found++];
    /* nothing of an earlier event's stays; the long texts need no more than an end */
    f->words = words;
    memset(f->number, 0, sizeof f->number);
    f->family = family;
    f->detector = s->detector;
    f->key_kind = KT_KEY_ACTOR;
    f->key = s->who;
    f->points = points;
    f->sign = NULL;
    f->flags = flags;
    f->since_min = 0;
    f->network = 0;
    f->country = 0;
    f->cause = 0;
    f->n_gathers = 0;
    f->instance = f->source = KT_STR_NONE;
    f->title[0] = f->normal[0] = f->quiet[0] = f->part[0] = '\0';
    return f;
}

void kt_put_aside(struct kt_scene *s, uint8_t what, uint64_t key, uint32_t time_min,
                  const uint16_t v[4])
{
    if (s->n_put_aside == KT_ASIDE_MAX)
        return;
    s->put_aside[s->n_put_aside++] = (struct kt_pending){ .key = key,
                                                          .time_min = time_min,
                                                          .v = { v[0], v[1], v[2], v[3] },
                                                          .detector = s->detector,
                                                          .what = what };
}

/* Behind what stands in dst; what has no room is left out. */
static size_t say_on(char *dst, size_t n, size_t at, const char *text, size_t len)
{
    len = len < n - 1 - at ? len : n - 1 - at;
    memcpy(dst + at, text, len);
    return at + len;
}

static size_t say_number(char *dst, size_t n, size_t at, unsigned value)
{
    char digits[12];
    size_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return say_on(dst, n, at, digits + first, sizeof digits - first);
}

/* Nearly all sentences are made of texts and whole numbers, and one is made for each event of an
 * incident: printf takes four times as long. false: the format asks for more, or no text is there,
 * which printf has words for. */
static bool say_plainly(char *dst, size_t n, const char *fmt, va_list ap)
{
    size_t at = 0;
    for (; *fmt != '\0'; fmt += 2) {
        size_t plain = strcspn(fmt, "%");
        at = say_on(dst, n, at, fmt, plain);
        fmt += plain;
        if (*fmt == '\0')
            break;
        if (fmt[1] != 's' && fmt[1] != 'u')
            return false;
        if (fmt[1] == 'u') {
            at = say_number(dst, n, at, va_arg(ap, unsigned));
            continue;
        }
        const char *text = va_arg(ap, const char *);
        if (text == NULL)
            return false;
        at = say_on(dst, n, at, text, strlen(text));
    }
    dst[at] = '\0';
    return true;
}

void kt_say(char *dst, size_t n, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    if (!say_plainly(dst, n, fmt, ap))
        (void)vsnprintf(dst, n, fmt, again);
    va_end(again);
    va_end(ap);
    struct kt_str cut = kt_utf8_cut(kt_str_of(dst), n - 1);
    dst[cut.len] = '\0';
    for (size_t i = cut.len; i > 0 && !kt_utf8_valid(kt_str_of(dst));)
        dst[--i] = '\0'; /* the cut fell inside a character */
}

const char *kt_say_count(double n, char buf[32])
{
    uint64_t left = (uint64_t)rint(fmin(fmax(n, 0), 1e15)); /* a half to the even one */
    char back[32];
    size_t len = 0, out = 0;
    for (unsigned digit = 0; digit == 0 || left > 0; digit++, left /= 10) { /* the last one first */
        if (digit > 0 && digit % 3 == 0)
            back[len++] = ',';
        back[len++] = (char)('0' + left % 10);
    }
    while (len > 0)
        buf[out++] = back[--len];
    buf[out] = '\0';
    return buf;
}

const char *kt_say_name(struct kt_str name, unsigned max, char buf[160])
{
    if (max > 150)
        max = 150;
    struct kt_str cut = kt_utf8_cut(name, max);
    size_t len = cut.len == 0 ? 0 : strnlen(cut.at, cut.len);
    const char *more = cut.len < name.len ? "…" : "";
    while (!kt_utf8_valid(kt_str_from(cut.at, len))) {
        len--;
        more = "";
    }
    if (len > 0)
        memcpy(buf, cut.at, len);
    memcpy(buf + len, more, strlen(more) + 1); /* at most 150 bytes are before it */
    return buf;
}

void kt_say_network(const struct kt_where *w, char *dst, size_t n)
{
    char cc[3] = { (char)(w->country >> 8), (char)(w->country & 0xff), '\0' };
    bool place = w->country != 0;
    if (w->asn != 0) {
        kt_say(dst, n, "AS%u%s%s%s%s%s", w->asn, w->org[0] ? " " : "", w->org, place ? " (" : "",
               place ? cc : "", place ? ")" : "");
        return;
    }
    struct kt_ip ip;
    char text[KT_IP_TEXT_MAX];
    memcpy(ip.at, &w->address, sizeof ip.at);
    kt_cidr_format(kt_ip_network(ip, 16, 32), text);
    kt_say(dst, n, "network %s (ASN unknown%s%s)", text, place ? ", " : "", place ? cc : "");
}

bool kt_kind_is_person(uint8_t kind)
{
    return kind == KT_ACTOR_HUMAN || kind == KT_ACTOR_UNKNOWN || kind == KT_ACTOR_ROOT;
}

const char *kt_kind_noun(uint8_t kind, bool plural)
{
    static const char *const nouns[KT_ACTOR_COUNT][2] = {
        [KT_ACTOR_UNKNOWN] = { "actor", "actors" },
        [KT_ACTOR_HUMAN] = { "person", "people" },
        [KT_ACTOR_SERVICE] = { "service", "services" },
        [KT_ACTOR_CI] = { "CI job", "CI jobs" },
        [KT_ACTOR_AI_AGENT] = { "AI agent", "AI agents" },
        [KT_ACTOR_ROOT] = { "root account", "root accounts" },
        [KT_ACTOR_ANONYMOUS] = { "nameless caller", "nameless callers" },
    };
    return nouns[kind < KT_ACTOR_COUNT ? kind : KT_ACTOR_UNKNOWN][plural];
}

const struct kt_place *kt_place_of(const struct kt_places *p, uint64_t network)
{
    for (unsigned i = 0; p != NULL && i < p->n_place; i++) {
        if (p->place[i].network == network)
            return &p->place[i];
    }
    return NULL;
}

bool kt_net_known(const struct kt_places *p, uint64_t net)
{
    for (unsigned i = 0; p != NULL && i < p->n_net; i++) {
        if (p->net[i].net == net)
            return true;
    }
    return false;
}

bool kt_country_known(const struct kt_places *p, uint16_t country)
{
    for (unsigned i = 0; p != NULL && i < p->n_country; i++) {
        if (p->country[i].code == country)
            return true;
    }
    return false;
}

bool kt_client_known(const struct kt_places *p, uint32_t client)
{
    for (unsigned i = 0; p != NULL && i < p->n_client; i++) {
        if (p->client[i] == client)
            return true;
    }
    return false;
}

bool kt_first_in_incident(const struct kt_actor *a, uint32_t first_min, uint32_t minute,
                          uint32_t lasts_min)
{
    for (unsigned i = 0; a->held_n > 0 && i < KT_HELD_MAX; i++) {
        bool lasts = a->held[i].mark == KT_HELD_TRUE ||
                     (a->held[i].mark == KT_HELD_OPEN && minute < first_min + lasts_min);
        if (lasts && a->held[i].until_min != 0 && first_min >= a->held[i].from_min &&
            first_min <= a->held[i].until_min)
            return true;
    }
    return false;
}

bool kt_told_of(const struct kt_actor *a, uint32_t minute, enum kt_family family)
{
    for (unsigned i = 0; a->held_n > 0 && i < KT_HELD_MAX; i++) {
        if (a->held[i].until_min != 0 && a->held[i].mark != KT_HELD_EXPECTED &&
            a->held[i].families >> family & 1 && minute >= a->held[i].from_min &&
            minute <= a->held[i].until_min)
            return true;
    }
    return false;
}

bool kt_place_tainted(const struct kt_place *p, uint32_t minute)
{
    return p->taint_min != 0 && minute < p->taint_min + TAINT_MIN;
}

uint64_t kt_value_bit(uint32_t actor)
{
    return UINT64_C(1) << (actor * UINT32_C(0x9e3779b1) >> 26);
}

unsigned kt_value_beyond(const struct kt_scene *s, const struct kt_value *v, unsigned kind)
{
    uint64_t own = s->actor == NULL ? 0 : kt_value_bit(s->actor->number);
    unsigned n = 0;
    for (unsigned k = 0; k < KT_ACTOR_COUNT; k++) {
        if (kind != KT_ACTOR_COUNT && kind != k)
            continue;
        unsigned bits = (unsigned)__builtin_popcountll(v->beyond[k] & ~own);
        n += bits < BITS_TELL ? bits : KT_USERS_MANY;
    }
    return n;
}

unsigned kt_value_users(const struct kt_scene *s, enum kt_dim dim, uint64_t value, unsigned kind)
{
    const struct kt_value *v =
        kt_table_peek(s->shared->values, (struct kt_key){ (uint64_t)dim, value });
    if (v == NULL)
        return 0;
    unsigned n = kt_value_beyond(s, v, kind), today = s->minute / 1440;
    for (unsigned i = 0; i < v->n; i++) {
        bool same = kind == KT_ACTOR_COUNT || v->user[i].kind == kind;
        bool other = s->actor == NULL || v->user[i].actor != s->actor->number;
        bool recent = v->user[i].last_day + RECENT_DAY >= today;
        n += same && other && recent && !v->user[i].tainted;
    }
    return n;
}

bool kt_operator_known(const struct kt_scene *s, uint32_t since_min)
{
    const struct kt_places *p = s->places;
    for (unsigned i = 0; p != NULL && i < p->n_place; i++) {
        const struct kt_place *x = &p->place[i];
        bool other_asn = x->network >> 60 == KT_NETWORK_ASN >> 60 && x->network != s->where.network;
        if (other_asn && x->last_min >= since_min && !kt_place_tainted(x, s->minute) &&
            kt_same_operator((uint32_t)x->network, s->where.asn))
            return true;
    }
    return false;
}

bool kt_actor_fits(const struct kt_scene *s, struct kt_str glob)
{
    return kt_str_glob(glob, s->ev->actor) || (s->written.len > 0 && kt_str_glob(glob, s->written));
}

const struct kt_conf_network *kt_network_listed(const struct kt_scene *s)
{
    const struct kt_conf *conf = s->shared->conf;
    const struct kt_conf_network *best = NULL;
    unsigned bits = 0;
    for (unsigned i = 0; i < conf->n_networks; i++) {
        const struct kt_conf_network *net = &conf->networks[i];
        bool named = net->actors.n == 0;
        for (unsigned k = 0; k < net->actors.n && !named; k++)
            named = kt_actor_fits(s, kt_str_of(net->actors.at[k]));
        for (unsigned k = 0; k < net->n_cidr && named; k++) {
            bool wider = best != NULL && net->cidr[k].bits <= bits;
            if (wider || !kt_cidr_has(net->cidr[k], s->ev->ip))
                continue;
            best = net;
            bits = net->cidr[k].bits;
        }
    }
    return best;
}

bool kt_network_expected(const struct kt_scene *s)
{
    return kt_network_listed(s) != NULL;
}

bool kt_event_is_probe(const struct kt_event *ev)
{
    bool refused = ev->outcome == KT_OUT_DENIED || ev->outcome == KT_OUT_NOT_FOUND;
    return ev->secret.len > 0 && (ev->action == KT_ACT_LIST || ev->action == KT_ACT_READ_META ||
                                  (refused && kt_event_is_read(ev)));
}

bool kt_event_is_fill(const struct kt_event *ev)
{
    return ev->action == KT_ACT_USE && kt_str_starts(ev->secret, KT_STR("op://"));
}

static bool secret_fits(struct kt_strings globs, struct kt_str secret)
{
    ptrdiff_t at = globs.n == 0 ? -1 : kt_str_find(secret, KT_STR("://"), 0);
    struct kt_str path = at < 0 ? secret : kt_str_from_index(secret, (size_t)at + 3);
    for (unsigned i = 0; i < globs.n; i++) {
        struct kt_str glob = kt_str_of(globs.at[i]);
        if (kt_str_glob(glob, secret) || kt_str_glob(glob, path))
            return true;
    }
    return false;
}

bool kt_secret_fits(struct kt_str glob, struct kt_str id)
{
    ptrdiff_t at = kt_str_find(id, KT_STR("://"), 0);
    struct kt_str tail = kt_str_from_index(id, at < 0 ? 0 : (size_t)at + 3);
    if (id.len == 0 || kt_str_glob(glob, id))
        return id.len > 0;
    for (;;) {
        if (kt_str_glob(glob, tail))
            return true;
        ptrdiff_t slash = kt_str_find_byte(tail, '/', 0);
        if (slash < 0)
            return false;
        tail = kt_str_from_index(tail, (size_t)slash + 1);
    }
}

/* What both lists name is production: that is the mistake that costs less. */
int kt_production(const struct kt_conf *conf, struct kt_str secret)
{
    if (secret_fits(conf->production, secret) ||
        secret_fits(kt_identities_production(conf->identities, false), secret))
        return 1;
    if (secret_fits(conf->not_production, secret) ||
        secret_fits(kt_identities_production(conf->identities, true), secret))
        return 0;
    return kt_secret_production(secret);
}

/* The minute at which the day begins by the person's own clock: that of the zone, else UTC. In a
 * zone that is midnight, but for those who work around it: Friday's night is no Saturday. */
static uint32_t day_start(const struct kt_actor *a)
{
    if (!a->zoned)
        return a->origin * 60u;
    uint32_t quiet = (uint32_t)(a->origin * 60 + a->zone_min + 1440) % 1440;
    bool late =
        a->hours_known >= KT_ORIGIN_HOURS && quiet >= NIGHT_WORK && 1440 - quiet >= NIGHT_WORK;
    return late ? quiet : 0;
}

uint32_t kt_actor_day(const struct kt_actor *a, uint32_t minute)
{
    int64_t since = (int64_t)minute + (a->zoned ? a->zone_min : 0) - day_start(a);
    return since < 0 ? 0 : (uint32_t)(since / 1440);
}

uint32_t kt_actor_day_begins(const struct kt_actor *a, uint32_t day)
{
    return (uint32_t)((int64_t)day * 1440 + day_start(a) - (a->zoned ? a->zone_min : 0));
}

/* The date of the middle of the day. */
uint32_t kt_actor_date(const struct kt_actor *a, uint32_t minute)
{
    return kt_actor_day(a, minute) + (day_start(a) >= 720);
}
