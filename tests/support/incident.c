/* incident: see the header. */
#include "tests/support/incident.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/event/line.h"

#define EVENTS_MAX 20000u
#define R          INCIDENT_T /* when the secret is read */
#define H          KT_NS_HOUR

static unsigned draw(struct incident *w, unsigned n)
{
    return (unsigned)kt_rng_below(&w->rng, n);
}

static struct kt_str say(struct incident *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static struct kt_str say(struct incident *w, const char *fmt, ...)
{
    char text[300];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return kt_arena_str(&w->arena, kt_str_of(text));
}

/* ---- events ---- */

static const struct {
    const char *scheme, *source, *instance;
} stores[] = {
    { "aws-sm", "cloudtrail", "aws-main" },
    { "vault", "vault", "vault-prod" },
    { "op", "onepassword", "op" },
    { "k8s", "kubernetes", "k8s" },
    { "gcp-sm", "gcp", "gcp" },
};

static struct kt_event *event(struct incident *w, const char *secret, enum kt_action action,
                              const char *operation, kt_time_ns time)
{
    assert(w->n_events < EVENTS_MAX);
    struct kt_event *ev = &w->event[w->n_events++];
    *ev = (struct kt_event){ .kind = KT_KIND_ACCESS,
                             .action = action,
                             .outcome = KT_OUT_SUCCESS,
                             .time = time + (kt_time_ns)draw(w, 50) * KT_NS_S,
                             .observed = MAKE_T0,
                             .source = KT_STR("cloudtrail"),
                             .instance = KT_STR("aws-main"),
                             .native_id = say(w, "n-%u", w->native++),
                             .operation = kt_str_of(operation),
                             .actor = say(w, "admin-%u@%s", draw(w, 3), w->account),
                             .secret = say(w, "%s", secret) };
    for (size_t i = 0; i < KT_ARRAY_LEN(stores); i++) {
        if (!kt_str_starts(ev->secret, kt_str_of(stores[i].scheme)))
            continue;
        ev->source = kt_str_of(stores[i].source);
        ev->instance = kt_str_of(stores[i].instance);
    }
    ev->has_ip = kt_ip_parse(KT_STR("198.51.100.9"), &ev->ip);
    return ev;
}

/* Whatever is done with what leaked. */
static struct kt_event *theirs(struct incident *w, const char *secret, enum kt_action action,
                               const char *operation, kt_time_ns time)
{
    struct kt_event *ev = event(w, secret, action, operation, time);
    ev->actor = kt_str_of(w->actor);
    ev->role = kt_str_of(w->role);
    ev->session = kt_str_of(w->session);
    ev->credential = kt_str_of(w->credential);
    ev->has_ip = kt_ip_parse(kt_str_of(w->ip), &ev->ip);
    w->records++;
    return ev;
}

static void read_at(struct incident *w, struct incident_secret *s, kt_time_ns time,
                    const char *version, const char *stage)
{
    static const struct {
        const char *scheme, *operation;
    } operations[] = { { "aws-sm", "GetSecretValue" },
                       { "vault", "read" },
                       { "op", "reveal" },
                       { "k8s", "get secrets" },
                       { "gcp-sm", "google.cloud.secretmanager.v1.SecretManagerService."
                                   "AccessSecretVersion" } };
    const char *operation = "read";
    for (size_t i = 0; i < KT_ARRAY_LEN(operations); i++)
        if (kt_str_starts(kt_str_of(s->id), kt_str_of(operations[i].scheme)))
            operation = operations[i].operation;
    struct kt_event *ev = theirs(w, s->id, KT_ACT_READ, operation, time);
    ev->version = kt_str_of(version);
    ev->stage = kt_str_of(stage);
    s->taken = s->by_name = true;
    s->reads++;
    w->reads++;
}

/* ---- stories ---- */

static struct kt_event *change(struct incident *w, const struct incident_secret *s,
                               enum kt_action action, const char *operation, kt_time_ns time,
                               const char *version, const char *stage)
{
    struct kt_event *ev = event(w, s->id, action, operation, time);
    ev->version = kt_str_of(version);
    ev->stage = kt_str_of(stage);
    return ev;
}

static void rotation(struct incident *w, const struct incident_secret *s, kt_time_ns at,
                     const char *version, const char *end)
{
    (void)change(w, s, KT_ACT_ROTATE, "RotateSecret", at, "", "");
    (void)change(w, s, KT_ACT_ROTATE, "RotationStarted", at + KT_NS_MIN, "", "");
    (void)change(w, s, KT_ACT_WRITE, "PutSecretValue", at + 3 * KT_NS_MIN, version, "AWSPENDING");
    if (end == NULL)
        return;
    bool well = strcmp(end, "RotationSucceeded") == 0;
    if (well)
        (void)change(w, s, KT_ACT_ROTATE, "UpdateSecretVersionStage", at + 5 * KT_NS_MIN, version,
                     "AWSCURRENT");
    struct kt_event *ev = change(w, s, KT_ACT_ROTATE, end, at + 7 * KT_NS_MIN, "", "");
    ev->outcome = well ? KT_OUT_SUCCESS : KT_OUT_FAILURE;
}

static void snapshot(struct incident *w, const struct incident_secret *s, kt_time_ns time,
                     const char *version, const char *raw)
{
    struct kt_event *ev = event(w, s->id, KT_ACT_READ, "inventory.secret", time);
    ev->kind = KT_KIND_INVENTORY;
    ev->time = time; /* of the snapshot: all of its lines have the same */
    ev->action = 0;
    ev->source = KT_STR("inventory");
    ev->instance = KT_STR("inventory");
    ev->scope = KT_STR("inventory");
    ev->actor = KT_STR_NONE;
    ev->has_ip = false;
    ev->version = kt_str_of(version);
    ev->raw = say(w, "%s", raw);
}

#define SNAPSHOT  (MAKE_T0 - 12 * H)
#define AWS_AFTER "{\"last_rotated\":\"2026-11-15T00:00:00Z\"}"
#define AWS_BEFORE                                                                                 \
    "{\"last_rotated\":\"2026-11-01T00:00:00Z\",\"last_changed\":\"2026-11-16T00:00:00Z\"}"
#define KV_AFTER "{\"last_changed\":\"2026-11-15T00:00:00Z\"}"

enum story {
    A_UNTOUCHED,
    A_ROTATED,
    A_BEFORE,
    A_STARTED,
    A_FAILED,
    A_PENDING,
    A_TAGGED,
    A_UPDATED,
    A_PUT,
    A_BACK,
    A_READ_PENDING,
    A_DELETED,
    A_RESTORED,
    A_ANEW,
    A_FAILED_AGAIN,
    A_DENIED,
    A_OTHER_ACCOUNT,
    A_REFUSED_PUT,
    A_LISTED_AFTER,
    A_LISTED_BEFORE,
    A_CANCELLED,
    A_INSIDE,
    V_UNTOUCHED,
    V_WRITTEN,
    V_METADATA,
    V_BEFORE,
    V_OLD,
    V_DELETED,
    V_RESTORED,
    V_OLD_DESTROYED,
    V_STATIC,
    V_ISSUED,
    V_REVOKED,
    V_LISTED,
    V_BACKWARDS,
    O_UNTOUCHED,
    O_EDITED,
    K_UNTOUCHED,
    K_UPDATED,
    K_PATCHED,
    K_SYNCED,
    K_SET,
    G_UNTOUCHED,
    G_ADDED,
    G_LABELS,
    STORIES,
};
/* What is true of each, and the id its secret has (%s account, %u number). */
static const struct {
    const char *name, *id;
    enum kt_exposure want;
} truth[STORIES] = {
#define AWS "aws-sm://%s/eu-central-1/team/db-%u"
#define KV  "vault://main/-/secret/team/%s/db-%u"
    [A_UNTOUCHED] = { "aws untouched", AWS, KT_EXPOSURE_CURRENT },
    [A_ROTATED] = { "aws rotated", AWS, KT_EXPOSURE_ROTATED },
    [A_BEFORE] = { "aws rotated before the read", AWS, KT_EXPOSURE_CURRENT },
    [A_STARTED] = { "aws rotation started", AWS, KT_EXPOSURE_UNFINISHED },
    [A_FAILED] = { "aws rotation failed", AWS, KT_EXPOSURE_UNFINISHED },
    [A_PENDING] = { "aws value waits", AWS, KT_EXPOSURE_UNFINISHED },
    [A_TAGGED] = { "aws tagged", AWS, KT_EXPOSURE_CURRENT },
    [A_UPDATED] = { "aws updated", AWS, KT_EXPOSURE_UNPROVEN },
    [A_PUT] = { "aws value put by hand", AWS, KT_EXPOSURE_ROTATED },
    [A_BACK] = { "aws rotated and moved back", AWS, KT_EXPOSURE_BACK },
    [A_READ_PENDING] = { "aws read while it waited", AWS, KT_EXPOSURE_CURRENT },
    [A_DELETED] = { "aws deleted", AWS, KT_EXPOSURE_DELETED },
    [A_RESTORED] = { "aws deleted and restored", AWS, KT_EXPOSURE_CURRENT },
    [A_ANEW] = { "aws deleted and made anew", AWS, KT_EXPOSURE_ROTATED },
    [A_FAILED_AGAIN] = { "aws rotated, then a failure", AWS, KT_EXPOSURE_ROTATED },
    [A_DENIED] = { "aws refused", AWS, KT_EXPOSURE_CURRENT },
    [A_OTHER_ACCOUNT] = { "aws rotated in another account", AWS, KT_EXPOSURE_CURRENT },
    [A_REFUSED_PUT] = { "aws put refused", AWS, KT_EXPOSURE_CURRENT },
    [A_LISTED_AFTER] = { "aws inventory: rotated", AWS, KT_EXPOSURE_ROTATED },
    [A_LISTED_BEFORE] = { "aws inventory: changed only", AWS, KT_EXPOSURE_CURRENT },
    [A_CANCELLED] = { "aws rotation cancelled", AWS, KT_EXPOSURE_UNFINISHED },
    [A_INSIDE] = { "aws read behind the move, before the end", AWS, KT_EXPOSURE_CURRENT },
    [V_UNTOUCHED] = { "kv untouched", KV, KT_EXPOSURE_CURRENT },
    [V_WRITTEN] = { "kv new version", KV, KT_EXPOSURE_ROTATED },
    [V_METADATA] = { "kv metadata written", KV, KT_EXPOSURE_CURRENT },
    [V_BEFORE] = { "kv written before the read", KV, KT_EXPOSURE_CURRENT },
    [V_OLD] = { "kv old version asked for", KV, KT_EXPOSURE_ROTATED },
    [V_DELETED] = { "kv deleted", KV, KT_EXPOSURE_DELETED },
    [V_RESTORED] = { "kv undeleted", KV, KT_EXPOSURE_CURRENT },
    [V_OLD_DESTROYED] = { "kv old versions destroyed", KV, KT_EXPOSURE_CURRENT },
    [V_STATIC] = { "static role rotated", "vault://main/-/database/static-creds/app-%s-%u",
                   KT_EXPOSURE_ROTATED },
    [V_ISSUED] = { "issued", "vault://main/-/database/creds/app-%s-%u", KT_EXPOSURE_LEASE },
    [V_REVOKED] = { "issued, revoked", "vault://main/-/database/creds/gone-%s-%u",
                    KT_EXPOSURE_REVOKED },
    [V_LISTED] = { "kv inventory: changed", KV, KT_EXPOSURE_ROTATED },
    [V_BACKWARDS] = { "kv inventory older than the read", KV, KT_EXPOSURE_CURRENT },
    [O_UNTOUCHED] = { "op untouched", "op://ACCOUNT%s/VAULT/ITEM%u", KT_EXPOSURE_CURRENT },
    [O_EDITED] = { "op edited", "op://ACCOUNT%s/VAULT/ITEM%u", KT_EXPOSURE_ROTATED },
    [K_UNTOUCHED] = { "k8s untouched", "k8s://prod/ns-%s/db-%u", KT_EXPOSURE_CURRENT },
    [K_UPDATED] = { "k8s updated", "k8s://prod/ns-%s/db-%u", KT_EXPOSURE_ROTATED },
    [K_PATCHED] = { "k8s patched", "k8s://prod/ns-%s/db-%u", KT_EXPOSURE_UNPROVEN },
    [K_SYNCED] = { "k8s synced", "k8s://prod/ns-%s/db-%u", KT_EXPOSURE_ROTATED },
    [K_SET] = { "k8s listed whole", "k8s://prod/whole-%s/db-%u", KT_EXPOSURE_CURRENT },
    [G_UNTOUCHED] = { "gcp untouched", "gcp-sm://%s/global/db-%u", KT_EXPOSURE_CURRENT },
    [G_ADDED] = { "gcp version added", "gcp-sm://%s/global/db-%u", KT_EXPOSURE_ROTATED },
    [G_LABELS] = { "gcp labels", "gcp-sm://%s/global/db-%u", KT_EXPOSURE_CURRENT },
};
#define GCP "google.cloud.secretmanager.v1.SecretManagerService."

static void aws_story(struct incident *w, struct incident_secret *s, enum story story)
{
    const struct incident_secret other = { .id = "aws-sm://999988887777/eu-central-1/team/db-1" };
    kt_time_ns later = R + 20 * H + (kt_time_ns)draw(w, 40) * H;
    bool version = draw(w, 2) == 0; /* some reads name one */
    if (story == A_READ_PENDING) {
        (void)change(w, s, KT_ACT_ROTATE, "RotationStarted", R - H, "", "");
        (void)change(w, s, KT_ACT_WRITE, "PutSecretValue", R - H / 2, "v-new", "AWSPENDING");
        read_at(w, s, R, version ? "v-new" : "", "AWSPENDING");
        (void)change(w, s, KT_ACT_ROTATE, "UpdateSecretVersionStage", R + H, "v-new", "AWSCURRENT");
        (void)change(w, s, KT_ACT_ROTATE, "RotationSucceeded", R + 2 * H, "", "");
        return;
    }
    if (story == A_INSIDE) {
        rotation(w, s, R - 6 * KT_NS_MIN, "v-new", NULL);
        (void)change(w, s, KT_ACT_ROTATE, "UpdateSecretVersionStage", R - 2 * KT_NS_MIN,
                     version ? "v-new" : "v-of-another-log", "AWSCURRENT");
        read_at(w, s, R, "", "");
        (void)change(w, s, KT_ACT_ROTATE, "RotationSucceeded", R + 2 * KT_NS_MIN, "", "");
        return;
    }
    if (story == A_DENIED) {
        theirs(w, s->id, KT_ACT_READ, "GetSecretValue", R)->outcome = KT_OUT_DENIED;
        w->failed++;
        return;
    }
    for (unsigned i = 0; i <= draw(w, 3); i++)
        read_at(w, s, R + i * KT_NS_MIN, version ? "v-1" : "", i % 2 ? "AWSCURRENT" : "");
    if (story == A_ROTATED || story == A_FAILED_AGAIN || story == A_BACK)
        rotation(w, s, later, "v-2", "RotationSucceeded");
    if (story == A_BEFORE)
        rotation(w, s, R - 30 * H, version ? "v-1" : "v-0", "RotationSucceeded");
    if (story == A_STARTED)
        rotation(w, s, later, "v-2", NULL);
    if (story == A_FAILED)
        rotation(w, s, later, "v-2", "RotationFailed");
    if (story == A_CANCELLED)
        rotation(w, s, later, "v-2", "CancelRotateSecret");
    if (story == A_FAILED_AGAIN)
        rotation(w, s, later + 30 * H, "v-3", "RotationAbandoned");
    if (story == A_PENDING)
        (void)change(w, s, KT_ACT_WRITE, "PutSecretValue", later, "v-2", "AWSPENDING");
    if (story == A_TAGGED)
        (void)change(w, s, KT_ACT_WRITE, "TagResource", later, "", "");
    if (story == A_UPDATED)
        (void)change(w, s, KT_ACT_WRITE, "UpdateSecret", later, "token", "");
    if (story == A_PUT)
        (void)change(w, s, KT_ACT_WRITE, "PutSecretValue", later, "v-2", "");
    if (story == A_BACK) {
        read_at(w, s, R, "v-1", "");
        (void)change(w, s, KT_ACT_ROTATE, "UpdateSecretVersionStage", later + 9 * H, "v-1",
                     "AWSCURRENT");
    }
    if (story == A_DELETED || story == A_RESTORED || story == A_ANEW)
        (void)change(w, s, KT_ACT_DELETE, "DeleteSecret", later, "", "");
    if (story == A_RESTORED)
        (void)change(w, s, KT_ACT_RESTORE, "RestoreSecret", later + H, "", "");
    if (story == A_ANEW)
        (void)change(w, s, KT_ACT_WRITE, "CreateSecret", later + H, "v-9", "");
    if (story == A_OTHER_ACCOUNT)
        rotation(w, &other, later, "v-2", "RotationSucceeded");
    if (story == A_REFUSED_PUT)
        change(w, s, KT_ACT_WRITE, "PutSecretValue", later, "v-2", "")->outcome = KT_OUT_DENIED;
    if (story == A_LISTED_AFTER)
        snapshot(w, s, SNAPSHOT, "v-7", AWS_AFTER);
    if (story == A_LISTED_BEFORE)
        snapshot(w, s, SNAPSHOT, version ? "v-1" : "v-7", AWS_BEFORE);
    if (story == A_LISTED_BEFORE && version) /* of another read the version is not known */
        read_at(w, s, R, "", "");
}

static void kv_story(struct incident *w, struct incident_secret *s, enum story story)
{
    kt_time_ns later = R + 20 * H + (kt_time_ns)draw(w, 40) * H;
    if (story == V_OLD) {
        (void)change(w, s, KT_ACT_WRITE, "update", R - 5 * H, "4", "");
        read_at(w, s, R, "3", "");
        return;
    }
    if (story == V_ISSUED || story == V_REVOKED) {
        theirs(w, s->id, KT_ACT_ISSUE, "read", R);
        s->taken = s->by_name = true;
        s->reads++;
        w->reads++;
        if (story == V_ISSUED)
            return;
        struct kt_event *ev = event(w, "", KT_ACT_REVOKE, "update", later);
        ev->secret = KT_STR_NONE;
        ev->secret_native =
            say(w, draw(w, 2) == 0 ? "sys/leases/revoke-prefix/%s" : "sys/leases/revoke/%s/x1",
                strstr(s->id, "database"));
        return;
    }
    read_at(w, s, R, story == V_STATIC ? "" : "3", "");
    if (story == V_WRITTEN)
        (void)change(w, s, KT_ACT_WRITE, "update", later, "4", "");
    if (story == V_METADATA)
        change(w, s, KT_ACT_WRITE, "update", later, "", "")->secret_native =
            KT_STR("secret/metadata/team/db");
    if (story == V_BEFORE)
        (void)change(w, s, KT_ACT_WRITE, "update", R - 5 * H, "3", "");
    if (story == V_DELETED || story == V_RESTORED)
        change(w, s, KT_ACT_DELETE, "delete", later, "", "")->secret_native =
            KT_STR("secret/data/team/db");
    if (story == V_RESTORED)
        change(w, s, KT_ACT_RESTORE, "update", later + H, "", "")->secret_native =
            KT_STR("secret/undelete/team/db");
    if (story == V_OLD_DESTROYED)
        change(w, s, KT_ACT_DESTROY, "update", later, "", "")->secret_native =
            KT_STR("secret/destroy/team/db");
    if (story == V_STATIC) {
        struct incident_secret role = *s;
        char *at = strstr(role.id, "static-creds/");
        (void)snprintf(at, sizeof role.id - (size_t)(at - role.id), "rotate-role/%s",
                       strstr(s->id, "static-creds/") + 13);
        (void)change(w, &role, KT_ACT_ROTATE, "update", later, "", "");
    }
    if (story == V_LISTED)
        snapshot(w, s, SNAPSHOT, "4", KV_AFTER);
    if (story == V_BACKWARDS)
        snapshot(w, s, R - 30 * H, "9", "{\"last_changed\":\"2026-11-11T00:00:00Z\"}");
}

static void other_story(struct incident *w, struct incident_secret *s, enum story story)
{
    kt_time_ns later = R + 20 * H + (kt_time_ns)draw(w, 40) * H;
    if (story == K_SET) { /* known by the inventory, read by a list of the namespace */
        snapshot(w, s, SNAPSHOT, "77", "{\"created\":\"2026-01-01T00:00:00Z\"}");
        s->taken = true;
        s->reads = 1;
        return;
    }
    read_at(w, s, R, story == O_EDITED ? "12" : "", "");
    if (story == O_EDITED)
        (void)change(w, s, KT_ACT_WRITE, "server-update", later, "13", "");
    if (story == K_UPDATED)
        (void)change(w, s, KT_ACT_WRITE, "update secrets", later, "", "");
    if (story == K_PATCHED || story == K_SYNCED) {
        struct kt_event *ev = change(w, s, KT_ACT_WRITE, "patch secrets", later, "", "");
        ev->via = story == K_SYNCED ? KT_STR("external-secrets") : KT_STR_NONE;
    }
    if (story == G_ADDED)
        (void)change(w, s, KT_ACT_WRITE, GCP "AddSecretVersion", later, "8", "");
    if (story == G_LABELS)
        (void)change(w, s, KT_ACT_WRITE, GCP "UpdateSecret", later, "", "");
}

/* Who reads it every few days, and others who did long ago. */
static void add_readers(struct incident *w, struct incident_secret *s)
{
    unsigned n = draw(w, 4);
    for (unsigned i = 0; i < n && s->by_name; i++) {
        for (unsigned k = 0; k <= draw(w, 3); k++)
            event(w, s->id, KT_ACT_READ, "read", MAKE_T0 - (20 + 5 * k) * KT_NS_DAY)->actor =
                say(w, "svc-%u@%s", i, w->account);
        s->readers++;
    }
    event(w, s->id, KT_ACT_READ, "read", MAKE_T0 - 45 * KT_NS_DAY)->actor = KT_STR("long-gone");
}

static void add_secrets(struct incident *w)
{
    unsigned per = 2 + draw(w, 3);
    for (unsigned i = 0; i < per * STORIES; i++) {
        enum story story = (enum story)(i % STORIES);
        struct incident_secret *s = &w->secret[w->n++];
        s->story = truth[story].name;
        s->want = truth[story].want;
        char *format = kt_strdup(truth[story].id), *part = strstr(format, "%s");
        unsigned before = (unsigned)(part - format);
        (void)snprintf(s->id, sizeof s->id, "%.*s%s%.*s%u", (int)before, format, w->account,
                       (int)(strstr(format, "%u") - part - 2), part + 2, i);
        kt_free(format);
        if (story < V_UNTOUCHED)
            aws_story(w, s, story);
        else if (story < O_UNTOUCHED)
            kv_story(w, s, story);
        else
            other_story(w, s, story);
        add_readers(w, s);
    }
    char set[200];
    (void)snprintf(set, sizeof set, "k8s://prod/whole-%s/*", w->account);
    (void)theirs(w, set, KT_ACT_EXPORT, "list secrets", R);
    w->reads++;
}

/* ---- what grew out of it ---- */

/* It assumes a role, and the session reads a secret; the same role was used before, which is not
 * its. */
static void add_hop(struct incident *w)
{
    struct kt_event *ev = theirs(w, "", KT_ACT_ISSUE, "AssumeRole", R);
    ev->secret = KT_STR_NONE;
    ev->secret_native = say(w, "arn:aws:iam::%s:role/ops/admin", w->account);
    ev->raw = say(w,
                  "{\"requestParameters\":{\"roleArn\":\"arn:aws:iam::%s:role/ops/admin\","
                  "\"roleSessionName\":\"pivot\"}}",
                  w->account);
    (void)snprintf(w->hop, sizeof w->hop, "aws-sm://%s/eu-central-1/team/behind", w->account);
    for (int i = 0; i < 2; i++) {
        ev = event(w, i == 0 ? w->hop : "aws-sm://999988887777/eu-central-1/team/trap", KT_ACT_READ,
                   "GetSecretValue", i == 0 ? R + H : R - H);
        ev->session = KT_STR("pivot");
        ev->role = KT_STR("admin");
        ev->actor = say(w, "admin@%s", w->account);
    }
}

/* ---- the same person under another name, who goes on after the incident ---- */

static struct kt_event *alias_reads(struct incident *w, kt_time_ns time)
{
    struct kt_event *ev = event(w, w->alias_secret, KT_ACT_READ, "GetSecretValue", time);
    ev->actor = kt_str_of(w->alias);
    ev->credential = KT_STR("AKIAALIAS00000000001");
    return ev;
}

static void add_leaver(struct incident *w)
{
    (void)snprintf(w->alias, sizeof w->alias, "al@laptop");
    (void)snprintf(w->alias_secret, sizeof w->alias_secret, "aws-sm://%s/eu-central-1/team/alias",
                   w->account);
    (void)alias_reads(w, R - 2 * H);
    w->after = 1 + draw(w, 5);
    for (unsigned i = 0; i < w->after; i++)
        (void)alias_reads(w, INCIDENT_LEFT + (1 + i) * H);
    alias_reads(w, INCIDENT_LEFT + 10 * H)->outcome = KT_OUT_DENIED;
    alias_reads(w, INCIDENT_LEFT + 11 * H)->actor = KT_STR("renamed@elsewhere");
    alias_reads(w, INCIDENT_LEFT + 12 * H)->actor = KT_STR("al@laptop2"); /* the key, too */
    struct kt_event *ev = alias_reads(w, INCIDENT_LEFT + 13 * H);
    ev->actor = KT_STR("al@laptop2");
    ev->credential = KT_STR("AKIAALIAS000000000011");
    /* a scanner saw the credential of the incident before it was used */
    ev = event(w, "leak://github.com%2Facme/aws-access-token/.env", 0, "aws-access-token", R - H);
    ev->kind = KT_KIND_EXPOSURE;
    ev->outcome = KT_OUT_UNKNOWN;
    ev->source = KT_STR("leaks");
    ev->instance = KT_STR("leaks");
    ev->code = KT_STR("verified");
    ev->credential = kt_str_of(w->credential);
}

/* ---- what must not be taken for it ---- */

static void add_traps(struct incident *w)
{
    const char *trap = "aws-sm://999988887777/eu-central-1/team/trap";
    /* the same names in another account */
    struct kt_event *ev = event(w, trap, KT_ACT_READ, "GetSecretValue", R);
    ev->actor = say(w, "%s@999988887777", w->role);
    ev->role = kt_str_of(w->role);
    ev->session = kt_str_of(w->session);
    ev->credential = KT_STR("ASIAOTHER0000000001");
    /* a neighbour's address, a longer key */
    ev = event(w, trap, KT_ACT_READ, "GetSecretValue", R);
    ev->credential = say(w, "%sX", w->credential);
    ev->actor = say(w, "x%s", w->actor);
    ev->session = say(w, "%s-2", w->session);
    ev->has_ip = kt_ip_parse(KT_STR("203.0.113.71"), &ev->ip);
    for (unsigned i = 0; i < 200; i++)
        event(w, "aws-sm://999988887777/eu-central-1/noise/x", KT_ACT_READ, "GetSecretValue",
              R - (kt_time_ns)draw(w, 900) * H)
            ->actor = say(w, "noise-%u", draw(w, 9));
}

/* ---- into a store ---- */

static int by_time(const void *a, const void *b)
{
    const struct kt_event *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return kt_str_cmp(x->native_id, y->native_id);
}

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fprintf(stderr, "incident: %s\n", err->text);
    assert(status == KT_OK);
}

static void store_all(struct incident *w)
{
    struct kt_error err = { 0 };
    struct kt_store *store = NULL;
    const struct kt_store_options o = {
        .path = w->path, .create = true, .segment_events = 100, .seal_here = true
    };
    must(kt_store_open(&o, &store, &err), &err);
    qsort(w->event, w->n_events, sizeof *w->event, by_time);
    for (unsigned i = 0; i < w->n_events;) {
        struct kt_store_result r;
        make_reset(w->make);
        kt_time_ns arrival = w->event[i].time;
        for (unsigned k = 0; k < 60 && i < w->n_events; k++, i++, w->make->n++) {
            must(kt_line_write(&w->event[i], &w->make->lines, &err), &err);
            kt_buf_byte(&w->make->lines, '\n');
        }
        const struct kt_store_batch b = make_import(w->make, arrival);
        must(kt_store_begin(store, &err), &err);
        must(kt_store_append(store, &b, &r, &err), &err);
        must(kt_store_commit(store, &err), &err);
    }
    kt_store_close(store);
}

struct incident *incident_new(uint64_t seed)
{
    struct incident *w = kt_alloc(sizeof *w);
    w->state = (struct kt_rng_seeded){ .state = seed };
    w->rng = kt_rng_seeded(&w->state);
    w->make = make_new();
    w->arena = kt_arena_new(32u << 20);
    w->event = kt_alloc_array(EVENTS_MAX, sizeof *w->event);
    make_folder(w->folder, w->path);
    (void)snprintf(w->account, sizeof w->account, "1111222233%02u", draw(w, 90) + 10);
    (void)snprintf(w->role, sizeof w->role, "deploy-%u", draw(w, 100));
    (void)snprintf(w->actor, sizeof w->actor, "%s@%s", w->role, w->account);
    (void)snprintf(w->session, sizeof w->session, "run-%u", draw(w, 100000));
    (void)snprintf(w->credential, sizeof w->credential, "ASIALEAKED%010u", draw(w, 1000000));
    (void)snprintf(w->ip, sizeof w->ip, "203.0.113.7");
    (void)snprintf(w->arn, sizeof w->arn, "arn:aws:sts::%s:assumed-role/%s/%s", w->account, w->role,
                   w->session);
    add_secrets(w);
    add_hop(w);
    add_leaver(w);
    add_traps(w);
    assert(!w->arena.full);
    store_all(w);
    return w;
}

void incident_free(struct incident *w)
{
    make_folder_drop(w->folder);
    make_free(w->make);
    kt_arena_done(&w->arena);
    kt_free(w->event);
    kt_free(w);
}
