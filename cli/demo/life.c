/*
 * life: what the invented company does. Working days, services around the clock, deploys, and three
 * incidents.
 *
 * Owns:  the files it writes.
 * Calls: cli/demo/{company,records}, core/base, core/sys/rng; files below the demo's folder.
 */
#include "cli/demo/life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/demo/company.h"
#include "cli/demo/records.h"
#include "core/base/alloc.h"
#include "core/base/zip.h"
#include "core/event/line.h"

#define DAY_EVENTS_MAX 8192u
#define OBJECT_EVERY   (2 * KT_NS_S)
#define BUSY_FOR       (3 * KT_NS_MIN)
#define BUSY_STEP      (1300 * KT_NS_MS) /* one ordinary access each */
#define QUIET_STEP     (15 * KT_NS_S)

static const char *const person_agent = "Vault/1.18";
static const char *const role_agent =
    "aws-sdk-go-v2/1.32.6 os/linux lang/go#1.23.4 md/GOARCH#amd64 api/secretsmanager#1.34.8";

enum what { READ, LOGIN, TYPO };
struct access {
    kt_time_ns time, arrival;
    unsigned actor;
    unsigned secret;   /* index of kt_demo_secret */
    const char *team;  /* of the secret */
    const char *from;  /* address */
    const char *agent; /* user agent, CloudTrail */
    bool production;
    enum what what;
};

static bool in_vault(const struct access *a)
{
    enum kt_demo_kind k = kt_demo_actors[a->actor].kind;
    return k == KT_DEMO_PERSON || k == KT_DEMO_POD;
}

/* Vault: two lines. CloudTrail: one, without a newline at its end. */
static void render(const struct access *a, const struct kt_rng *rng, struct kt_buf *out)
{
    const struct kt_demo_actor *who = &kt_demo_actors[a->actor];
    const char *stage = a->production ? "prod" : "staging", *name = kt_demo_secret(a->secret);
    char secret[96], session[48];
    if (in_vault(a)) {
        snprintf(secret, sizeof secret, "%s/%s/%s", a->team, stage, name);
        struct kt_demo_vault v = { .time = a->time,
                                   .who = who->name,
                                   .pod = who->kind == KT_DEMO_POD,
                                   .login = a->what != READ,
                                   .fails = a->what == TYPO,
                                   .secret = secret,
                                   .address = a->from,
                                   .entity = a->actor };
        kt_demo_vault_pair(&v, rng, out);
        return;
    }
    snprintf(secret, sizeof secret, "%s/%s/%s", stage, a->team, name);
    if (who->kind == KT_DEMO_CI)
        snprintf(session, sizeof session, "run-%lld", (long long)(a->time / KT_NS_HOUR % 100000));
    else
        snprintf(session, sizeof session, "i-0a4f%08xc1", 2654435761u * (a->actor + 1));
    struct kt_demo_cloudtrail c = { .time = a->time,
                                    .role = who->name,
                                    .session = session,
                                    .secret = secret,
                                    .address = a->from,
                                    .user_agent = a->agent != NULL ? a->agent : role_agent,
                                    .entity = a->actor };
    kt_demo_cloudtrail_record(&c, rng, out);
}

/* An ordinary access of actor i at t. */
static struct access ordinary(unsigned i, kt_time_ns t, const struct kt_rng *rng)
{
    const struct kt_demo_actor *who = &kt_demo_actors[i];
    bool person = who->kind == KT_DEMO_PERSON;
    struct access a = { .time = t,
                        .actor = i,
                        .team = who->team,
                        .from = who->home,
                        .agent = person ? person_agent : NULL,
                        .production = !person || kt_rng_below(rng, 3) != 0,
                        .secret = who->first + (unsigned)kt_rng_below(rng, who->own) };
    /* Vault is there in milliseconds, CloudTrail in minutes. */
    a.arrival = in_vault(&a) ? t + 300 * KT_NS_MS
                             : t + (240 + (kt_time_ns)kt_rng_below(rng, 180)) * KT_NS_S;
    return a;
}

/* ---- sixty days ---- */

struct day {
    struct access at[DAY_EVENTS_MAX];
    unsigned n;
};

static void add(struct day *d, struct access a)
{
    if (d->n < DAY_EVENTS_MAX)
        d->at[d->n++] = a;
}

static void person_day(struct day *d, unsigned i, kt_time_ns midnight, const struct kt_rng *rng)
{
    if (kt_time_civil(midnight).weekday >= 5 || kt_rng_below(rng, 12) == 0)
        return;
    unsigned n =
        kt_demo_actors[i].per_day / 2 + (unsigned)kt_rng_below(rng, kt_demo_actors[i].per_day);
    kt_time_ns begin = midnight + (7 * 60 + (kt_time_ns)kt_rng_below(rng, 90)) * KT_NS_MIN;
    struct access login = ordinary(i, begin, rng);
    if (kt_rng_below(rng, 20) == 0) {
        login.what = TYPO;
        add(d, login);
        login.time += 9 * KT_NS_S;
        login.arrival += 9 * KT_NS_S;
    }
    login.what = LOGIN;
    add(d, login);
    for (unsigned k = 0; k < n; k++)
        add(d, ordinary(i, begin + KT_NS_MIN + (kt_time_ns)kt_rng_below(rng, 9 * 3600) * KT_NS_S,
                        rng));
}

static void machine_day(struct day *d, unsigned i, kt_time_ns midnight, const struct kt_rng *rng)
{
    for (unsigned k = 0; k < kt_demo_actors[i].per_day; k++)
        add(d, ordinary(i, midnight + (kt_time_ns)kt_rng_below(rng, 86400) * KT_NS_S, rng));
}

static void ci_day(struct day *d, unsigned i, kt_time_ns midnight, const struct kt_rng *rng)
{
    const struct kt_demo_actor *who = &kt_demo_actors[i];
    if (kt_time_civil(midnight).weekday >= 5)
        return;
    for (unsigned run = 0; run < who->per_day / who->own; run++) {
        kt_time_ns t = midnight + (8 * 3600 + (kt_time_ns)kt_rng_below(rng, 9 * 3600)) * KT_NS_S;
        for (unsigned k = 0; k < who->own; k++) {
            struct access a = ordinary(i, t + (kt_time_ns)k * KT_NS_S, rng);
            a.secret = who->first + k;
            add(d, a);
        }
    }
}

static int by_arrival(const void *x, const void *y)
{
    const struct access *a = x, *b = y;
    if (a->arrival != b->arrival)
        return a->arrival < b->arrival ? -1 : 1;
    return a->actor != b->actor ? (a->actor < b->actor ? -1 : 1) : 0;
}

static void feed_line(const struct access *a, struct kt_str record, kt_time_ns arrival,
                      struct kt_buf *out)
{
    kt_buf_addf(out, "{\"received_ns\":%lld,\"source\":\"%s\",\"instance\":\"%s\",\"record\":",
                (long long)arrival, in_vault(a) ? "vault" : "cloudtrail",
                in_vault(a) ? "vault-prod" : "aws-main");
    kt_json_quote(out, record);
    kt_buf_addz(out, "}\n");
}

static void feed_access(const struct access *a, const struct kt_rng *rng, struct kt_buf *scratch,
                        struct kt_buf *out)
{
    kt_buf_reset(scratch);
    render(a, rng, scratch);
    struct kt_str rest = kt_buf_str(scratch), line;
    for (kt_time_ns t = a->arrival; rest.len > 0 && kt_str_split(&rest, '\n', &line); t += KT_NS_MS)
        if (line.len > 0)
            feed_line(a, line, t, out);
}

static void live_day(struct day *d, kt_time_ns midnight, const struct kt_rng *rng)
{
    for (unsigned i = 0; i < kt_demo_actors_n; i++) {
        if (kt_demo_actors[i].kind == KT_DEMO_PERSON)
            person_day(d, i, midnight, rng);
        else if (kt_demo_actors[i].kind == KT_DEMO_CI)
            ci_day(d, i, midnight, rng);
        else
            machine_day(d, i, midnight, rng);
    }
    qsort(d->at, d->n, sizeof d->at[0], by_arrival);
}

enum kt_status kt_demo_history(const char *path, kt_time_ns until, uint64_t seed,
                               uint64_t *ret_records, struct kt_error *err)
{
    FILE *f = fopen(path, "ae");
    if (f == NULL)
        return kt_fail_errno(err, "open '%s'", path);
    struct kt_rng_seeded state = { .state = seed };
    struct kt_rng rng = kt_rng_seeded(&state);
    struct day *day = kt_alloc(sizeof *day);
    struct kt_buf scratch = { 0 }, out = { 0 };
    /* Noon of the company's day is the hour of the demo: at night too it shows a day at work. */
    kt_time_ns first = until - KT_NS_DAY / 2 - KT_DEMO_DAYS * KT_NS_DAY;
    bool ok = true;
    *ret_records = 0;
    for (int d = 0; d <= KT_DEMO_DAYS && ok; d++) {
        day->n = 0;
        live_day(day, first + d * KT_NS_DAY, &rng);
        kt_buf_reset(&out);
        for (unsigned i = 0; i < day->n; i++) {
            if (day->at[i].arrival < until) {
                feed_access(&day->at[i], &rng, &scratch, &out);
                ++*ret_records;
            }
        }
        ok = out.len == 0 || fwrite(out.at, 1, out.len, f) == out.len;
    }
    kt_buf_done(&scratch);
    kt_buf_done(&out);
    kt_free(day);
    if (fclose(f) != 0 || !ok)
        return kt_fail_errno(err, "write '%s'", path);
    return KT_OK;
}

/* ---- live ---- */

#define PLAN_MAX 512u

struct kt_demo_life {
    struct kt_demo_life_options o;
    struct kt_rng_seeded state;
    struct kt_rng rng;
    struct access plan[PLAN_MAX]; /* the incidents, by time */
    const char *says[PLAN_MAX];   /* what the narrator says at that one */
    unsigned n, next;
    kt_time_ns ordinary_next, object_next;
    struct kt_buf object; /* records of the object being filled */
    struct kt_buf scratch;
};

static unsigned actor(const char *name)
{
    for (unsigned i = 0; i < kt_demo_actors_n; i++) {
        if (strcmp(kt_demo_actors[i].name, name) == 0)
            return i;
    }
    return 0;
}

static void plan(struct kt_demo_life *l, kt_time_ns after, struct access a, const char *says)
{
    a.time = l->o.start + after;
    a.production = true;
    l->says[l->n] = says;
    l->plan[l->n++] = a;
}

static void plan_incidents(struct kt_demo_life *l)
{
    unsigned orders = actor("orders-svc"), dana = actor("dana"), marc = actor("marc");
    for (unsigned k = 0; k < 4; k++)
        plan(l, 6 * KT_NS_S + k * KT_NS_S,
             (struct access){ .actor = orders,
                              .team = "payments",
                              .secret = k,
                              .from = "45.137.81.9",
                              .agent = "Boto3/1.35.71 Python/3.12" },
             k == 0 ? "the key of orders-svc was stolen and is used from a rented server" : NULL);
    for (unsigned k = 0; k < 72; k++)
        plan(l, 14 * KT_NS_S + k * 120 * KT_NS_MS,
             (struct access){ .actor = dana,
                              .team = k < KT_DEMO_SECRETS ? "payments" : "platform",
                              .secret = k,
                              .from = kt_demo_actors[dana].home },
             k == 0 ? "dana's session begins to read one secret after the other" : NULL);
    for (unsigned k = 0; k < 14; k++)
        plan(l, 25 * KT_NS_S + k * 500 * KT_NS_MS,
             (struct access){
                 .actor = marc, .team = "platform", .what = TYPO, .from = "185.220.44.13" },
             k == 0 ? "somebody guesses marc's password" : NULL);
    plan(l, 33 * KT_NS_S,
         (struct access){
             .actor = marc, .team = "platform", .what = LOGIN, .from = "185.220.44.13" },
         "… and gets in");
    for (unsigned k = 0; k < 3; k++)
        plan(l, 34 * KT_NS_S + k * KT_NS_S,
             (struct access){
                 .actor = marc, .team = "platform", .secret = k, .from = "185.220.44.13" },
             NULL);
}

struct kt_demo_life *kt_demo_life_new(const struct kt_demo_life_options *o)
{
    struct kt_demo_life *l = kt_alloc(sizeof *l);
    l->o = *o;
    l->state.state = o->seed;
    l->rng = kt_rng_seeded(&l->state);
    l->ordinary_next = l->object_next = o->start;
    if (!o->calm)
        plan_incidents(l);
    return l;
}

void kt_demo_life_free(struct kt_demo_life *l)
{
    if (l == NULL)
        return;
    kt_buf_done(&l->object);
    kt_buf_done(&l->scratch);
    kt_free(l);
}

bool kt_demo_life_done(const struct kt_demo_life *l)
{
    return l->next == l->n;
}

static enum kt_status append(const char *path, struct kt_str data, struct kt_error *err)
{
    FILE *f = fopen(path, "ae");
    if (f == NULL)
        return kt_fail_errno(err, "open '%s'", path);
    size_t n = fwrite(data.at, 1, data.len, f);
    if (fclose(f) != 0 || n != data.len)
        return kt_fail_errno(err, "write '%s'", path);
    return KT_OK;
}

static enum kt_status happen(struct kt_demo_life *l, const struct access *a, struct kt_error *err)
{
    kt_buf_reset(&l->scratch);
    render(a, &l->rng, &l->scratch);
    if (in_vault(a))
        return append(l->o.vault_log, kt_buf_str(&l->scratch), err);
    kt_buf_addz(&l->object, l->object.len == 0 ? "{\"Records\":[" : ",");
    kt_buf_add(&l->object, kt_buf_str(&l->scratch));
    return KT_OK;
}

/* One CloudTrail object: written beside, then renamed, as a mounted bucket or a sync does. */
static enum kt_status close_object(struct kt_demo_life *l, kt_time_ns now, struct kt_error *err)
{
    if (l->object.len == 0)
        return KT_OK;
    kt_buf_addz(&l->object, "]}\n");
    struct kt_civil c = kt_time_civil(now);
    char path[4096], tmp[4096 + 8];
    snprintf(path, sizeof path,
             "%s/" KT_DEMO_ACCOUNT "_CloudTrail_" KT_DEMO_REGION
             "_%04d%02d%02dT%02d%02dZ_%016llx.json.gz",
             l->o.objects, c.year, c.month, c.day, c.hour, c.minute,
             (unsigned long long)kt_rng_u64(&l->rng));
    snprintf(tmp, sizeof tmp, "%s.tmp", path);
    struct kt_buf packed = { 0 };
    kt_gzip(kt_buf_str(&l->object), &packed);
    enum kt_status st = append(tmp, kt_buf_str(&packed), err);
    kt_buf_done(&packed);
    kt_buf_reset(&l->object);
    if (st == KT_OK && rename(tmp, path) != 0)
        st = kt_fail_errno(err, "rename '%s'", tmp);
    return st;
}

enum kt_status kt_demo_life_turn(struct kt_demo_life *l, kt_time_ns now, const char **ret_said,
                                 struct kt_error *err)
{
    *ret_said = NULL;
    for (; l->ordinary_next <= now;
         l->ordinary_next += now - l->o.start < BUSY_FOR ? BUSY_STEP : QUIET_STEP) {
        struct access a =
            ordinary((unsigned)kt_rng_below(&l->rng, kt_demo_actors_n), l->ordinary_next, &l->rng);
        if (happen(l, &a, err) != KT_OK)
            return err->code;
    }
    while (l->next < l->n && l->plan[l->next].time <= now) {
        if (happen(l, &l->plan[l->next], err) != KT_OK)
            return err->code;
        const char *says = l->says[l->next++];
        if (says != NULL) {
            *ret_said = says;
            break;
        }
    }
    if (now < l->object_next)
        return KT_OK;
    l->object_next = now + OBJECT_EVERY;
    return close_object(l, now, err);
}
