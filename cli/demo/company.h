/* company: an invented company: its people, services, CI, networks and secrets. Tables only. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct kt_demo_network {
    const char *cidr, *country, *org;
    unsigned asn;
};
extern const struct kt_demo_network kt_demo_networks[];
extern const size_t kt_demo_networks_n;

enum kt_demo_kind {
    KT_DEMO_PERSON,
    KT_DEMO_ROLE /* AWS role of a service */,
    KT_DEMO_POD /* Vault, Kubernetes auth */,
    KT_DEMO_CI
};
struct kt_demo_actor {
    enum kt_demo_kind kind;
    const char *name;    /* "dana", "orders-svc" */
    const char *home;    /* prefix of its addresses: "91.240.33." or a whole address for machines */
    const char *team;    /* first path segment of the secrets it reads */
    unsigned per_day;    /* reads on a working day */
    unsigned first, own; /* its own range in the team's secrets */
};
extern const struct kt_demo_actor kt_demo_actors[];
extern const size_t kt_demo_actors_n;

/* "payments/db-main": i counts through the secrets of a team. Every team has KT_DEMO_SECRETS of
 * them. */
#define KT_DEMO_SECRETS 48u
const char *kt_demo_secret(unsigned i);

#define KT_DEMO_ACCOUNT "418273645019"
#define KT_DEMO_REGION  "eu-central-1"
#define KT_DEMO_DOMAIN  "nordwind.example"
