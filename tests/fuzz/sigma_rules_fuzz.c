/* Any bytes as a file of rules: each document is taken or refused with its place; what is taken can
 * be asked, and the index finds just the rules that match. */
#include <assert.h>
#include <string.h>

#include "core/base/hash.h"
#include "detectors/sigma.h"

/* As for config_yaml_fuzz: libfyaml forgets a buffer before a syntax error. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml\n";
}

static struct kt_event an_event(unsigned i)
{
    static const struct kt_str sources[] = { KT_STR_INIT("cloudtrail"), KT_STR_INIT("kubernetes"),
                                             KT_STR_INIT("vault") };
    struct kt_event ev = { .kind = KT_KIND_ACCESS, .action = KT_ACT_READ };
    ev.source = sources[i % 3];
    ev.outcome = KT_OUT_SUCCESS;
    ev.operation = i % 3 == 1 ? KT_STR("create pods/exec") : KT_STR("GetSecretValue");
    ev.secret_native = KT_STR("pay/pods/api-1/exec");
    ev.secret = KT_STR("aws-sm://111122223333/eu-central-1/prod/db");
    ev.actor = ev.actor_native = KT_STR("ana@example.com");
    ev.has_ip = kt_ip_parse(KT_STR("203.0.113.7"), &ev.ip);
    ev.groups.n = 1;
    ev.groups.at[0] = KT_STR("ops");
    ev.raw = KT_STR("{\"eventSource\":\"secretsmanager.amazonaws.com\",\"readOnly\":true,"
                    "\"userIdentity\":{\"type\":\"Root\"},\"sourceIPs\":[\"10.0.0.1\",\"x\"],"
                    "\"requestParameters\":{\"secretId\":\"prod/db\",\"names\":[\"a\",\"b\"]}}");
    return ev;
}

static void ask(const struct kt_sigma *set, struct kt_json *json, unsigned i)
{
    struct kt_event ev = an_event(i);
    struct kt_sigma_view v = { .ev = &ev, .json = json };
    static uint32_t hit[KT_RULES_MAX + 1];
    unsigned n = kt_sigma_match(set, &v, hit, KT_RULES_MAX + 1), k = 0;
    for (unsigned r = 0; r < kt_sigma_count(set); r++) {
        const struct kt_sigma_rule *rule = kt_sigma_rule(set, r);
        bool asked = !rule->refused && rule->correlation == NULL;
        bool yes = asked && kt_sigma_log_has(rule->log, ev.source) &&
                   kt_sigma_eval(&v, rule->program.node, rule->test) == KT_SIGMA_YES;
        assert(yes == (k < n && hit[k] == r));
        k += yes;
    }
    assert(k == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kt_json *json;
    kt_hash_init();
    json = json != NULL ? json : kt_json_new(KT_JSON_SIMDJSON);
    struct kt_sigma *set = kt_sigma_new();
    kt_sigma_add(set, "r.yml", kt_str_from(data, size));
    kt_sigma_close(set);
    for (unsigned i = 0; i < kt_sigma_count(set); i++) {
        const struct kt_sigma_rule *r = kt_sigma_rule(set, i);
        assert(!r->refused || strncmp(r->why, "r.yml:", 6) == 0);
        assert(r->refused || r->correlation != NULL || r->program.n > 0);
        assert(r->from + r->len <= size);
    }
    for (unsigned i = 0; i < 3; i++)
        ask(set, json, i);
    kt_sigma_free(set);
    return 0;
}
