/*
 * company: the tables of an invented company. The networks are public-looking addresses with
 * documentation AS numbers; the demo's own .mmdb is written from them.
 *
 * Owns:  nothing.
 * Calls: nothing.
 */
#include "cli/demo/company.h"

#include "core/base/err.h"

const struct kt_demo_network kt_demo_networks[] = {
    { "91.240.16.0/24", "DE", "Nordwind office Hamburg", 64501 },
    { "91.240.32.0/20", "DE", "Heimnetz DSL", 64502 },
    { "35.156.40.0/24", "DE", "Wolke Cloud Frankfurt", 64503 },
    { "52.58.12.0/24", "DE", "Baukran CI runners", 64506 },
    { "45.137.80.0/22", "NL", "Blitz VPS", 64504 },
    { "185.220.44.0/24", "RO", "Relay Hosting", 64505 },
    { "2a0c:e640:1000::/36", "DE", "Heimnetz DSL", 64502 },
};
const size_t kt_demo_networks_n = KT_ARRAY_LEN(kt_demo_networks);

const struct kt_demo_actor kt_demo_actors[] = {
    { KT_DEMO_PERSON, "dana", "91.240.33.17", "payments", 9, 0, 10 },
    { KT_DEMO_PERSON, "marc", "91.240.33.58", "platform", 8, 0, 9 },
    { KT_DEMO_PERSON, "ines", "91.240.34.101", "payments", 6, 4, 8 },
    { KT_DEMO_PERSON, "tomas", "91.240.35.7", "platform", 7, 3, 9 },
    { KT_DEMO_PERSON, "aylin", "91.240.36.44", "data", 6, 0, 9 },
    { KT_DEMO_PERSON, "piotr", "91.240.37.12", "data", 5, 5, 7 },
    { KT_DEMO_PERSON, "greta", "91.240.38.90", "web", 5, 0, 8 },
    { KT_DEMO_PERSON, "yusuf", "91.240.39.23", "web", 6, 2, 8 },
    { KT_DEMO_PERSON, "lena", "91.240.40.66", "platform", 4, 6, 6 },
    { KT_DEMO_PERSON, "oskar", "91.240.41.5", "payments", 5, 2, 7 },
    { KT_DEMO_ROLE, "orders-svc", "35.156.40.21", "payments", 72, 0, 3 },
    { KT_DEMO_ROLE, "billing-svc", "35.156.40.22", "payments", 60, 2, 3 },
    { KT_DEMO_ROLE, "ledger-svc", "35.156.40.23", "payments", 48, 4, 2 },
    { KT_DEMO_ROLE, "search-svc", "35.156.40.24", "web", 72, 0, 2 },
    { KT_DEMO_ROLE, "mail-svc", "35.156.40.25", "web", 48, 3, 2 },
    { KT_DEMO_ROLE, "report-svc", "35.156.40.26", "data", 24, 1, 4 },
    { KT_DEMO_ROLE, "etl-svc", "35.156.40.27", "data", 48, 5, 4 },
    { KT_DEMO_ROLE, "auth-svc", "35.156.40.28", "platform", 72, 0, 3 },
    { KT_DEMO_POD, "checkout", "10.20.4.11", "payments", 60, 1, 3 },
    { KT_DEMO_POD, "catalog", "10.20.4.12", "web", 48, 4, 3 },
    { KT_DEMO_POD, "pricing", "10.20.4.13", "payments", 48, 6, 2 },
    { KT_DEMO_POD, "gateway", "10.20.4.14", "platform", 72, 2, 2 },
    { KT_DEMO_POD, "ingest", "10.20.4.15", "data", 48, 2, 3 },
    { KT_DEMO_CI, "ci-deploy", "52.58.12.30", "web", 36, 0, 12 },
    { KT_DEMO_CI, "ci-release", "52.58.12.31", "payments", 24, 0, 12 },
};
const size_t kt_demo_actors_n = KT_ARRAY_LEN(kt_demo_actors);

const char *kt_demo_secret(unsigned i)
{
    static const char *const names[KT_DEMO_SECRETS] = {
        "db-main",     "db-replica",    "stripe-live",   "queue",        "cache",
        "smtp",        "jwt-signing",   "s3-uploads",    "oauth-client", "webhook-hmac",
        "sentry",      "feature-flags", "ldap-bind",     "tls-edge",     "tls-internal",
        "backup-key",  "sftp-partner",  "bank-api",      "fraud-api",    "maps-api",
        "sms-gateway", "push-apns",     "push-fcm",      "search-admin", "kafka-admin",
        "kafka-app",   "redis-admin",   "grafana-admin", "vpn-psk",      "dns-api",
        "cdn-api",     "registry-pull", "registry-push", "git-deploy",   "signing-cert",
        "license",     "warehouse-ro",  "warehouse-rw",  "etl-source",   "etl-target",
        "crm-api",     "erp-api",       "payroll-sftp",  "tax-api",      "audit-export",
        "status-page", "chat-bot",      "pager-api",
    };
    return names[i % KT_DEMO_SECRETS];
}
