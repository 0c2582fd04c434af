/*
 * azure_names: operation -> verb, URI -> canonical id (SOURCES §7, §0.4 rule 10).
 *
 * Owns:  the verb tables.
 * Calls: core/base, core/event (secret_id), agents/sources/actor.
 */
#include "agents/sources/actor.h"
#include "agents/sources/azure.h"
#include "core/base/enc.h"
#include "core/event/secret_id.h"

/* First match wins; `*` is any part of a word, `**` of a path. */
struct verb {
    const char *pattern;
    enum kt_action action;
};
static const struct verb data_verbs[] = {
    { "Authentication", KT_ACT_LOGIN },
    { "SecretGet", KT_ACT_READ },
    { "SecretBackup", KT_ACT_EXPORT },
    { "KeyBackup", KT_ACT_EXPORT },
    { "CertificateBackup", KT_ACT_EXPORT },
    { "*ListDeleted*", KT_ACT_LIST },
    { "*ListVersions", KT_ACT_LIST },
    { "*List", KT_ACT_LIST },
    { "*GetDeleted", KT_ACT_READ_META },
    { "*PolicyGet", KT_ACT_READ_META },
    { "VaultGet", KT_ACT_READ_META },
    { "KeyGet", KT_ACT_READ_META },
    { "CertificateGet", KT_ACT_READ_META },
    { "CertificateIssuerGet", KT_ACT_READ_META },
    { "CertificateContactsGet", KT_ACT_READ_META },
    { "CertificatePendingGet", KT_ACT_READ_META },
    { "SecretSet", KT_ACT_WRITE },
    { "SecretUpdate", KT_ACT_WRITE },
    { "KeyCreate", KT_ACT_WRITE },
    { "KeyImport", KT_ACT_WRITE },
    { "KeyUpdate", KT_ACT_WRITE },
    { "CertificateCreate", KT_ACT_WRITE },
    { "CertificateImport", KT_ACT_WRITE },
    { "CertificateUpdate", KT_ACT_WRITE },
    { "CertificatePendingMerge", KT_ACT_WRITE },
    { "CertificatePendingUpdate", KT_ACT_WRITE },
    { "SecretDelete", KT_ACT_DELETE },
    { "KeyDelete", KT_ACT_DELETE },
    { "CertificateDelete", KT_ACT_DELETE },
    { "CertificatePendingDelete", KT_ACT_DELETE },
    { "VaultDelete", KT_ACT_DELETE },
    { "*Recover", KT_ACT_RESTORE },
    { "*Restore", KT_ACT_RESTORE },
    { "*Purge", KT_ACT_DESTROY },
    { "KeySign", KT_ACT_USE },
    { "KeyVerify", KT_ACT_USE },
    { "KeyEncrypt", KT_ACT_USE },
    { "KeyDecrypt", KT_ACT_USE },
    { "KeyWrap", KT_ACT_USE },
    { "KeyUnwrap", KT_ACT_USE },
    { "KeyRotate", KT_ACT_ROTATE },
    { "KeyRotateIfDue", KT_ACT_ROTATE },
    { "CertificateRenew", KT_ACT_ROTATE },
    { "CertificateEnroll", KT_ACT_ROTATE },
    { "KeyRotationPolicySet", KT_ACT_CONFIG },
    { "CertificatePolicySet", KT_ACT_CONFIG },
    { "CertificatePolicyUpdate", KT_ACT_CONFIG },
    { "CertificateIssuer*", KT_ACT_CONFIG },
    { "CertificateContacts*", KT_ACT_CONFIG },
    { "VaultPut", KT_ACT_CONFIG },
    { "VaultPatch", KT_ACT_CONFIG },
    { "VaultAccessPolicyChangedEventGridNotification", KT_ACT_GRANT },
};
/* Of the Activity Log, in lower case. */
static const struct verb control_verbs[] = {
    { "microsoft.keyvault/**/getsecret/action", KT_ACT_READ_META },
    { "microsoft.keyvault/**/purge/action", KT_ACT_DESTROY },
    { "microsoft.keyvault/**/recover/action", KT_ACT_RESTORE },
    { "microsoft.keyvault/**/restore/action", KT_ACT_RESTORE },
    { "microsoft.keyvault/**/delete", KT_ACT_DELETE },
    { "microsoft.keyvault/**/write", KT_ACT_CONFIG },
    { "microsoft.authorization/roleassignments/write", KT_ACT_GRANT },
    { "microsoft.authorization/roleassignments/delete", KT_ACT_REVOKE },
    { "microsoft.insights/diagnosticsettings/write", KT_ACT_CONFIG },
    { "microsoft.insights/diagnosticsettings/delete", KT_ACT_CONFIG },
};

static enum kt_action find(const struct verb *verbs, size_t n, struct kt_str word)
{
    for (size_t i = 0; i < n; i++)
        if (kt_str_glob(kt_str_of(verbs[i].pattern), word))
            return verbs[i].action;
    return KT_ACT_OTHER;
}

enum kt_action kt_az_action_of(const struct az_record *r)
{
    if (r->is_control)
        return find(control_verbs, KT_ARRAY_LEN(control_verbs),
                    kt_actor_lower(r->in->arena, r->operation));
    return find(data_verbs, KT_ARRAY_LEN(data_verbs), r->operation);
}

/* ---- URIs ---- */

struct object {
    struct kt_str host, collection, name, version;
};

static const char *const hosts[] = {
    ".vault.azure.net",         ".vault.azure.cn",       ".vault.usgovcloudapi.net",
    ".vault.microsoftazure.de", ".managedhsm.azure.net",
};
/* What was deleted is still the same secret. */
static const struct {
    const char *word, *collection;
} collections[] = {
    { "secrets", "secrets" },           { "keys", "keys" },
    { "certificates", "certificates" }, { "deletedsecrets", "secrets" },
    { "deletedkeys", "keys" },          { "deletedcertificates", "certificates" },
};
/* Words that stand where a name would. */
static const char *const no_names[] = { "restore", "issuers", "contacts" };

static bool is_vault(struct kt_str host)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(hosts); i++)
        if (host.len > strlen(hosts[i]) && kt_str_ends(host, kt_str_of(hosts[i])))
            return true;
    return false;
}

static struct kt_str collection_of(struct kt_str word)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(collections); i++)
        if (kt_str_is(word, collections[i].word))
            return kt_str_of(collections[i].collection);
    return KT_STR_NONE;
}

static bool is_version(struct kt_str s)
{
    uint8_t id[16];
    return s.len == 32 && kt_hex_decode(s, id, sizeof id);
}

static struct kt_str take_upto(struct kt_str *rest, char sep)
{
    struct kt_str part = KT_STR_NONE;
    (void)kt_str_split(rest, sep, &part);
    return part;
}

static struct kt_str take(struct kt_str *rest)
{
    return take_upto(rest, '/');
}

/* %2D -> '-', once. */
static struct kt_str decoded(struct kt_arena *a, struct kt_str s)
{
    char *out = kt_str_find_byte(s, '%', 0) < 0 ? NULL : kt_arena_alloc(a, s.len);
    size_t n = 0;
    for (size_t i = 0; out != NULL && i < s.len; i++) {
        unsigned char c;
        bool coded = s.at[i] == '%' && kt_hex_decode(kt_str_sub(s, i + 1, 2), &c, 1);
        out[n++] = coded ? (char)c : s.at[i];
        i += coded ? 2 : 0;
    }
    return out == NULL ? s : kt_str_from(out, n);
}

/* https://HOST[:PORT]/COLLECTION/NAME[/VERSION][?…]; false when its host is no vault. */
static bool parse_uri(struct kt_arena *a, struct kt_str uri, struct object *ret)
{
    ptrdiff_t start = kt_str_find(uri, KT_STR("://"), 0);
    struct kt_str rest = kt_str_from_index(uri, start < 0 ? 0 : (size_t)start + 3);
    struct kt_str path = take_upto(&rest, '?');
    struct kt_str peer = kt_actor_lower(a, take(&path));
    struct kt_str host = take_upto(&peer, ':');
    if (!is_vault(host))
        return false;
    *ret = (struct object){ .host = host };
    ret->collection = collection_of(kt_actor_lower(a, take(&path)));
    if (ret->collection.len == 0)
        return true;
    ret->name = decoded(a, take(&path));
    struct kt_str third = take(&path);
    if (is_version(third))
        ret->version = third;
    for (size_t i = 0; i < KT_ARRAY_LEN(no_names); i++)
        if (kt_str_is(ret->name, no_names[i]))
            ret->name = ret->collection = KT_STR_NONE;
    return true;
}

/* /SUBSCRIPTIONS/…/VAULTS/NAME[/SECRETS/NAME]: the host is that of the public cloud, if any. */
static bool parse_resource(struct kt_arena *a, struct kt_str resource, struct object *ret)
{
    static const struct kt_str mark = KT_STR_INIT("/vaults/");
    struct kt_str path = kt_actor_lower(a, resource);
    ptrdiff_t at = kt_str_find(path, mark, 0);
    if (at < 0)
        return false;
    path = kt_str_from_index(path, (size_t)at + mark.len);
    struct kt_str vault = take(&path);
    if (vault.len == 0)
        return false;
    *ret = (struct object){ .host = kt_arena_cat(a, vault, KT_STR(".vault.azure.net")) };
    ret->collection = collection_of(take(&path));
    if (ret->collection.len > 0)
        ret->name = take(&path);
    return true;
}

void kt_az_what(const struct az_record *r, struct kt_event *ev)
{
    struct kt_arena *a = r->in->arena;
    struct kt_str id = kt_json_str_at(r->properties, "id");
    struct kt_str uri = kt_json_str_at(r->properties, "requestUri");
    struct object o = { .host = KT_STR_NONE }, asked;
    bool named = parse_uri(a, id, &o);

    ev->action = kt_az_action_of(r);
    ev->operation = r->operation;
    ev->secret_native = named ? id : r->resource;
    if ((!named || o.collection.len == 0) && parse_uri(a, uri, &asked)) {
        o = asked;
        ev->secret_native = take_upto(&uri, '?');
    } else if (!named && parse_resource(a, r->resource, &o)) {
        ev->secret_guess = true;
    }
    if (o.host.len == 0)
        return;
    struct kt_str fixed[2] = { o.host, o.collection };
    if (o.collection.len > 0)
        ev->secret = kt_secret_id(a, "az-kv", fixed, 2, o.name, o.name.len == 0);
    else
        ev->store = kt_arena_cat(a, KT_STR("az-kv://"), o.host);
    ev->secret_guess = ev->secret_guess && ev->secret.len > 0;
    ev->version = o.version;
}
