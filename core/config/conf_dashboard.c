/*
 * conf_dashboard: the top key `dashboard` of keytrail.yaml: where the page listens, who may come;
 * and where answers to alerts come in.
 *
 * Owns:  its tables.
 * Calls: conf, core/base (addresses).
 * Holds: an address that others reach has TLS, or a proxy in front, and users (THREATS W1).
 */
#include "core/config/conf.h"

#define AT(field) offsetof(struct kt_conf, dashboard.field)
const struct kt_option kt_conf_dashboard_table[] = {
    { "listen", KT_OPT_STRING, "tcp://127.0.0.1:7430", AT(listen),
      "tcp://address:port or unix:/path; others than this host need TLS or a proxy, and users",
      false, false },
    { "hosts", KT_OPT_LIST, "", AT(hosts),
      "names that people type, like keytrail.example.com; others are refused", false, false },
    { "cert_file", KT_OPT_PATH, "", AT(cert_file), "certificate chain of the page, PEM", false,
      false },
    { "tls_key_file", KT_OPT_SECRET_FILE, "", AT(tls_key_file), "its private key, PEM, 0600", false,
      false },
    { "users_file", KT_OPT_SECRET_FILE, "", AT(users_file),
      "users with passwords, 0600: keytrail dashboard user add", false, false },
    { "proxy_header", KT_OPT_STRING, "", AT(proxy_header),
      "header in which a proxy says who asks, like X-Remote-User", false, false },
    { "proxies", KT_OPT_LIST, "", AT(proxies),
      "networks from which that header is believed; the Unix socket always", false, false },
    { "reports_dir", KT_OPT_PATH, "", AT(reports_dir), "where the page makes evidence packages",
      false, false },
    { "control", KT_OPT_PATH, "", AT(control), "Unix socket of keytrail dashboard login", false,
      false },
    { "user", KT_OPT_STRING, "", AT(user),
      "user the page runs as, when it is not the collector's: heard on its control socket for what "
      "the page may do",
      false, false },
    { "metrics_token_file", KT_OPT_SECRET_FILE, "", AT(metrics_token_file),
      "token (0600) that /metrics wants as Authorization: Bearer; without one this host alone "
      "reads",
      false, false },
    KT_OPTIONS_END,
};
const struct kt_option kt_conf_answers_table[] = {
    { "listen", KT_OPT_STRING, "", AT(answers.listen),
      "tcp://address:port or unix:/path, another one than the page's; others than this host need "
      "TLS",
      false, false },
    { "cert_file", KT_OPT_PATH, "", AT(answers.cert_file), "certificate chain, PEM", false, false },
    { "tls_key_file", KT_OPT_SECRET_FILE, "", AT(answers.tls_key_file),
      "its private key, PEM, 0600", false, false },
    { "pagerduty_secret_file", KT_OPT_SECRET_FILE, "", AT(answers.pagerduty_secret_file),
      "secret (0600) of PagerDuty's webhook; without it /pagerduty is 404", false, false },
    { "slack_secret_file", KT_OPT_SECRET_FILE, "", AT(answers.slack_secret_file),
      "signing secret (0600) of the Slack app; without it /slack is 404", false, false },
    { "slack_teams", KT_OPT_LIST, "", AT(answers.slack_teams),
      "ids of workspaces (T…) whose people may press the button; none given: any the secret signs "
      "for",
      false, false },
    { "link_keys", KT_OPT_LIST, "", AT(answers.link_keys),
      "public keys (ktl1_…) of links in messages, at most 4; without one /ack is 404", false,
      false },
    KT_OPTIONS_END,
};
#undef AT

enum kt_status kt_conf_dashboard(struct kt_conf *c, const struct kt_node *n, struct kt_error *err)
{
    static const char *const beside[] = { "answers", NULL };
    if (kt_options_fill_beside(c->yaml, n, kt_conf_dashboard_table, beside, c, err) != KT_OK)
        return KT_E_CONFIG;
    return kt_options_fill(c->yaml, kt_node_get(n, "answers"), kt_conf_answers_table, c, err);
}

static enum kt_status check_proxies(const struct kt_conf *c, struct kt_error *err)
{
    struct kt_cidr net;
    struct kt_error why;
    for (unsigned i = 0; i < c->dashboard.proxies.n; i++)
        if (kt_cidr_parse(kt_str_of(c->dashboard.proxies.at[i]), &net, &why) != KT_OK)
            return kt_conf_refuse(c, "dashboard", "proxies", why.text, err);
    if (c->dashboard.proxies.n > 0 && c->dashboard.proxy_header == NULL)
        return kt_conf_refuse(c, "dashboard", "proxies", "name the header with proxy_header, too",
                              err);
    return KT_OK;
}

static enum kt_status check_link_keys(const struct kt_conf *c, struct kt_error *err)
{
    const struct kt_strings *keys = &c->dashboard.answers.link_keys;
    uint8_t unused[32];
    bool fine = keys->n <= KT_LINK_KEYS;
    for (unsigned i = 0; fine && i < keys->n; i++)
        fine = kt_link_public_parse(kt_str_of(keys->at[i]), unused);
    return fine ? KT_OK
                : kt_conf_refuse(c, "dashboard", "answers",
                                 "link_keys are at most 4 public keys, ktl1_ and 43 characters: "
                                 "keytrail alerts link --keygen prints one",
                                 err);
}

static enum kt_status check_answers(const struct kt_conf *c, struct kt_error *err)
{
    const struct kt_conf_answers *a = &c->dashboard.answers;
    struct kt_str listen = kt_str_of(a->listen), tcp = KT_STR("tcp://");
    bool ways =
        a->pagerduty_secret_file != NULL || a->slack_secret_file != NULL || a->link_keys.n > 0;
    struct kt_ip ip;
    uint16_t port;
    if (ways != (a->listen != NULL))
        return kt_conf_refuse(c, "dashboard", "answers",
                              ways ? "say where to listen for them, with listen"
                                   : "nobody could answer: give pagerduty_secret_file, "
                                     "slack_secret_file or link_keys",
                              err);
    if ((a->cert_file == NULL) != (a->tls_key_file == NULL))
        return kt_conf_refuse(c, "dashboard", "answers", "cert_file and tls_key_file go together",
                              err);
    if (a->slack_teams.n > 0 && a->slack_secret_file == NULL)
        return kt_conf_refuse(c, "dashboard", "answers",
                              "slack_teams are of presses at Slack: give slack_secret_file, too",
                              err);
    if (check_link_keys(c, err) != KT_OK)
        return KT_E_CONFIG;
    if (a->listen == NULL || kt_str_starts(listen, KT_STR("unix:/")))
        return KT_OK;
    if (!kt_str_starts(listen, tcp) ||
        !kt_ip_port_parse(kt_str_from_index(listen, tcp.len), &ip, &port))
        return kt_conf_refuse(c, "dashboard", "answers",
                              "listen is tcp://address:port, the address in numbers, or unix:/path",
                              err);
    if (a->cert_file == NULL && kt_ip_class(ip) != KT_IP_LOOPBACK)
        return kt_conf_refuse(c, "dashboard", "answers",
                              "others reach this address: give cert_file and tls_key_file, or "
                              "listen on 127.0.0.1 behind a proxy",
                              err);
    return KT_OK;
}

enum kt_status kt_conf_dashboard_check(const struct kt_conf *c, struct kt_error *err)
{
    const struct kt_conf_dashboard *d = &c->dashboard;
    struct kt_str listen = kt_str_of(d->listen), tcp = KT_STR("tcp://");
    struct kt_ip ip;
    uint16_t port;
    if ((d->cert_file == NULL) != (d->tls_key_file == NULL))
        return kt_conf_refuse(c, "dashboard", d->cert_file != NULL ? "cert_file" : "tls_key_file",
                              "cert_file and tls_key_file go together", err);
    if (check_proxies(c, err) != KT_OK || check_answers(c, err) != KT_OK)
        return KT_E_CONFIG;
    if (kt_str_starts(listen, KT_STR("unix:/")))
        return KT_OK;
    if (!kt_str_starts(listen, tcp) ||
        !kt_ip_port_parse(kt_str_from_index(listen, tcp.len), &ip, &port))
        return kt_conf_refuse(c, "dashboard", "listen",
                              "write tcp://address:port, the address in numbers, or unix:/path",
                              err);
    if (kt_ip_class(ip) == KT_IP_LOOPBACK)
        return KT_OK;
    if (d->cert_file == NULL && d->proxies.n == 0)
        return kt_conf_refuse(c, "dashboard", "listen",
                              "others reach this address: give cert_file and tls_key_file, or "
                              "listen on 127.0.0.1 behind a proxy",
                              err);
    if (d->users_file == NULL && d->proxy_header == NULL)
        return kt_conf_refuse(c, "dashboard", "listen",
                              "others reach this address: give users_file, or proxy_header and "
                              "proxies",
                              err);
    return KT_OK;
}
