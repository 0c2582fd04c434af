/* year: see the header. */
#include "tests/support/year.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/base/alloc.h"
#include "core/event/line.h"

enum { AWS, VAULT, ONEPASSWORD };

struct draw {
    uint64_t state;
};

static uint64_t next(struct draw *d) /* splitmix64 */
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static unsigned skewed(struct draw *d, unsigned n)
{
    double u = (double)(next(d) >> 11) / 9007199254740992.0;
    return (unsigned)(u * u * u * n);
}

struct year *year_new(uint64_t events, uint64_t seed)
{
    struct year *y = kt_alloc(sizeof *y);
    y->events = events;
    y->seed = seed;
    y->arena = kt_arena_new(64u << 10);
    return y;
}

void year_free(struct year *y)
{
    if (y == NULL)
        return;
    kt_arena_done(&y->arena);
    kt_free(y);
}

void year_actor(unsigned rank, unsigned source, char ret[64])
{
    if (source == AWS)
        (void)snprintf(ret, 64, "svc-%03u@418273645019", rank);
    else if (source == VAULT)
        (void)snprintf(ret, 64, "team-%03u/svc@k8s", rank);
    else
        (void)snprintf(ret, 64, "person%03u@example.com", rank);
}

void year_secret(unsigned rank, unsigned source, char ret[128])
{
    static const char *const begins[] = { "aws-sm://418273645019/eu-central-1/",
                                          "vault://vault-prod/-/secret/", "op://acme/" };
    (void)snprintf(ret, 128, "%steam%02u/prod/service-%03u/credential-%u", begins[source],
                   rank % 40, rank / 8, rank);
}

void year_address(unsigned rank, char ret[32])
{
    (void)snprintf(ret, 32, "91.%u.%u.%u", 10 + rank % 50, rank / 250, 1 + rank % 250);
}

static struct kt_str uuid(struct kt_arena *a, struct draw *d)
{
    uint64_t x = next(d), z = next(d);
    return kt_arena_fmt(a, "%08x-%04x-4%03x-a%03x-%012" PRIx64, (unsigned)(x >> 32),
                        (unsigned)(x >> 16 & 0xffff), (unsigned)(x & 0xfff),
                        (unsigned)(z >> 48 & 0xfff), z & 0xffffffffffff);
}

/* The same for six hours of one actor, as tokens and their hashes are. */
static struct kt_str token(struct kt_arena *a, const struct year *y, unsigned actor, kt_time_ns t)
{
    struct draw d = { y->seed ^ (uint64_t)actor << 32 ^ (uint64_t)(t / (6 * KT_NS_HOUR)) };
    uint64_t p[4] = { next(&d), next(&d), next(&d), next(&d) };
    return kt_arena_fmt(a, "%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64, p[0], p[1],
                        p[2], p[3]);
}

static void aws(struct year *y, struct draw *d, struct kt_event *ev, unsigned actor)
{
    struct kt_arena *a = &y->arena;
    struct kt_str tok = token(a, y, actor, ev->time);
    ev->time -= ev->time % KT_NS_S;
    ev->precision = KT_NS_S;
    ev->source = KT_STR("cloudtrail");
    ev->instance = KT_STR("aws-main");
    ev->scope = KT_STR("418273645019");
    ev->operation = KT_STR("GetSecretValue");
    ev->actor_native = kt_arena_fmt(a, "AROA5NW0%08uEX", actor);
    ev->session = kt_arena_fmt(a, "i-%.16s", tok.at);
    ev->credential = kt_arena_fmt(a, "ASIA%.16s", tok.at + 16);
    ev->role = kt_arena_fmt(a, "svc-%03u", actor);
    ev->issuer = kt_arena_fmt(a, "arn:aws:iam::418273645019:role/svc-%03u", actor);
    ev->mfa = -1;
    ev->user_agent = kt_arena_fmt(a,
                                  "aws-sdk-go-v2/1.%u.6 os/linux lang/go#1.23.4 md/GOARCH#amd64 "
                                  "api/secretsmanager#1.34.8",
                                  30 + actor % 7);
    ev->region = KT_STR("eu-central-1");
    ev->request_id = uuid(a, d);
    ev->raw = kt_arena_fmt(
        a,
        "{\"eventVersion\":\"1.11\",\"userIdentity\":{\"type\":\"AssumedRole\",\"principalId\":"
        "\"AROA5NW0%08uEX:i-%.16s\",\"arn\":\"arn:aws:sts::418273645019:assumed-role/svc-%03u/"
        "i-%.16s\",\"accountId\":\"418273645019\"},\"eventTime\":\"%" PRId64 "\",\"eventSource\":"
        "\"secretsmanager.amazonaws.com\",\"eventName\":\"GetSecretValue\",\"requestParameters\":"
        "{\"secretId\":\"" KT_STR_FMT "\"},\"eventID\":\"" KT_STR_FMT
        "\",\"readOnly\":true,\"eventType\":\"AwsApiCall\"}",
        actor, tok.at, actor, tok.at, ev->time / KT_NS_S, KT_STR_ARG(ev->secret_native),
        KT_STR_ARG(ev->native_id));
}

static void vault(struct year *y, struct draw *d, struct kt_event *ev, unsigned actor)
{
    struct kt_arena *a = &y->arena;
    struct kt_str tok = token(a, y, actor, ev->time);
    ev->source = KT_STR("vault");
    ev->instance = KT_STR("vault-prod");
    ev->precision = 1;
    ev->duration = (kt_time_ns)(next(d) % 4000000);
    ev->operation = KT_STR("read");
    ev->actor_native = kt_arena_fmt(a, "e1000000-0000-4000-8000-%012u", actor);
    ev->actor_name = kt_arena_fmt(a, "kubernetes-team-%03u-svc", actor);
    ev->credential = kt_arena_cat(a, KT_STR("hmac-sha256:"), tok);
    ev->role = kt_arena_fmt(a, "team-%03u", actor);
    ev->groups = (struct kt_list){ 2, { KT_STR("default"), ev->role } };
    ev->fields = (struct kt_list){ 2, { KT_STR("password"), KT_STR("user") } };
    ev->version = KT_STR("3");
    ev->raw = kt_arena_fmt(
        a,
        "{\"type\":\"response\",\"request_time\":\"%" PRId64 "\",\"auth\":{\"metadata\":{\"role\":"
        "\"team-%03u\",\"service_account_name\":\"svc\",\"service_account_namespace\":\"team-%"
        "03u\","
        "\"service_account_uid\":\"5d1f0000-0000-4000-8000-%012u\"},\"token_type\":\"service\"},"
        "\"request\":{\"mount_point\":\"secret/\",\"mount_type\":\"kv\",\"mount_accessor\":"
        "\"kv_7c21\",\"mount_class\":\"secret\",\"namespace\":{\"id\":\"root\"},\"remote_port\":%u}"
        "}",
        ev->time, actor, actor, actor, 32768 + (unsigned)(next(d) % 28000));
}

static void onepassword(struct year *y, struct draw *d, struct kt_event *ev, unsigned actor)
{
    struct kt_arena *a = &y->arena;
    (void)d;
    ev->time -= ev->time % KT_NS_MS;
    ev->precision = KT_NS_MS;
    ev->source = KT_STR("onepassword");
    ev->instance = KT_STR("op-events");
    ev->scope = KT_STR("ABCDEFGH");
    ev->operation = KT_STR("reveal");
    ev->actor_native = kt_arena_fmt(a, "USER%022u", actor);
    ev->session = kt_arena_fmt(a, "%.26s", token(a, y, actor, ev->time).at);
    ev->user_agent = KT_STR("1Password for Mac/8.10.80");
    ev->raw = kt_arena_fmt(a,
                           "{\"used_version\":3,\"vault_uuid\":\"vault%02u\",\"client\":{"
                           "\"app_name\":\"1Password for Mac\",\"app_version\":\"81080\","
                           "\"platform_name\":\"MacBook\",\"os_name\":\"MacOSX\"}}",
                           actor % 40);
}

void year_line(struct year *y, uint64_t n, struct kt_buf *out)
{
    static void (*const shape[])(struct year *, struct draw *, struct kt_event *,
                                 unsigned) = { aws, vault, onepassword };
    struct draw d = { y->seed * 1000003 + n };
    struct kt_arena *a = &y->arena;
    char actor_name[64], secret_name[128], address[32];
    kt_arena_reset(a);
    unsigned pick = (unsigned)(next(&d) % 10), source = pick < 5   ? AWS
                                                        : pick < 8 ? VAULT
                                                                   : ONEPASSWORD;
    unsigned actor = skewed(&d, 200), secret = skewed(&d, 2000);
    bool fails = next(&d) % 1000 < 15;
    kt_time_ns step = YEAR_NS / (kt_time_ns)y->events;
    year_actor(actor, source, actor_name);
    year_secret(secret, source, secret_name);
    year_address(skewed(&d, 5000), address);
    struct kt_event ev = { .kind = KT_KIND_ACCESS,
                           .action = KT_ACT_READ,
                           .outcome = fails ? KT_OUT_DENIED : KT_OUT_SUCCESS,
                           .actor_kind = source == ONEPASSWORD ? KT_ACTOR_HUMAN : KT_ACTOR_SERVICE,
                           .ip_trust = KT_TRUST_EDGE,
                           .decoder = 1,
                           .native_id = uuid(a, &d),
                           .actor = kt_str_of(actor_name),
                           .secret = kt_str_of(secret_name),
                           .secret_native =
                               kt_arena_fmt(a, "team%02u/prod/service-%03u/credential-%u",
                                            secret % 40, secret / 8, secret),
                           .code = fails ? KT_STR("AccessDenied") : KT_STR_NONE };
    ev.time = YEAR_T0 + (kt_time_ns)n * step + (kt_time_ns)(next(&d) % (uint64_t)(step / 2 + 1));
    ev.observed = ev.time + 2 * KT_NS_S + (kt_time_ns)(next(&d) % (uint64_t)KT_NS_S);
    ev.has_ip = kt_ip_parse(kt_str_of(address), &ev.ip);
    shape[source](y, &d, &ev, actor);
    enum kt_status status = kt_line_write(&ev, out, NULL);
    assert(status == KT_OK && !a->full);
    (void)status;
}
