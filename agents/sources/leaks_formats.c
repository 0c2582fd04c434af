/*
 * leaks_formats: the reports of gitleaks, trufflehog, detect-secrets and GitGuardian -> one form.
 *
 * Owns:  which member says what, and constants.
 * Calls: core/base, core/event (json).
 *
 * Sources: gitleaks report/finding.go (v8), trufflehog pkg/output/json.go and
 * proto/source_metadata.proto (v3), detect-secrets' baseline (1.0 and newer),
 * docs.gitguardian.com, custom webhook.
 */
#include "agents/sources/leaks.h"
#include "core/base/err.h"

#define KEY_ID 20u

static bool is_key_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_word_char(char c)
{
    return is_key_char(c) || (c >= 'a' && c <= 'z') || c == '_' || c == '+' || c == '/';
}

struct kt_str kt_leaks_key_id(struct kt_str s)
{
    for (size_t at = 0; at + KEY_ID <= s.len; at++) {
        struct kt_str id = kt_str_sub(s, at, KEY_ID);
        size_t n = 0;
        if (!kt_str_starts(id, KT_STR("AKIA")) && !kt_str_starts(id, KT_STR("ASIA")))
            continue;
        while (n < KEY_ID && is_key_char(id.at[n]))
            n++;
        bool alone = (at == 0 || !is_word_char(s.at[at - 1])) &&
                     (at + KEY_ID == s.len || !is_word_char(s.at[at + KEY_ID]));
        if (n == KEY_ID && alone)
            return id;
    }
    return KT_STR_NONE;
}

static struct kt_str text(struct kt_jval of, const char *name)
{
    struct kt_jval v = kt_json_get(of, kt_str_of(name));
    enum kt_json_type t = kt_json_type(v);
    return t == KT_JSON_STRING || t == KT_JSON_NUMBER ? kt_json_text(v) : KT_STR_NONE;
}

/* The first of these members that says something. */
static struct kt_str any(struct kt_jval of, const char *const *names)
{
    struct kt_str s = KT_STR_NONE;
    for (; s.len == 0 && *names != NULL; names++)
        s = text(of, *names);
    return s;
}

/* ---- gitleaks ---- */

/* The value itself is searched for a key id, and nothing else of it is taken. */
static const char *gitleaks(const struct kt_decode_in *in, struct leak *ret)
{
    struct kt_jval r = in->root;
    struct kt_str file = text(r, "SymlinkFile");
    ret->rule = text(r, "RuleID");
    ret->description = text(r, "Description");
    ret->file = file.len > 0 ? file : text(r, "File");
    ret->commit = text(r, "Commit");
    ret->link = text(r, "Link");
    ret->line = text(r, "StartLine");
    ret->column = text(r, "StartColumn");
    ret->author = text(r, "Author");
    ret->email = text(r, "Email");
    ret->when = text(r, "Date");
    ret->tags = kt_json_get(r, KT_STR("Tags"));
    ret->credential = kt_leaks_key_id(text(r, "Secret"));
    if (ret->credential.len == 0)
        ret->credential = kt_leaks_key_id(text(r, "Match"));
    ret->state = "unverified"; /* it never asks the service */
    return NULL;
}

/* ---- trufflehog ---- */

/* SourceMetadata.Data has one member, named by where it looked, whose members are named by the
 * service. */
static void place(struct kt_jval metadata, struct leak *ret)
{
    static const char *const repository[] = { "repository", "bucket",       "image",
                                              "repo",       "project",      "project_name",
                                              "container",  "channel_name", "workspace_name",
                                              "space",      "package",      NULL };
    static const char *const file[] = { "file",  "filename", "path",     "page",
                                        "issue", "location", "issue_id", NULL };
    static const char *const commit[] = { "commit", "layer", "release", "version", NULL };
    static const char *const email[] = { "email", "author", "user", NULL };
    static const char *const when[] = { "timestamp", "created_at",   "updated_at",
                                        "uploaded",  "date_created", NULL };
    struct kt_json_iter it = kt_json_iter(kt_json_get(metadata, KT_STR("Data")));
    struct kt_jval at;
    if (!kt_json_next(&it, &ret->medium, &at))
        return;
    ret->repository = any(at, repository);
    ret->file = any(at, file);
    ret->commit = any(at, commit);
    ret->email = any(at, email);
    ret->when = any(at, when);
    ret->link = text(at, "link");
    ret->line = text(at, "line");
    ret->visibility = text(at, "visibility");
}

/* RawV2 is not searched: id and secret stand in it without anything between. */
static const char *trufflehog(const struct kt_decode_in *in, struct leak *ret)
{
    struct kt_jval r = in->root;
    static const char *const ids[] = { "Raw", "Redacted", NULL };
    place(kt_json_get(r, KT_STR("SourceMetadata")), ret);
    ret->rule = text(r, "DetectorName");
    ret->description = text(r, "DetectorDescription");
    ret->extra = kt_json_get(r, KT_STR("ExtraData"));
    for (size_t i = 0; ids[i] != NULL && ret->credential.len == 0; i++)
        ret->credential = kt_leaks_key_id(text(r, ids[i]));
    if (ret->credential.len == 0)
        ret->credential = kt_leaks_key_id(kt_json_str_at(ret->extra, "access_key_id"));
    ret->state =
        kt_json_bool(kt_json_get(r, KT_STR("Verified")), false) ? "verified" : "unverified";
    return NULL;
}

/* ---- detect-secrets ---- */

static const char *detect_secrets(const struct kt_decode_in *in, struct leak *ret)
{
    struct kt_jval r = in->root, is_secret = kt_json_get(r, KT_STR("is_secret"));
    bool judged = kt_json_type(is_secret) == KT_JSON_BOOL;
    if (judged && !kt_json_bool(is_secret, false))
        return "audited: no secret";
    ret->rule = ret->description = text(r, "type");
    ret->file = text(r, "filename");
    ret->line = text(r, "line_number");
    ret->state = kt_json_bool(kt_json_get(r, KT_STR("is_verified")), false) ? "verified"
                 : judged                                                   ? "confirmed"
                                                                            : "unverified";
    return NULL;
}

/* ---- GitGuardian ---- */

/* What else its webhook says about an incident. An action that is not known is taken. */
static const struct kt_str no_exposure[] = {
    KT_STR_INIT("incident_resolved"),   KT_STR_INIT("incident_ignored"),
    KT_STR_INIT("incident_assigned"),   KT_STR_INIT("incident_reassigned"),
    KT_STR_INIT("incident_unassigned"), KT_STR_INIT("incident_severity"),
    KT_STR_INIT("incident_access"),     KT_STR_INIT("incident_shared"),
    KT_STR_INIT("incident_unshared"),   KT_STR_INIT("incident_note"),
    KT_STR_INIT("incident_feedback"),
};

static const char *state_of(struct kt_jval incident)
{
    struct kt_str validity = text(incident, "validity");
    if (kt_json_bool(kt_json_get(incident, KT_STR("secret_revoked")), false))
        return "revoked";
    if (kt_str_is(validity, "valid"))
        return "verified";
    return kt_str_is(validity, "invalid") ? "invalid" : "unverified";
}

static const char *gitguardian(const struct kt_decode_in *in, struct leak *ret)
{
    static const char *const author[] = { "author_name", NULL };
    static const char *const email[] = { "author_info", NULL };
    static const char *const file[] = { "filepath", "filename", NULL };
    static const char *const url[] = { "url", "full_name", "name", NULL };
    struct kt_jval incident = kt_json_get(in->root, KT_STR("incident"));
    struct kt_jval occurrence = kt_json_get(in->root, KT_STR("occurrence"));
    struct kt_jval detector = kt_json_get(incident, KT_STR("detector"));
    struct kt_jval repository = kt_json_get(occurrence, KT_STR("source"));
    struct kt_str action = text(in->root, "action");
    for (size_t i = 0; i < KT_ARRAY_LEN(no_exposure); i++)
        if (kt_str_starts(action, no_exposure[i]))
            return "a change of an incident, no exposure";
    ret->rule = text(detector, "name");
    ret->description = text(detector, "display_name");
    ret->severity = text(incident, "severity");
    ret->incident = text(incident, "id");
    ret->state = state_of(incident);
    ret->file = any(occurrence, file);
    ret->commit = text(occurrence, "sha");
    ret->author = any(occurrence, author);
    ret->email = any(occurrence, email);
    ret->repository = any(repository, url);
    ret->visibility = text(repository, "visibility");
    ret->link = text(occurrence, "url");
    if (ret->link.len == 0)
        ret->link = text(incident, "gitguardian_url");
    ret->when = text(occurrence, "date");
    if (ret->when.len == 0)
        ret->when = text(in->root, "timestamp");
    ret->native = kt_arena_cat3(in->arena, action, KT_STR(" "), text(in->root, "timestamp"));
    return NULL;
}

const struct kt_leaks_format kt_leaks_formats[] = {
    { "gitleaks", { "RuleID", "StartLine" }, gitleaks },
    { "trufflehog", { "DetectorName", "SourceMetadata" }, trufflehog },
    { "detect-secrets", { "hashed_secret", "type" }, detect_secrets },
    { "gitguardian", { "incident", "action" }, gitguardian },
    { NULL, { NULL, NULL }, NULL },
};

const char *const kt_leaks_extra[] = { "account", "arn", "user_id", "resource_type", NULL };

const char *const kt_leaks_known_keys[] = {
    /* gitleaks */
    "RuleID", "Description", "StartLine", "EndLine", "StartColumn", "EndColumn", "Match", "Secret",
    "Line", "File", "SymlinkFile", "Commit", "Link", "Entropy", "Author", "Email", "Date",
    "Message", "Tags", "Fingerprint",
    /* trufflehog */
    "SourceMetadata", "SourceID", "SourceType", "SourceName", "DetectorType", "DetectorName",
    "DetectorDescription", "DecoderName", "Verified", "VerificationError", "VerificationFromCache",
    "Raw", "RawV2", "Redacted", "ExtraData", "StructuredData", "SecretParts",
    /* detect-secrets */
    "type", "filename", "hashed_secret", "is_verified", "is_secret", "line_number",
    /* GitGuardian */
    "source", "timestamp", "action", "message", "target_user", "target_team", "custom_webhook_name",
    "incident", "occurrence", NULL
};
