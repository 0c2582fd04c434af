/* sigma: ns an event for rules, by how many there are and by what they can be found. */
#include <stdio.h>
#include <time.h>

#include "core/base/hash.h"
#include "detectors/sigma.h"

static const char *const names[] = { "GetSecretValue", "PutSecretValue", "DeleteSecret",
                                     "Decrypt",        "AssumeRole",     "GetParameter",
                                     "StopLogging",    "ConsoleLogin" };

/* As public rules are: a verb or two, a service, a filter. Each wants other verbs, as rules of a
 * folder do; one in twenty wants those that every day is full of. */
static void add_found(struct kt_buf *b, unsigned i)
{
    bool daily = i % 20 == 0;
    kt_buf_addf(b,
                "---\ntitle: Rule %u\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\n"
                "detection:\n  selection:\n    eventSource: secretsmanager.amazonaws.com\n"
                "    eventName: [%s%s%u, Other%u]\n    userAgent|contains: [tool%u, bot%u]\n"
                "  filter_main: {userIdentity.arn|contains: ':assumed-role/job-%u/'}\n"
                "  condition: selection and not 1 of filter_main*\n",
                i, daily ? names[i / 20 % 8] : "Never", daily ? ", Daily" : "", i, i, i, i, i);
}

/* Nothing but parts of texts: asked of every event. */
static void add_searched(struct kt_buf *b, unsigned i)
{
    kt_buf_addf(b,
                "---\ntitle: Rule %u\nlevel: low\nlogsource: {product: keytrail}\n"
                "detection: {s: {secret|contains: '/part-%u/'}, condition: s}\n",
                i, i);
}

static struct kt_event event(unsigned i)
{
    struct kt_event ev = { .kind = KT_KIND_ACCESS, .action = KT_ACT_READ };
    ev.source = KT_STR("cloudtrail");
    ev.outcome = KT_OUT_SUCCESS;
    ev.operation = kt_str_of(names[i % 8 == 0 ? i / 8 % 8 : 0]); /* mostly reads */
    ev.actor = KT_STR("ci-deploy@111122223333");
    ev.secret = KT_STR("aws-sm://111122223333/eu-central-1/pay/db-main");
    ev.user_agent = KT_STR("aws-sdk-java/2.20.26 Linux/5.10 OpenJDK/17.0.6 cfg/retry-mode/legacy");
    ev.raw =
        KT_STR("{\"eventVersion\":\"1.11\",\"userIdentity\":{\"type\":\"AssumedRole\","
               "\"principalId\":\"AROAEXAMPLE:run-812\",\"arn\":\"arn:aws:sts::111122223333:"
               "assumed-role/ci-deploy/run-812\",\"accountId\":\"111122223333\"},\"eventTime\":"
               "\"2026-03-02T07:14:05Z\",\"eventSource\":\"secretsmanager.amazonaws.com\","
               "\"eventName\":\"GetSecretValue\",\"requestParameters\":{\"secretId\":\"pay/"
               "db-main\"},\"readOnly\":true,\"eventType\":\"AwsApiCall\"}");
    return ev;
}

static void measure(const char *what, unsigned n, void (*add)(struct kt_buf *b, unsigned i))
{
    struct kt_buf text = { 0 };
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_sigma *set = kt_sigma_new();
    for (unsigned i = 0; i < n; i++)
        add(&text, i);
    clock_t from = clock();
    kt_sigma_add(set, "bench.yml", kt_buf_str(&text));
    kt_sigma_close(set);
    double load = (double)(clock() - from) / CLOCKS_PER_SEC * 1e3;
    if (kt_sigma_refused(set) != NULL)
        printf("%s\n", kt_sigma_refused(set)->why);
    unsigned hits = 0, events = add == add_searched ? 4000000 / (n + 20) : 400000;
    from = clock();
    for (unsigned i = 0; i < events; i++) {
        struct kt_event ev = event(i);
        struct kt_sigma_view v = { .ev = &ev, .json = json };
        uint32_t hit[16];
        hits += kt_sigma_match(set, &v, hit, 16);
    }
    double ns = (double)(clock() - from) / CLOCKS_PER_SEC * 1e9 / events;
    printf("%-34s %5u rules %8.0f ns an event  (loaded in %.0f ms, %u hits)\n", what, n, ns, load,
           hits);
    kt_sigma_free(set);
    kt_json_free(json);
    kt_buf_done(&text);
}

int main(void)
{
    kt_hash_init();
    measure("none", 0, add_found);
    measure("found by verb, as public rules are", 100, add_found);
    measure("found by verb, as public rules are", 1000, add_found);
    measure("parts of texts alone", 10, add_searched);
    measure("parts of texts alone", 100, add_searched);
    measure("parts of texts alone", 1000, add_searched);
    return 0;
}
