/*
 * gen: records for the bench, in the original formats: 200 actors, 2,000 secrets, 5,000 addresses,
 * all with heavy tails, in one of two shapes:
 *
 *   flood      actor, secret and address are drawn by themselves, within three hours: each actor
 *              comes to read every secret from everywhere, all of it new. The worst that can come.
 *   --habits   an actor has a few dozen secrets and a few addresses of its own, of which it uses
 *              few most of the time and seldom a foreign one; people work by day; two weeks.
 *
 *   gen [--habits] vault N SEED            N lines of a Vault audit file (N / 2 accesses)
 *   gen [--habits] cloudtrail N SEED DIR   N records in objects of 5,000:
 *                                          DIR/object-NNNNN.json.gz
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/demo/records.h"
#include "core/base/hash.h"
#include "core/base/zip.h"

#define OBJECT_RECORDS 5000u
#define ACTORS         200u
#define SECRETS        2000u
#define ADDRESSES      5000u
#define FOREIGN        2000u /* one access of so many is of a secret, or from a place, of others */

static unsigned skewed(const struct kt_rng *rng, unsigned n)
{
    double u = (double)(kt_rng_u64(rng) >> 11) / 9007199254740992.0;
    return (unsigned)(u * u * u * n);
}

struct draw {
    char who[32], secret[96], address[32];
    unsigned actor;
};

struct shape {
    kt_time_ns span; /* until now */
    struct draw (*draw)(const struct kt_rng *rng, kt_time_ns t);
};

static struct draw named(unsigned actor, unsigned secret, unsigned address)
{
    struct draw d = { .actor = actor };
    snprintf(d.who, sizeof d.who, "person%03u", actor);
    snprintf(d.secret, sizeof d.secret, "team%02u/prod/service-%03u/credential-%u", secret % 40,
             secret / 8, secret);
    snprintf(d.address, sizeof d.address, "91.%u.%u.%u", 10 + address / 2500, address / 250 % 10,
             1 + address % 250);
    return d;
}

static struct draw draw_flood(const struct kt_rng *rng, kt_time_ns t)
{
    (void)t;
    unsigned actor = skewed(rng, ACTORS), secret = skewed(rng, SECRETS);
    return named(actor, secret, skewed(rng, ADDRESSES));
}

static bool is_service(unsigned actor)
{
    return actor % 3 == 0;
}

static bool is_day(kt_time_ns t)
{
    kt_time_ns days = t / KT_NS_DAY, hour = t % KT_NS_DAY / KT_NS_HOUR;
    return (days + 3) % 7 < 5 && hour >= 7 && hour < 17; /* the epoch was a Thursday */
}

/* The actor's own number `rank` of n that there are: the same at each call, popular ones first. */
static unsigned own(unsigned actor, unsigned rank, unsigned n)
{
    struct kt_rng_seeded state = { .state = 104729u * (actor + 1) + 31u * rank + n };
    struct kt_rng rng = kt_rng_seeded(&state);
    return skewed(&rng, n);
}

static unsigned own_or_foreign(const struct kt_rng *rng, unsigned actor, unsigned owned, unsigned n)
{
    unsigned rank = skewed(rng, owned);
    return kt_rng_below(rng, FOREIGN) == 0 ? skewed(rng, n) : own(actor, rank, n);
}

static struct draw draw_habits(const struct kt_rng *rng, kt_time_ns t)
{
    unsigned actor;
    do
        actor = skewed(rng, ACTORS);
    while (!is_service(actor) && !is_day(t));
    unsigned secret = own_or_foreign(rng, actor, 12 + actor % 36, SECRETS);
    return named(actor, secret, own_or_foreign(rng, actor, 2 + actor % 5, ADDRESSES));
}

static const struct shape flood = { 3 * KT_NS_HOUR, draw_flood };
static const struct shape habits = { 14 * KT_NS_DAY, draw_habits };

static kt_time_ns start_time(const struct shape *s)
{
    return (kt_time_ns)time(NULL) * KT_NS_S - s->span;
}

static int vault(unsigned long n, const struct kt_rng *rng, const struct shape *s)
{
    struct kt_buf out = { 0 };
    kt_time_ns t = start_time(s), step = s->span / (kt_time_ns)(n + 1);
    for (unsigned long i = 0; i < n / 2; i++, t += 2 * step) {
        struct draw d = s->draw(rng, t);
        struct kt_demo_vault v = { .time = t,
                                   .who = d.who,
                                   .pod = is_service(d.actor),
                                   .secret = d.secret,
                                   .address = d.address,
                                   .entity = d.actor };
        kt_demo_vault_pair(&v, rng, &out);
        if (out.len > 1 << 20) {
            fwrite(out.at, 1, out.len, stdout);
            kt_buf_reset(&out);
        }
    }
    fwrite(out.at, 1, out.len, stdout);
    kt_buf_done(&out);
    return 0;
}

static int write_object(const char *dir, unsigned k, struct kt_str json)
{
    char path[4096];
    struct kt_buf gz = { 0 };
    kt_gzip(json, &gz);
    snprintf(path, sizeof path, "%s/object-%05u.json.gz", dir, k);
    FILE *f = fopen(path, "we");
    int bad = f == NULL || fwrite(gz.at, 1, gz.len, f) != gz.len;
    if (f != NULL)
        bad |= fclose(f);
    kt_buf_done(&gz);
    return bad;
}

static int cloudtrail(unsigned long n, const struct kt_rng *rng, const struct shape *s,
                      const char *dir)
{
    struct kt_buf out = { 0 };
    kt_time_ns t = start_time(s), step = s->span / (kt_time_ns)(n + 1);
    int bad = 0;
    for (unsigned long i = 0; i < n && !bad; i++, t += step) {
        struct draw d = s->draw(rng, t);
        struct kt_demo_cloudtrail c = { .time = t,
                                        .role = d.who,
                                        .session = "i-0123456789abcdef0",
                                        .secret = d.secret,
                                        .address = d.address,
                                        .user_agent =
                                            "aws-sdk-go-v2/1.32.6 os/linux lang/go#1.23.4 "
                                            "md/GOARCH#amd64 api/secretsmanager#1.34.8",
                                        .entity = d.actor };
        kt_buf_addz(&out, out.len == 0 ? "{\"Records\":[" : ",");
        kt_demo_cloudtrail_record(&c, rng, &out);
        if ((i + 1) % OBJECT_RECORDS == 0 || i + 1 == n) {
            kt_buf_addz(&out, "]}");
            bad = write_object(dir, (unsigned)(i / OBJECT_RECORDS), kt_buf_str(&out));
            kt_buf_reset(&out);
        }
    }
    kt_buf_done(&out);
    return bad;
}

int main(int argc, char **argv)
{
    kt_hash_init();
    struct kt_rng_seeded state = { 0 };
    struct kt_rng rng = kt_rng_seeded(&state);
    bool has_habits = argc > 1 && strcmp(argv[1], "--habits") == 0;
    const struct shape *shape = has_habits ? &habits : &flood;
    argc -= has_habits;
    argv += has_habits;
    if (argc < 4) {
        fprintf(stderr, "usage: gen [--habits] vault N SEED | gen [--habits] cloudtrail N SEED "
                        "DIR\n");
        return 2;
    }
    unsigned long n = strtoul(argv[2], NULL, 10);
    state.state = strtoul(argv[3], NULL, 10);
    if (strcmp(argv[1], "vault") == 0)
        return vault(n, &rng, shape);
    return argc == 5 ? cloudtrail(n, &rng, shape, argv[4]) : 2;
}
