/*
 * incident: the emergency runbook of a leak or an intrusion, as records of kind `decision` of the
 * log (docs/incidents.md). The operation names what was done, raw holds it:
 *
 *   incident.open   {"id":…,"about":"alert|credential|secret","subject":…,"reason":…,"by":…,
 *                    "where":…,"as":…,"since":ns,"until":ns}
 *   incident.note   {"id":…,"reason":…,"by":…,"where":…}
 *   incident.step   {"id":…,"step":…,"reason":…,"by":…,"where":…,"undone":true}
 *   incident.list {"id":…,"by":…,"where":…,"reason":…,"part":n,"more":true,"secrets":[{"secret":…,
 *                    "versions":[…],"reads":n,"issued":n,"first":ns,"last":ns,"pending":ns},…]}
 *   incident.close  {"id":…,"reason":…,"by":…,"where":…,"forced":true,"open":[step,…],
 *                    "markdown":"<sha256>","html":"<sha256>"}
 *
 * Absent members are empty. `list` fixes the blast radius: which values were exposed, as it was
 * known then; part 1 begins it anew, `more` says that another part follows. Other operations are
 * not read here; detection reads none of them.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/time.h"
#include "core/event/json.h"

/* clang-format off */
/* The runbook, in its order: word of the command line, title, what is to be done. */
#define KT_RUNBOOK(X)                                                                              \
    X(CONFIRM, "confirm", "Confirm", "is it real? Ask whoever it is about, by telephone")          \
    X(BLAST, "blast", "Blast radius", "which values were exposed: the list that all that follows is about") \
    X(ROTATE, "rotate", "Rotate", "a new value for each of them")                                  \
    X(DEPLOY, "deploy", "Deploy", "whoever reads them regularly has fetched the new ones")         \
    X(REVOKE, "revoke", "Revoke", "the credential, and the old values, let nobody in any more")    \
    X(AUDIT, "audit", "Audit the logs", "the log of the exposure is whole, and each alert in it has a verdict") \
    X(TELL, "tell", "Tell", "owners, customers, the data protection officer, the insurer")         \
    X(DOCUMENT, "document", "Document", "what happened, why, and what changes")
enum kt_runbook {
#define X(n, w, t, d) KT_RUNBOOK_##n,
    KT_RUNBOOK(X)
#undef X
    KT_RUNBOOK_COUNT
};
/* clang-format on */
const char *kt_runbook_word(enum kt_runbook step);
const char *kt_runbook_title(enum kt_runbook step);
const char *kt_runbook_task(enum kt_runbook step);
int kt_runbook_of(struct kt_str word); /* -1: no step */

enum kt_incident_what {
    KT_INCIDENT_OPEN,
    KT_INCIDENT_NOTE,
    KT_INCIDENT_STEP,
    KT_INCIDENT_LIST,
    KT_INCIDENT_CLOSE,
    KT_INCIDENT_WHATS
};
const char *kt_incident_word(enum kt_incident_what what); /* the operation */
int kt_incident_of(struct kt_str operation);              /* -1: none */

enum kt_incident_about { KT_ABOUT_ALERT, KT_ABOUT_CREDENTIAL, KT_ABOUT_SECRET, KT_ABOUT_COUNT };
const char *kt_incident_about_word(enum kt_incident_about about);
int kt_incident_about_of(struct kt_str word);

#define KT_INCIDENT_PART_MAX     500u   /* secrets of one record */
#define KT_INCIDENT_SECRETS_MAX  20000u /* of a whole list */
#define KT_INCIDENT_VERSIONS_MAX 16u    /* kept of one secret: the first */
#define KT_INCIDENT_SECRET_MAX   1024u  /* bytes of one id */
struct kt_incident_act {                /* one record, or a request for one; NUL-ended texts */
    enum kt_incident_what what;
    kt_time_ns at; /* arrival of the record; no member of it */
    char id[24];   /* "incident-1"; in a request to open: empty */
    char by[80], where[64];
    char reason[1000]; /* why; the text of a note */
    /* open */
    int about;         /* enum kt_incident_about */
    char subject[512]; /* an alert's id, a credential, a secret */
    char as[16];       /* of a credential: what it is taken for (blast --as); empty: by its form */
    kt_time_ns since, until; /* the exposure: event time; until 0: it goes on */
    /* step */
    int step;    /* enum kt_runbook */
    bool undone; /* it is open again */
    /* list */
    uint32_t part; /* from 1 */
    bool more;
    struct kt_jval secrets; /* as it was read: kt_incident_secret_next; lives with its JSON */
    /* close */
    bool forced;
    uint32_t open;               /* bits of enum kt_runbook that were open */
    char markdown[65], html[65]; /* SHA-256 of the report's files, hex; both or none */
};
/* Takes an act from a record's raw or from a request; `id` may be absent here. KT_E_INPUT says in a
 * sentence what is missing, too long, or has no meaning for it. */
KT_MUST_USE enum kt_status kt_incident_read(enum kt_incident_what what, struct kt_jval root,
                                            struct kt_incident_act *ret, struct kt_error *err);
/* raw of the record. The secrets of a list are written out of `secrets`. */
void kt_incident_write(const struct kt_incident_act *a, struct kt_buf *out);
/* One line for people: "rotate done by alice (cli on ops-1): all of them". */
void kt_incident_say(const struct kt_incident_act *a, struct kt_buf *out);

struct kt_incident_secret { /* one of a list; views into its JSON */
    struct kt_str secret, version[KT_INCIDENT_VERSIONS_MAX];
    unsigned n_versions;
    uint64_t reads, issued; /* issued: of the reads, those that made a credential */
    kt_time_ns first, last;
    kt_time_ns pending; /* newest read of a value that was not current yet; 0: none */
};
/* {0} begins. False: the end. What kt_incident_read accepted has no broken entry. */
struct kt_incident_walk {
    struct kt_json_iter it;
    bool begun;
};
bool kt_incident_secret_next(const struct kt_incident_act *a, struct kt_incident_walk *w,
                             struct kt_incident_secret *ret);
void kt_incident_secret_write(const struct kt_incident_secret *s, struct kt_buf *out);
