/*
 * unusual_time: a person reads secrets of production at an hour at which it is never at work
 * (DETECTION §4.5, docs/decisions/0011).
 *
 * Owns:  by person: the hours of nine weeks in which it was at work; by organisation and permission
 *        set: the hours of all, and of those whose hours never moved, from each one's midday, and
 *        whose odd hours were counted.
 * Calls: detector.h, desk and core only. No clock, no I/O.
 */
#include "detectors/desk.h"
#include "detectors/detector.h"

#include <math.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/limits.h"

#define HOURS          24u
#define WEEKS          9u /* full weight inside, nothing outside: what the text says can be counted */
#define PATTERN_WEEKS  6u
#define PEER_WEIGHT    20.0
#define BUILT_IN       200.0 /* active hours that the built-in day is worth beside the peers' */
#define TEAM_PEOPLE    5u
#define TEAM_HOURS     300u
#define CIRCLE_MAX     40000u /* then halved: what was usual years ago fades */
#define RECENT         8u
#define NIGHT_OTHERS   3u /* one of them may be the one who is judged */
#define NIGHT_MIN      (60u * 1440u)
#define DUTY_SHIFT_MIN 180u
#define NIGHT_OVER_MIN 360u /* what comes later is another incident */
#define TOLD_AGAIN_MIN (7u * 1440u)
#define HOME_DAYS      10u
#define MOVED_HOURS    5.0 /* from the middle of the hours before */
#define MOVED_DAYS     3u
#define MOVED_BEFORE   5u /* days that tell where the hours were */
#define ROLE_SEED      UINT64_C(0x726f6c65)

enum { T_PERSON, T_CIRCLE };
enum { ASIDE_HOUR, ASIDE_NIGHT };
/* Whose hours are mixed in: shifts that take turns make the night of a firm, but not that of
 * somebody whose hours never moved. */
enum whose { OF_ALL, OF_STEADY, OF_COUNT };
/* Of secrets that are not production, and that it had never read: they take no place of production
 * ones, which who collects would push out by them. */
enum { RECENT_PRODUCTION, RECENT_OTHER };

struct options {
    uint64_t burst, drip, least_hours;
    double odd, weight, cap, unsure_cap, usual_cap, moved_cap, duty;
};
struct run {
    uint32_t from, last, n;
    uint32_t strange;   /* of them not as usual: is_strange() */
    uint32_t elsewhere; /* is_elsewhere() */
    uint32_t away;      /* not kt_at_desk() */
    uint32_t unread;    /* of a secret that it had never read */
};
struct habit {         /* one person */
    uint32_t week;     /* the newest, counted from the epoch */
    uint32_t judged;   /* the hour that was judged last, + 1: an hour is judged once */
    float p[OF_COUNT]; /* of that hour, by whose hours are mixed in; OF_STEADY: the smaller */
    uint32_t told;     /* minute of the newest that paged by its hours alone; 0 = none */
    uint32_t asked;    /* the same, while it is not known yet whether somebody was told; 0 = none */
    uint32_t looked;   /* date at which `moved` was looked at last, + 1: once a day is enough */
    uint32_t moved;    /* had its hours moved? */
    uint64_t config;   /* the newest of a call that was counted as one that it had never read */
    uint64_t counted;  /* the newest of a call that was counted */
    struct kt_desk desk;
    struct run run[2]; /* reads at odd hours with less than 6 h between two */
    struct {
        uint32_t at[RECENT], n;
    } recent[2];                /* minutes of the newest of them: RECENT_PRODUCTION, RECENT_OTHER */
    uint8_t days[WEEKS][HOURS]; /* by hour (UTC): a bit for each day of the week */
};
struct night { /* somebody at work at an hour odd for it */
    uint32_t actor, minute;
};
struct mixture {
    uint32_t n, people;
    uint32_t bin[HOURS]; /* hours on workdays, from each one's midday */
    uint32_t person[TEAM_PEOPLE];
};
struct circle { /* the organisation, or those of one team or permission set */
    struct mixture of[OF_COUNT];
    struct night night[HOURS][NIGHT_OTHERS]; /* the newest: of each hour (UTC) its own, so the many
                                                of one zone drive out nobody of another */
};

static bool is_circle(const void *state)
{
    const struct circle *c = state;
    return c->of[OF_ALL].people <= TEAM_PEOPLE && c->of[OF_STEADY].people <= TEAM_PEOPLE;
}

static const struct kt_table_decl tables[] = {
    [T_PERSON] = { "time_habit", KT_KEY_ACTOR, sizeof(struct habit), 11, KT_ACTORS_MAX,
                   KT_EVICT_LRU, NULL },
    [T_CIRCLE] = { "time_circle", KT_KEY_KIND, sizeof(struct circle), 4, 500, KT_EVICT_LRU,
                   is_circle },
};

#define NUMBER(field, type, value, help)                                                           \
    {                                                                                              \
#field, type, value, offsetof(struct options, field), help, .reloadable = true             \
    }
static const struct kt_option options[] = {
    NUMBER(burst, KT_OPT_UINT, "3", "Reads at odd hours within 1 hour that make evidence."),
    NUMBER(drip, KT_OPT_UINT, "5", "The same within 6 hours."),
    NUMBER(least_hours, KT_OPT_UINT, "20",
           "Active hours on workdays that must be known of a person before it is judged."),
    NUMBER(odd, KT_OPT_DOUBLE, "0.01",
           "Share of a person's hours, its colleagues' mixed in, up to which an hour is odd."),
    NUMBER(weight, KT_OPT_DOUBLE, "1.9", "Points for each power of ten of that share."),
    NUMBER(cap, KT_OPT_DOUBLE, "4.7", "Most that the hour can reach."),
    NUMBER(unsure_cap, KT_OPT_DOUBLE, "4.2",
           "The same for actors that may be a person or a machine: never an alert alone."),
    NUMBER(usual_cap, KT_OPT_DOUBLE, "4.2",
           "The same where two others have such hours, and nothing else is odd: secrets that the "
           "person reads, its network, its client."),
    NUMBER(moved_cap, KT_OPT_DOUBLE, "2.4",
           "The same where the person's own hours have moved before, and its secrets, network and "
           "client are the usual ones: every shift is new once. With secrets it never read: "
           "usual_cap."),
    NUMBER(
        duty, KT_OPT_DOUBLE, "1",
        "Taken off when two colleagues with the same permission set worked within 3 hours of this "
        "time of the day, odd for them too, in 60 days: a duty."),
    KT_OPTIONS_END,
};

/* ---- days and weeks ---- */
static bool is_holiday(const struct kt_conf *conf, uint32_t date)
{
    char text[KT_TIME_TEXT_MAX];
    if (conf->holidays.n > 0)
        kt_time_format((kt_time_ns)date * KT_NS_DAY, text);
    for (unsigned i = 0; i < conf->holidays.n; i++) {
        if (strncmp(conf->holidays.at[i], text, 10) == 0)
            return true;
    }
    return false;
}

struct view { /* what is known of a person, seen from one week */
    unsigned count[HOURS], total;
    uint8_t rest; /* bits of the days of the week on which it does not work */
    uint32_t since;
};

/* The 24 hours of a week as three words of a byte each: so eight hours are looked at at once. */
#define WORDS (HOURS / 8u)
struct hours {
    uint64_t at[WORDS];
};
_Static_assert(sizeof(struct hours) == HOURS, "a byte an hour");

static struct hours week_of(const struct habit *h, uint32_t week)
{
    struct hours v;
    memcpy(&v, h->days[week % WEEKS], sizeof v);
    return v;
}

/* The bits that are set in any of the bytes. */
static uint8_t any_hour(struct hours v)
{
    uint64_t x = v.at[0] | v.at[1] | v.at[2];
    x |= x >> 32;
    x |= x >> 16;
    return (uint8_t)(x | x >> 8);
}

/* How many bits are set in each byte. */
static uint64_t count_bits(uint64_t x)
{
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    return (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
}

/* Days of the week with less than a tenth of the busiest one's: a week-end, whichever days. */
static uint8_t rest_days(const struct habit *h, uint32_t week)
{
    unsigned n[7] = { 0 }, most = 0;
    uint8_t rest = 0;
    for (uint32_t w = h->week; w + PATTERN_WEEKS > week && w + WEEKS > h->week; w--) {
        uint8_t active = any_hour(week_of(h, w));
        for (unsigned d = 0; d < 7; d++)
            n[d] += active >> d & 1;
    }
    for (unsigned d = 0; d < 7; d++)
        most = n[d] > most ? n[d] : most;
    for (unsigned d = 0; d < 7; d++)
        rest |= (uint8_t)(n[d] * 10 < most ? 1u << d : 0);
    return rest;
}

static struct view look(const struct habit *h, uint32_t week)
{
    struct view v = { .rest = rest_days(h, week), .since = UINT32_MAX };
    struct hours sum = { { 0 } }; /* 9 weeks of 7 days fit into a byte */
    uint64_t work = (~v.rest & 0x7fu) * UINT64_C(0x0101010101010101);
    for (uint32_t w = h->week; w + WEEKS > week && w + WEEKS > h->week; w--) {
        struct hours x = week_of(h, w);
        for (unsigned i = 0; i < WORDS; i++) {
            x.at[i] &= work;
            sum.at[i] += count_bits(x.at[i]);
        }
        uint8_t active = any_hour(x);
        if (active != 0)
            v.since = w * 7 + (unsigned)__builtin_ctz(active);
    }
    uint8_t count[HOURS];
    memcpy(count, &sum, sizeof count);
    for (unsigned i = 0; i < HOURS; i++)
        v.total += v.count[i] = count[i];
    return v;
}

/* Sum of the directions of hours on the face of a clock, and how many. */
struct clock {
    double x, y;
    unsigned n;
};

static void add_hour(struct clock *c, unsigned hour)
{
    c->x += cos(2 * M_PI * (hour + 0.5) / HOURS);
    c->y += sin(2 * M_PI * (hour + 0.5) / HOURS);
    c->n++;
}

static void add_clock(struct clock *c, const struct clock *more)
{
    c->x += more->x;
    c->y += more->y;
    c->n += more->n;
}

/* Hours between the middles of two, 0 to 12. */
static double apart_hours(const struct clock *a, const struct clock *b)
{
    double d = fabs(atan2(a->y, a->x) - atan2(b->y, b->x)) / (2 * M_PI) * HOURS;
    return d <= HOURS / 2.0 ? d : HOURS - d;
}

static struct clock day_of(const struct habit *h, uint32_t week, unsigned day)
{
    struct clock c = { 0 };
    for (unsigned i = 0; i < HOURS; i++) {
        if (h->days[week % WEEKS][i] >> day & 1)
            add_hour(&c, i);
    }
    return c;
}

/* Did whole days of it lie at other hours than those before, three one after another? Shifts that
 * take turns do; nights beside days do not. */
static bool has_moved(const struct habit *h, uint32_t week)
{
    struct clock before = { 0 }, run = { 0 };
    unsigned days = 0, moved = 0;
    uint32_t end = (week > h->week ? week : h->week) + 1;
    for (uint32_t w = end > WEEKS ? end - WEEKS : 0; w <= h->week; w++) {
        for (unsigned d = 0; d < 7; d++) {
            struct clock day = day_of(h, w, d);
            if (day.n == 0)
                continue;
            if (days >= MOVED_BEFORE && apart_hours(&day, &before) >= MOVED_HOURS) {
                add_clock(&run, &day);
                if (++moved == MOVED_DAYS)
                    return true;
                continue;
            }
            add_clock(&before, &run);
            add_clock(&before, &day);
            days += moved + 1;
            run = (struct clock){ 0 };
            moved = 0;
        }
    }
    return false;
}

/* Circular mean of the hours. */
static double midday(const struct view *v)
{
    double x = 0, y = 0;
    for (unsigned i = 0; i < HOURS; i++) {
        if (v->count[i] == 0)
            continue; /* most of a person's hours: an addend of zero changes nothing */
        x += v->count[i] * cos(2 * M_PI * (i + 0.5) / HOURS);
        y += v->count[i] * sin(2 * M_PI * (i + 0.5) / HOURS);
    }
    return atan2(y, x) / (2 * M_PI) * HOURS;
}

/* Hours from midday, 0 to 23. */
static unsigned from_midday(double middle, unsigned hour)
{
    return (unsigned)((int)floor(hour + 0.5 - middle + 0.5) + 2 * (int)HOURS) % HOURS;
}

/* ---- how odd ---- */
static void smooth(const double in[HOURS], double out[HOURS])
{
    static const double weight[5] = { 0.3 / 3, 0.7 / 3, 1.0 / 3, 0.7 / 3, 0.3 / 3 };
    for (unsigned i = 0; i < HOURS; i++) {
        out[i] = 0;
        for (unsigned k = 0; k < 5; k++)
            out[i] += weight[k] * in[(i + k + HOURS - 2) % HOURS];
    }
}

/* The day of somebody of whom nothing is known, by hours from midday; sums to 1. */
static const double built_in[HOURS] = {
    0.104, 0.104, 0.104, 0.104, 0.06,  0.04,   0.02, 0.0115, 0.001, 0.001, 0.001, 0.001,
    0.001, 0.001, 0.001, 0.001, 0.001, 0.0115, 0.02, 0.04,   0.06,  0.104, 0.104, 0.104,
};

static void peers_share(const struct mixture *c, double out[HOURS])
{
    double counts[HOURS], known[HOURS], n = c != NULL ? c->n : 0;
    for (unsigned i = 0; i < HOURS; i++)
        counts[i] = c != NULL ? c->bin[i] : 0;
    smooth(counts, known);
    for (unsigned i = 0; i < HOURS; i++)
        out[i] = (known[i] + BUILT_IN * built_in[i]) / (n + BUILT_IN);
}

/* Share of hours no likelier than this one. */
static double share_of(const struct view *v, const struct mixture *c, unsigned hour)
{
    double counts[HOURS], own[HOURS], peers[HOURS], middle = midday(v);
    for (unsigned i = 0; i < HOURS; i++)
        counts[i] = v->count[i];
    smooth(counts, own);
    peers_share(c, peers);
    double here = own[hour] + PEER_WEIGHT * peers[from_midday(middle, hour)], sum = 0;
    for (unsigned i = 0; i < HOURS; i++) {
        double there = own[i] + PEER_WEIGHT * peers[from_midday(middle, i)];
        sum += there <= here * (1 + 1e-9) ? there : 0;
    }
    return sum / (v->total + PEER_WEIGHT);
}

static struct kt_key circle_key(struct kt_str role)
{
    return (struct kt_key){ role.len == 0 ? 1 : kt_hash64(role, ROLE_SEED) | 2, 0 };
}

/* The people of the same permission set when they are enough, else everybody. */
static const struct mixture *colleagues(const struct kt_scene *s, enum whose whose)
{
    const struct circle *c = kt_table_peek(s->tables[T_CIRCLE], circle_key(s->team));
    if (c != NULL && c->of[whose].people >= TEAM_PEOPLE && c->of[whose].n >= TEAM_HOURS)
        return &c->of[whose];
    c = kt_table_peek(s->tables[T_CIRCLE], circle_key(KT_STR_NONE));
    return c != NULL ? &c->of[whose] : NULL;
}

static void judge_hour(const struct kt_scene *s, const struct options *o, struct habit *h)
{
    uint32_t hour = s->minute / 60, date = kt_actor_date(s->actor, s->minute);
    if (h->judged == hour + 1)
        return;
    struct view v = look(h, date / 7);
    bool off = v.rest >> date % 7 & 1 || is_holiday(s->shared->conf, date);
    h->judged = hour + 1;
    h->p[OF_ALL] = h->p[OF_STEADY] = 1;
    if (off || v.total < o->least_hours)
        return;
    double all = share_of(&v, colleagues(s, OF_ALL), hour % HOURS);
    double steady = h->moved ? all : share_of(&v, colleagues(s, OF_STEADY), hour % HOURS);
    h->p[OF_ALL] = (float)all;
    h->p[OF_STEADY] = (float)fmin(all, steady);
}

/* A roster explains any hour. */
static bool is_on_call(const struct kt_scene *s)
{
    return s->identity != NULL && kt_identity_on_call(s->identity, s->t);
}

/* Abroad the clock is another: a new country is the business of unexpected_ip alone. */
static bool at_home(const struct kt_scene *s)
{
    const struct kt_places *p = s->places;
    unsigned here = 0, most = 0;
    if (!s->where.usable || s->where.inside || s->where.country == 0)
        return true;
    for (unsigned i = 0; i < p->n_place; i++) {
        unsigned days = 0;
        for (unsigned k = 0; k < p->n_place; k++)
            days += p->place[k].country == p->place[i].country ? p->place[k].days : 0;
        most = days > most ? days : most;
        here = p->place[i].country == s->where.country ? days : here;
    }
    return here >= HOME_DAYS || here >= most;
}

/* ---- words ---- */
enum { N_READS, N_FROM, N_DUTY, N_MOVED };

/* The hours around this one in which it is as rarely at work. */
static unsigned stretch(const struct view *v, unsigned hour, unsigned *ret_from, unsigned *ret_to)
{
    unsigned from = hour, to = (hour + 1) % HOURS, n = v->count[hour];
    for (unsigned i = 1; i < HOURS && v->count[(from + HOURS - 1) % HOURS] <= v->count[hour]; i++) {
        from = (from + HOURS - 1) % HOURS;
        n += v->count[from];
    }
    for (; to != from && v->count[to] <= v->count[hour]; to = (to + 1) % HOURS)
        n += v->count[to];
    *ret_from = from;
    *ret_to = to;
    return n;
}

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    const struct habit *h = kt_table_peek(s->tables[T_PERSON], s->who);
    struct view v = look(h, kt_actor_date(s->actor, s->minute) / 7);
    unsigned from, to, n = stretch(&v, s->minute / 60 % HOURS, &from, &to);
    char who[160], since[KT_TIME_TEXT_MAX], first[KT_TIME_TEXT_MAX], now[KT_TIME_TEXT_MAX];
    char span[64], total[32], some[32], duty[120] = "";
    bool team = s->identity != NULL && s->identity->team != NULL;
    const char *peers = team ? "of its team" : "with its role";
    kt_say_name(s->ev->actor, 80, who);
    kt_time_format((kt_time_ns)v.since * KT_NS_DAY, since);
    kt_time_format((kt_time_ns)f->number[N_FROM] * KT_NS_MIN, first);
    kt_time_format(s->t, now);
    if ((uint32_t)f->number[N_FROM] == s->minute)
        KT_SAY(span, "at %.5s UTC", now + 11);
    else
        KT_SAY(span, "between %.5s and %.5s UTC", first + 11, now + 11);
    KT_SAY(f->title, "%s asked for secrets %.0f times %s, outside its hours.", who,
           f->number[N_READS], span);
    if (f->number[N_DUTY] > 0)
        KT_SAY(duty, " Colleagues %s were at work at this time too in 60 days: a duty?", peers);
    else if (f->number[N_MOVED] > 0)
        KT_SAY(duty, " Its hours have moved like this before: a shift?");
    KT_SAY(f->normal,
           "Of %s active hours on its workdays since %.10s (the last 24 hours not counted) %s lay "
           "between %02u:00 and %02u:00 UTC.%s",
           kt_say_count(v.total, total), since, n == 0 ? "none" : kt_say_count(n, some), from, to,
           duty);
    KT_SAY(f->part, "at work at %.5s UTC, %s of %s active hours between %02u:00 and %02u:00",
           now + 11, n == 0 ? "none" : some, total, from, to);
    KT_SAY(
        f->quiet,
        "Earlier nights of its own, or those of two colleagues %s. The first night on call looks "
        "like this.",
        peers);
}

/* ---- the event ---- */
#define WORK   (1u << 31) /* beside the minute: it was part of announced work */
#define MINUTE (WORK - 1)

static unsigned recent_of(const struct habit *h, unsigned which, uint32_t minute, uint32_t width,
                          bool work)
{
    unsigned n = 0;
    for (unsigned i = 0; i < RECENT; i++) {
        uint32_t at = h->recent[which].at[i], m = at & MINUTE;
        bool same = (at & WORK) == (work ? WORK : 0);
        n += same && m != 0 && m <= minute && minute - m < width;
    }
    return n;
}

/* Those of production, and what is new to the person beside them: whoever collects does not ask
 * what is production. */
static unsigned recent_in(const struct habit *h, uint32_t minute, uint32_t width, bool work)
{
    unsigned n = recent_of(h, RECENT_PRODUCTION, minute, width, work);
    return n >= 2 ? n + recent_of(h, RECENT_OTHER, minute, width, work) : n;
}

static uint32_t newest_of(const struct habit *h, uint32_t minute)
{
    for (unsigned i = 0; i < RECENT; i++) {
        for (unsigned which = 0; which < KT_ARRAY_LEN(h->recent); which++) {
            uint32_t m = h->recent[which].at[i] & MINUTE;
            minute = m > minute ? m : minute;
        }
    }
    return minute;
}

/* A log without order may bring the third read before the second: the newest is asked as well. */
static bool enough(const struct options *o, const struct habit *h, uint32_t minute, bool work)
{
    uint32_t newest = newest_of(h, minute);
    return recent_in(h, minute, 60, work) >= o->burst ||
           recent_in(h, minute, 360, work) >= o->drip ||
           recent_in(h, newest, 60, work) >= o->burst || recent_in(h, newest, 360, work) >= o->drip;
}

/* Another network than the usual ones, or another client. */
static bool is_elsewhere(const struct kt_scene *s)
{
    const struct kt_place *p = kt_place_of(s->places, s->where.network);
    bool at_home = !s->where.usable || s->where.inside ||
                   (p != NULL && p->days > 0 && !kt_place_tainted(p, s->minute));
    bool own_client = s->client == 0 || kt_client_known(s->places, s->client);
    return !at_home || !own_client;
}

/* Somebody who works late, or is called, does the usual from where it always is; a thief at night
 * looks for what there is, or comes from elsewhere. */
static bool is_strange(const struct kt_scene *s)
{
    return s->novelty.weight > 0 || is_elsewhere(s);
}

/* Who stays late in a firm that is awake may take up one thing; who has come for something takes
 * more: from a third on the shifts of others explain no hour of somebody whose hours never moved.
 */
static enum whose compared_with(const struct run *run)
{
    return run->unread * 3 >= run->n ? OF_STEADY : OF_ALL;
}

/* What one call gave of one config: the names of it are one read. */
static uint64_t config_of(const struct kt_scene *s)
{
    size_t end = s->ev->secret.len;
    while (end > 0 && s->ev->secret.at[end - 1] != '/')
        end--;
    return kt_hash64(kt_str_sub(s->ev->secret, 0, end), s->actor->call) | 1;
}

/* A further name of a config that was counted and whose first one it knows: new to it is what the
 * call gave, too. false: it says nothing more. */
static bool note_along(const struct kt_scene *s, struct habit *h)
{
    struct run *run = &h->run[s->expected];
    uint64_t config = config_of(s);
    if (run->n == 0 || h->counted != config || s->novelty.known || h->config == config)
        return false;
    run->strange += !is_elsewhere(s);
    run->unread++;
    h->config = config;
    return true;
}

static void note_read(const struct kt_scene *s, struct habit *h, bool other)
{
    uint32_t minute = s->minute;
    bool work = s->expected;
    unsigned which = other ? RECENT_OTHER : RECENT_PRODUCTION;
    h->recent[which].at[h->recent[which].n++ % RECENT] = minute | (work ? WORK : 0);
    uint32_t *from = &h->run[work].from, *last = &h->run[work].last, *n = &h->run[work].n;
    if (*n == 0 || minute > *last + 360 || minute + 360 < *from) {
        *from = *last = minute;
        *n = h->run[work].strange = h->run[work].elsewhere = h->run[work].unread = 0;
        h->run[work].away = 0;
    }
    ++*n;
    h->run[work].away += !kt_at_desk(s, &h->desk);
    h->run[work].strange += is_strange(s);
    h->run[work].elsewhere += is_elsewhere(s);
    h->run[work].unread += s->novelty.weight > 0;
    h->counted = config_of(s);
    h->config = s->novelty.weight > 0 ? h->counted : h->config;
    *from = minute < *from ? minute : *from;
    *last = minute > *last ? minute : *last;
}

/* Minutes between two times of the day. */
static uint32_t apart(uint32_t a, uint32_t b)
{
    uint32_t d = (a % 1440 + 1440 - b % 1440) % 1440;
    return d < 720 ? d : 1440 - d;
}

/* Two others of the circle at work at this time of the day too, whose odd hours no incident held
 * back. */
static bool is_shift(const struct kt_scene *s, struct kt_str of)
{
    const struct circle *c = kt_table_peek(s->tables[T_CIRCLE], circle_key(of));
    uint32_t first = 0;
    for (unsigned i = 0; c != NULL && i < HOURS * NIGHT_OTHERS; i++) {
        const struct night *at = &c->night[i / NIGHT_OTHERS][i % NIGHT_OTHERS];
        if (at->actor == 0 || at->actor == s->actor->number || at->actor == first ||
            at->minute + NIGHT_MIN < s->minute || apart(at->minute, s->minute) > DUTY_SHIFT_MIN)
            continue;
        if (first != 0)
            return true;
        first = at->actor;
    }
    return false;
}

/* Evidence is told, or part of a change of the environment: what comes next sees which. */
static void settle(const struct kt_scene *s, struct habit *h)
{
    if (kt_told_of(s->actor, h->asked, KT_FAMILY_TIME))
        h->told = h->asked;
    h->asked = 0;
}

/* Was somebody told of its hours within a week, on another night? While all else is as usual the
 * second night is no other news than the first. */
static bool told_before(const struct kt_scene *s, const struct habit *h)
{
    return h->told != 0 && s->minute > h->told + NIGHT_OVER_MIN &&
           s->minute < h->told + TOLD_AGAIN_MIN && h->run[s->expected].strange == 0;
}

/* That none of n hours lay there says of a person's habit no more than one in n. Where nothing else
 * is odd the hour has to say it alone, and may not say more than is known. */
static double least_share(const struct kt_scene *s, const struct habit *h)
{
    const struct run *run = &h->run[s->expected];
    if (run->strange > 0 || run->away > 0)
        return 0;
    return 1.0 / (look(h, kt_actor_date(s->actor, s->minute) / 7).total + 2);
}

static void tell(struct kt_scene *s, const struct options *o, struct habit *h, double p)
{
    bool duty = s->team.len > 0 && is_shift(s, s->team);
    bool shift = duty || is_shift(s, KT_STR_NONE);
    bool moved = has_moved(h, kt_actor_date(s->actor, s->minute) / 7);
    double cap = s->actor->kind == KT_ACTOR_HUMAN ? o->cap : o->unsure_cap;
    cap = shift && h->run[s->expected].strange == 0 ? fmin(cap, o->usual_cap) : cap;
    cap = told_before(s, h) ? fmin(cap, o->usual_cap) : cap;
    if (moved && h->run[s->expected].elsewhere == 0) /* what it never read is no shift's */
        cap = fmin(cap, h->run[s->expected].strange == 0 ? o->moved_cap : o->usual_cap);
    p = fmax(p, least_share(s, h));
    double points = fmin(cap, -o->weight * log10(p)) - (duty ? o->duty : 0);
    struct kt_finding *f = kt_find(s, KT_FAMILY_TIME, kt_points(points), KT_FIND_PRODUCTION, words);
    if (f == NULL)
        return;
    h->asked = points > o->usual_cap && !s->expected ? s->minute : h->asked;
    f->number[N_READS] = h->run[s->expected].n;
    f->number[N_FROM] = h->run[s->expected].from;
    f->number[N_DUTY] = duty;
    f->number[N_MOVED] = moved;
}

static void judge(struct kt_scene *s, const struct options *o)
{
    struct habit *h = kt_table_get(s->tables[T_PERSON], s->who);
    bool asked = s->read || kt_event_is_probe(s->ev);
    if (h != NULL && h->asked != 0)
        settle(s, h);
    if (h == NULL || !asked || s->young || s->shared->learning || is_on_call(s) ||
        s->ev->flags & (KT_FLAG(SHADOW) | KT_FLAG(BULK)))
        return;
    judge_hour(s, o, h);
    if ((double)h->p[OF_STEADY] > o->odd)
        return;
    bool other = kt_production(s->shared->conf, s->ev->secret) == 0;
    if (s->along ? !note_along(s, h) : other && !(s->read && s->novelty.weight > 0))
        return;
    if (!s->along)
        note_read(s, h, other);
    if (!s->along && s->taught)
        kt_put_aside(s, ASIDE_NIGHT, circle_key(s->team).a, (s->minute / 60 + 1) * 60,
                     (uint16_t[4]){ 1, 0, 0, 0 });
    double p = (double)h->p[compared_with(&h->run[s->expected])];
    if (p <= o->odd && enough(o, h, s->minute, s->expected))
        tell(s, o, h, p);
}

static void on_event(struct kt_scene *s, const void *opt)
{
    if (s->actor == NULL || !kt_kind_is_person(s->actor->kind) || s->late || !at_home(s))
        return;
    judge(s, opt);
    if (s->taught)
        kt_put_aside(s, ASIDE_HOUR, circle_key(s->team).a, (s->minute / 60 + 1) * 60,
                     (uint16_t[4]){ 1, s->where.usable && s->where.inside, 0, 0 });
}

/* ---- 24 h later ---- */
/* Notes the hour; false: it is known, or older than the memory. */
static bool note_hour(struct habit *h, uint32_t date, unsigned hour)
{
    uint32_t week = date / 7;
    if (week + WEEKS <= h->week)
        return false;
    for (uint32_t w = h->week + WEEKS < week ? week - WEEKS + 1 : h->week + 1; w <= week; w++)
        memset(h->days[w % WEEKS], 0, sizeof h->days[0]);
    h->week = week > h->week ? week : h->week;
    uint8_t *bits = &h->days[week % WEEKS][hour], bit = (uint8_t)(1u << date % 7);
    bool fresh = !(*bits & bit);
    *bits |= bit;
    return fresh;
}

static void mix_in(struct mixture *c, uint32_t actor, unsigned bin)
{
    bool known = c->people == TEAM_PEOPLE;
    for (unsigned i = 0; i < c->people && !known; i++)
        known = c->person[i] == actor;
    if (!known)
        c->person[c->people++] = actor;
    c->bin[bin]++;
    c->n++;
    if (c->n < CIRCLE_MAX)
        return;
    c->n = 0;
    for (unsigned i = 0; i < HOURS; i++)
        c->n += c->bin[i] /= 2;
}

static void note_peer(struct kt_scene *s, struct kt_key key, unsigned bin, bool moved)
{
    struct circle *c = kt_table_put(s->tables[T_CIRCLE], key, NULL);
    mix_in(&c->of[OF_ALL], s->actor->number, bin);
    if (!moved)
        mix_in(&c->of[OF_STEADY], s->actor->number, bin);
}

static void note_night(struct kt_scene *s, uint64_t role, uint32_t minute)
{
    struct circle *c = kt_table_put(s->tables[T_CIRCLE], (struct kt_key){ role, 0 }, NULL);
    struct night *at = c->night[minute / 60 % HOURS], *slot = &at[0];
    for (unsigned i = 0; i < NIGHT_OTHERS && slot->actor != s->actor->number; i++) {
        bool better = at[i].actor == s->actor->number || at[i].minute < slot->minute;
        slot = better ? &at[i] : slot;
    }
    if (slot->minute < minute)
        *slot = (struct night){ s->actor->number, minute };
}

static void on_learn(struct kt_scene *s, const void *opt, const struct kt_pending *p)
{
    const struct options *o = opt;
    uint32_t minute = p->time_min - 60, date = kt_actor_date(s->actor, minute);
    unsigned hour = minute / 60 % HOURS;
    if (p->what == ASIDE_NIGHT) {
        note_night(s, p->key, minute);
        if (p->key != circle_key(KT_STR_NONE).a)
            note_night(s, circle_key(KT_STR_NONE).a, minute);
        return;
    }
    if (is_holiday(s->shared->conf, date))
        return;
    struct habit *h = kt_table_put(s->tables[T_PERSON], s->who, NULL);
    if (p->v[1] > 0)
        kt_desk_learn(&h->desk, date);
    if (!note_hour(h, date, hour))
        return;
    if (h->looked != date + 1) {
        h->looked = date + 1;
        h->moved = has_moved(h, date / 7);
    }
    struct view v = look(h, date / 7);
    if (v.total < o->least_hours || v.rest >> date % 7 & 1)
        return; /* its midday is not known yet */
    unsigned bin = from_midday(midday(&v), hour);
    note_peer(s, circle_key(KT_STR_NONE), bin, h->moved);
    if (p->key != circle_key(KT_STR_NONE).a)
        note_peer(s, (struct kt_key){ p->key, 0 }, bin, h->moved);
}

static void considered(const struct kt_scene *s, const void *opt, struct kt_buf *out)
{
    const struct options *o = opt;
    const struct habit *h = kt_table_peek(s->tables[T_PERSON], s->who);
    if (s->actor == NULL || h == NULL || !(s->read || kt_event_is_probe(s->ev)))
        return;
    struct view v = look(h, kt_actor_date(s->actor, s->minute) / 7);
    unsigned hour = s->minute / 60 % HOURS;
    if (v.total >= o->least_hours)
        kt_buf_addf(out, "time (%u of its %u active hours lie at %02u:00 UTC%s)", v.count[hour],
                    v.total, hour, is_on_call(s) ? ", on call" : "");
}

static const struct kt_part_needs needs[] = {
    { NULL, KT_NEED(PERSON) | KT_NEED(READ) },
    { NULL, 0 },
};

const struct kt_detector kt_detector_unusual_time = {
    .name = "unusual_time",
    .summary = "A person reads secrets of production at an hour at which it is never at work",
    .options = options,
    .options_size = sizeof(struct options),
    .needs = needs,
    .tables = tables,
    .n_tables = KT_ARRAY_LEN(tables),
    .on_event = on_event,
    .on_learn = on_learn,
    .considered = considered,
};
