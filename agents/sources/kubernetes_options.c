/*
 * kubernetes_options: what an entry of the configuration says about a cluster that its log does
 * not: its proxies, and which store a name of External Secrets Operator means.
 *
 * Owns:  the tables of options.
 * Calls: core/base, core/config (option tables).
 */
#include <stddef.h>

#include "agents/sources/kubernetes.h"

#define AT(field) offsetof(struct k8s_options, field)
const struct kt_option kt_k8s_options[] = {
    { "proxies", KT_OPT_LIST, "", AT(proxies),
      "addresses and networks of load balancers in front of the API server", false, false },
    { "stores", KT_OPT_LIST, "", AT(stores),
      "\"NAME=vault://prod/-/secret\": secrets of a (Cluster)SecretStore begin so", false, false },
    KT_OPTIONS_END,
};
#undef AT

enum kt_status kt_k8s_check(void *settings, struct kt_error *err)
{
    struct k8s_options *o = settings;
    if (o->proxies.n > K8S_PROXIES_MAX)
        return kt_fail(err, KT_E_CONFIG, "proxies: at most %u networks", K8S_PROXIES_MAX);
    for (unsigned i = 0; i < o->proxies.n; i++) {
        struct kt_error why = { 0 };
        if (kt_cidr_parse(kt_str_of(o->proxies.at[i]), &o->proxy[i], &why) != KT_OK)
            return kt_fail(err, KT_E_CONFIG, "proxies: %s", why.text);
    }
    for (unsigned i = 0; i < o->stores.n; i++) {
        struct kt_str name, rest = kt_str_of(o->stores.at[i]);
        if (!kt_str_split(&rest, '=', &name) || name.len == 0 || !kt_str_has(rest, KT_STR("://")) ||
            kt_str_ends(rest, KT_STR("/")))
            return kt_fail(err, KT_E_CONFIG,
                           "stores: '%s': write \"NAME=vault://prod/-/secret\", the start of the "
                           "ids that the store's own source gives, without a '/' at the end",
                           o->stores.at[i]);
    }
    return KT_OK;
}

bool kt_k8s_is_proxy(const struct k8s_options *o, struct kt_str address)
{
    struct kt_ip ip;
    if (o == NULL || !kt_ip_parse(address, &ip))
        return false;
    for (unsigned i = 0; i < o->proxies.n; i++)
        if (kt_cidr_has(o->proxy[i], ip))
            return true;
    return false;
}

struct kt_str kt_k8s_store_prefix(const struct k8s_options *o, struct kt_str store)
{
    struct kt_str name;
    for (unsigned i = 0; o != NULL && i < o->stores.n; i++) {
        struct kt_str rest = kt_str_of(o->stores.at[i]);
        if (kt_str_split(&rest, '=', &name) && kt_str_eq(name, store))
            return rest;
    }
    return KT_STR_NONE;
}
