/* kubernetes, inside: what the files of this source share. Nobody else includes this. */
#pragma once
#include "agents/source.h"

enum k8s_stage {
    K8S_RECEIVED, /* a request whose answer comes in another record */
    K8S_STARTED,  /* of a request that goes on: watch, exec */
    K8S_COMPLETE,
};

/* One request to an API server, whichever form its record has. */
struct k8s_access {
    const struct kt_decode_in *in;
    enum k8s_stage stage;
    bool gke; /* a LogEntry of Google Cloud, no audit event */
    struct kt_str verb, group, resource, subresource, ns, name;
    struct kt_str cluster;
    struct kt_str user;
    struct kt_jval who; /* the user with all that is known of it */
    struct kt_str decision, reason;
    struct kt_str join;   /* the same in all records of one request; empty: it stands alone */
    int64_t code;         /* HTTP; 0 = not told */
    struct kt_str status; /* where there is no code: the word that stands for it */
    struct kt_str message;
};

enum k8s_subject {
    K8S_NOTHING, /* native name only: access to it reads no secret */
    K8S_TOKEN,   /* so is this, but the bodies of its requests hold tokens */
    K8S_SECRET,
};
struct k8s_rule {
    const char *group, *resource, *subresource; /* "*": any */
    unsigned verbs;
    enum kt_action action;
    enum k8s_subject subject;
};
/* NULL: the request is not about secrets. */
const struct k8s_rule *kt_k8s_rule_of(const struct k8s_access *x);
/* The verb of the rule, with what the request itself adds. */
enum kt_action kt_k8s_action_of(const struct k8s_access *x, const struct k8s_rule *rule);
/* "get secrets", "create pods/exec". */
struct kt_str kt_k8s_operation(const struct k8s_access *x);
void kt_k8s_what(const struct k8s_access *x, const struct k8s_rule *rule, struct kt_event *ev);
void kt_k8s_outcome(const struct k8s_access *x, struct kt_event *ev);

/* ---- kubernetes_actor.c ---- */
void kt_k8s_who(const struct k8s_access *x, struct kt_event *ev);
/* A user name as all sources spell actors. */
struct kt_str kt_k8s_name(const struct k8s_access *x, struct kt_str user,
                          enum kt_actor_kind *ret_kind);

/* ---- kubernetes_options.c ---- */
#define K8S_PROXIES_MAX 32u
struct k8s_options {
    struct kt_strings proxies, stores;
    struct kt_cidr proxy[K8S_PROXIES_MAX]; /* of proxies */
};
extern const struct kt_option kt_k8s_options[];
KT_MUST_USE enum kt_status kt_k8s_check(void *settings, struct kt_error *err);
/* o may be NULL: nothing is configured. */
bool kt_k8s_is_proxy(const struct k8s_options *o, struct kt_str address);
/* How ids of secrets of that store begin; empty: nobody said. */
struct kt_str kt_k8s_store_prefix(const struct k8s_options *o, struct kt_str store);

/* ---- kubernetes_eso.c ---- */
/* Remembers which secrets of a store an ExternalSecret copies to where. */
void kt_k8s_learn_copy(const struct k8s_access *x);
/* Those that the Secret is a copy of, with commas between them; empty: none is known. */
struct kt_str kt_k8s_original(const struct k8s_access *x);

/* ---- kubernetes_gke.c ---- */
bool kt_k8s_is_gke(struct kt_jval root);
struct k8s_access kt_k8s_gke(const struct kt_decode_in *in);
/* Address, time, id and what is kept, where they are told otherwise than in an audit event. */
void kt_k8s_gke_rest(const struct k8s_access *x, struct kt_event *ev);

/* ---- kubernetes.c ---- */
/* For a record without an id of its own: known by what is kept of it, within its instance. */
void kt_k8s_name_by_content(const struct k8s_access *x, struct kt_event *ev);
