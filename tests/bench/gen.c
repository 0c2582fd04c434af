/*
 * gen: records for the bench, in the original formats: 200 actors, 2,000 secrets, 5,000 addresses,
 * all with heavy tails.
 *
 *   gen vault N SEED            N lines of a Vault audit file (N / 2 accesses)
 *   gen cloudtrail N SEED DIR   N records in objects of 5,000: DIR/object-NNNNN.json.gz
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/demo/records.h"
#include "core/base/hash.h"
#include "core/base/zip.h"

#define OBJECT_RECORDS 5000u

static unsigned skewed(const struct kt_rng *rng, unsigned n)
{
    double u = (double)(kt_rng_u64(rng) >> 11) / 9007199254740992.0;
    return (unsigned)(u * u * u * n);
}

struct draw {
    char who[32], secret[96], address[32];
    unsigned actor;
};

static struct draw draw(const struct kt_rng *rng)
{
    struct draw d = { .actor = skewed(rng, 200) };
    unsigned secret = skewed(rng, 2000), address = skewed(rng, 5000);
    snprintf(d.who, sizeof d.who, "person%03u", d.actor);
    snprintf(d.secret, sizeof d.secret, "team%02u/prod/service-%03u/credential-%u", secret % 40,
             secret / 8, secret);
    snprintf(d.address, sizeof d.address, "91.%u.%u.%u", 10 + address / 2500, address / 250 % 10,
             1 + address % 250);
    return d;
}

static kt_time_ns start_time(void)
{
    return ((kt_time_ns)time(NULL) - 3 * 3600) * KT_NS_S;
}

static int vault(unsigned long n, const struct kt_rng *rng)
{
    struct kt_buf out = { 0 };
    kt_time_ns t = start_time(), step = 3 * KT_NS_HOUR / (kt_time_ns)(n + 1);
    for (unsigned long i = 0; i < n / 2; i++) {
        struct draw d = draw(rng);
        struct kt_demo_vault v = { .time = t + (kt_time_ns)i * 2 * step,
                                   .who = d.who,
                                   .pod = d.actor % 3 == 0,
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

static int cloudtrail(unsigned long n, const struct kt_rng *rng, const char *dir)
{
    struct kt_buf out = { 0 };
    kt_time_ns t = start_time(), step = 3 * KT_NS_HOUR / (kt_time_ns)(n + 1);
    int bad = 0;
    for (unsigned long i = 0; i < n && !bad; i++) {
        struct draw d = draw(rng);
        struct kt_demo_cloudtrail c = { .time = t + (kt_time_ns)i * step,
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
    if (argc < 4) {
        fprintf(stderr, "usage: gen vault N SEED | gen cloudtrail N SEED DIR\n");
        return 2;
    }
    unsigned long n = strtoul(argv[2], NULL, 10);
    state.state = strtoul(argv[3], NULL, 10);
    if (strcmp(argv[1], "vault") == 0)
        return vault(n, &rng);
    return argc == 5 ? cloudtrail(n, &rng, argv[4]) : 2;
}
