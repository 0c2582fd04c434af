/*
 * vault_paths: operation and path -> verb and secret (SOURCES §2.4, §0.4 rule 8).
 *
 * Owns:  the rule tables. Mounts and their KV versions are remembered by the engine.
 * Calls: core/base, core/event (secret_id).
 */
#include "agents/sources/vault.h"

#include "core/event/secret_id.h"

#define W VT_WRITE
#define R VT_READ
#define L VT_LIST
#define D VT_DELETE

/* First match wins; `*` is one segment or a part of it, `**` everything. */
struct rule {
    const char *type; /* of the engine; NULL: any */
    const char *pattern;
    unsigned ops;
    enum kt_action action;
};

static const struct rule sys_rules[] = {
    { NULL, "audit-hash/**", R | W | L | D, KT_ACT_OTHER },
    { NULL, "internal/**", R | W | L | D, KT_ACT_OTHER },
    { NULL, "capabilities**", R | W | L | D, KT_ACT_OTHER },
    { NULL, "tools/**", R | W | L | D, KT_ACT_OTHER },
    { NULL, "control-group/**", R | W | L | D, KT_ACT_OTHER },
    { NULL, "wrapping/unwrap", R | W, KT_ACT_READ },
    { NULL, "wrapping/**", R | W | L | D, KT_ACT_OTHER },
    { NULL, "leases/lookup", R | W, KT_ACT_READ_META },
    { NULL, "leases/renew**", W, KT_ACT_RENEW },
    { NULL, "renew**", W, KT_ACT_RENEW },
    { NULL, "leases/revoke**", W | D, KT_ACT_REVOKE },
    { NULL, "revoke**", W | D, KT_ACT_REVOKE },
    { NULL, "policies/password/**", W | D, KT_ACT_CONFIG },
    { NULL, "policies/**", W, KT_ACT_GRANT },
    { NULL, "policies/**", D, KT_ACT_REVOKE },
    { NULL, "policy/**", W, KT_ACT_GRANT },
    { NULL, "policy/**", D, KT_ACT_REVOKE },
    { NULL, "storage/raft/snapshot*", R, KT_ACT_EXPORT },
    { NULL, "rotate**", W, KT_ACT_ROTATE },
    { NULL, "audit**", W | D, KT_ACT_CONFIG },
    { NULL, "mounts**", W | D, KT_ACT_CONFIG },
    { NULL, "remount**", W | D, KT_ACT_CONFIG },
    { NULL, "auth**", W | D, KT_ACT_CONFIG },
    { NULL, "config/**", W | D, KT_ACT_CONFIG },
    { NULL, "plugins/**", W | D, KT_ACT_CONFIG },
    { NULL, "quotas/**", W | D, KT_ACT_CONFIG },
    { NULL, "namespaces/**", W | D, KT_ACT_CONFIG },
    { NULL, "seal**", W | D, KT_ACT_CONFIG },
    { NULL, "unseal", W | D, KT_ACT_CONFIG },
    { NULL, "step-down", W | D, KT_ACT_CONFIG },
    { NULL, "generate-root**", W | D, KT_ACT_CONFIG },
    { NULL, "rekey**", W | D, KT_ACT_CONFIG },
    { NULL, "storage/**", W | D, KT_ACT_CONFIG },
    { NULL, "replication/**", W | D, KT_ACT_CONFIG },
    { NULL, "raw/**", W | D, KT_ACT_CONFIG },
    { NULL, "managed-keys/**", W | D, KT_ACT_CONFIG },
    { NULL, "mfa/**", W | D, KT_ACT_CONFIG },
    { NULL, "loggers**", W | D, KT_ACT_CONFIG },
    { NULL, "license**", W | D, KT_ACT_CONFIG },
    { NULL, NULL, 0, KT_ACT_OTHER },
};
static const struct rule token_rules[] = {
    { NULL, "create**", W, KT_ACT_ISSUE },     { NULL, "lookup**", R | W, KT_ACT_READ_META },
    { NULL, "renew**", W, KT_ACT_RENEW },      { NULL, "revoke**", W, KT_ACT_REVOKE },
    { NULL, "roles/**", W, KT_ACT_GRANT },     { NULL, "roles/**", D, KT_ACT_REVOKE },
    { NULL, "roles/**", R, KT_ACT_READ_META }, { NULL, "tidy", W, KT_ACT_CONFIG },
    { NULL, NULL, 0, KT_ACT_OTHER },
};
static const struct rule login_rules[] = {
    { NULL, "**/login", W, KT_ACT_LOGIN },
    { NULL, "**/login/**", W, KT_ACT_LOGIN },
    { NULL, "**/oidc/callback", R | W, KT_ACT_LOGIN },
    { NULL, "**/callback", W, KT_ACT_LOGIN },
    { NULL, NULL, 0, KT_ACT_OTHER },
};
static const struct rule identity_rules[] = {
    { NULL, "lookup/**", R | W, KT_ACT_READ_META },
    { NULL, "oidc/token/*", R, KT_ACT_ISSUE },
    { NULL, "**", W, KT_ACT_GRANT },
    { NULL, "**", D, KT_ACT_REVOKE },
    { NULL, "**", R, KT_ACT_READ_META },
    { NULL, NULL, 0, KT_ACT_OTHER },
};
/* Below the mount of an auth method. */
static const struct rule auth_rules[] = {
    { NULL, "role/*/secret-id**/lookup", W, KT_ACT_READ_META },
    { NULL, "role/*/secret-id**/destroy", W, KT_ACT_REVOKE },
    { NULL, "role/**", W, KT_ACT_GRANT },
    { NULL, "role/**", D, KT_ACT_REVOKE },
    { NULL, "roles/**", W, KT_ACT_GRANT },
    { NULL, "roles/**", D, KT_ACT_REVOKE },
    { NULL, "user*/**", W, KT_ACT_GRANT },
    { NULL, "user*/**", D, KT_ACT_REVOKE },
    { NULL, "group*/**", W, KT_ACT_GRANT },
    { NULL, "group*/**", D, KT_ACT_REVOKE },
    { NULL, "map/**", W, KT_ACT_GRANT },
    { NULL, "map/**", D, KT_ACT_REVOKE },
    { NULL, "certs/**", W, KT_ACT_GRANT },
    { NULL, "certs/**", D, KT_ACT_REVOKE },
    { NULL, "config**", W | D, KT_ACT_CONFIG },
    { NULL, "rotate-r*/**", W, KT_ACT_ROTATE },
    { NULL, "**", R, KT_ACT_READ_META },
    { NULL, NULL, 0, KT_ACT_OTHER },
};
static const struct rule engine_rules[] = {
    { "transit", "keys/*/rotate", W, KT_ACT_ROTATE },
    { "transit", "keys/**", W, KT_ACT_CONFIG },
    { "transit", "keys/*", D, KT_ACT_DESTROY },
    { "transit", "export/**", R, KT_ACT_EXPORT },
    { "transit", "byok-export/**", R, KT_ACT_EXPORT },
    { "transit", "backup/**", R, KT_ACT_EXPORT },
    { "transit", "restore**", W, KT_ACT_RESTORE },
    { "transit", "random**", R | W, KT_ACT_OTHER },
    { "transit", "hash**", W, KT_ACT_OTHER },
    { "transit", "encrypt/**", W, KT_ACT_USE },
    { "transit", "decrypt/**", W, KT_ACT_USE },
    { "transit", "sign/**", W, KT_ACT_USE },
    { "transit", "hmac/**", W, KT_ACT_USE },
    { "transit", "verify/**", W, KT_ACT_USE },
    { "transit", "rewrap/**", W, KT_ACT_USE },
    { "transit", "datakey/**", W, KT_ACT_USE },
    { "transit", "**", R, KT_ACT_READ_META },
    { "totp", "code/**", R, KT_ACT_READ },
    { "totp", "code/**", W, KT_ACT_USE },
    { "totp", "keys/**", W | D, KT_ACT_CONFIG },
    { "pki", "**issue/**", W, KT_ACT_ISSUE },
    { "pki", "root/sign**", W, KT_ACT_ISSUE },
    { "pki", "sign**", W, KT_ACT_ISSUE },
    { "pki", "issuer/*/sign**", W, KT_ACT_ISSUE },
    { "pki", "revoke**", W, KT_ACT_REVOKE },
    { "pki", "root/rotate**", W, KT_ACT_ROTATE },
    { "pki", "root/**", W | D, KT_ACT_CONFIG },
    { "pki", "root", D, KT_ACT_CONFIG },
    { "pki", "intermediate/**", W | D, KT_ACT_CONFIG },
    { "pki", "issuer**", W | D, KT_ACT_CONFIG },
    { "pki", "key**", W | D, KT_ACT_CONFIG },
    { "pki", "tidy**", W, KT_ACT_CONFIG },
    { "pki", "**", R, KT_ACT_READ_META },
    { "ssh", "sign/**", W, KT_ACT_ISSUE },
    { "ssh", "issue/**", W, KT_ACT_ISSUE },
    { "ssh", "verify", W, KT_ACT_USE },
    { "ssh", "lookup", W, KT_ACT_READ_META },
    { "ldap", "library/**/check-out", W, KT_ACT_ISSUE },
    { "ldap", "library/**/check-in", W, KT_ACT_REVOKE },
    { "ldap", "library/**", W | D, KT_ACT_CONFIG },
    { "ad", "library/**/check-out", W, KT_ACT_ISSUE },
    { "ad", "library/**/check-in", W, KT_ACT_REVOKE },
    { "gcp", "**/key", R | W, KT_ACT_ISSUE },
    { "gcp", "**/token", R | W, KT_ACT_ISSUE },
    { "gcp", "key/**", R | W, KT_ACT_ISSUE },
    { "gcp", "token/**", R | W, KT_ACT_ISSUE },
    { NULL, "rotate-r*/**", W, KT_ACT_ROTATE },
    { NULL, "rotate-root", W, KT_ACT_ROTATE },
    { NULL, "config/rotate-root", W, KT_ACT_ROTATE },
    { NULL, "**/rotate-root/**", W, KT_ACT_ROTATE },
    { NULL, "static-cred*/**", R, KT_ACT_READ },
    { NULL, "creds/**", R | W, KT_ACT_ISSUE },
    { NULL, "sts/**", R | W, KT_ACT_ISSUE },
    { NULL, "issue/**", W, KT_ACT_ISSUE },
    { NULL, "config**", W | D, KT_ACT_CONFIG },
    { NULL, "config**", R, KT_ACT_READ_META },
    { NULL, "role*/**", W | D, KT_ACT_CONFIG },
    { NULL, "role*/**", R, KT_ACT_READ_META },
    { NULL, "static-role*/**", W | D, KT_ACT_CONFIG },
    { NULL, "static-role*/**", R, KT_ACT_READ_META },
    { NULL, "keys/**", R, KT_ACT_READ_META },
    { NULL, "reset/**", W, KT_ACT_CONFIG },
    { NULL, NULL, 0, KT_ACT_OTHER },
};

/* KV v2: the segment behind the mount says what is done to the secret. */
static const struct {
    struct kt_str word;
    enum kt_action read, write, remove;
} kv_words[] = {
    { KT_STR_INIT("data"), KT_ACT_READ, KT_ACT_WRITE, KT_ACT_DELETE },
    { KT_STR_INIT("metadata"), KT_ACT_READ_META, KT_ACT_WRITE, KT_ACT_DESTROY },
    { KT_STR_INIT("delete"), KT_ACT_OTHER, KT_ACT_DELETE, KT_ACT_OTHER },
    { KT_STR_INIT("undelete"), KT_ACT_OTHER, KT_ACT_RESTORE, KT_ACT_OTHER },
    { KT_STR_INIT("destroy"), KT_ACT_OTHER, KT_ACT_DESTROY, KT_ACT_OTHER },
    { KT_STR_INIT("subkeys"), KT_ACT_READ_META, KT_ACT_OTHER, KT_ACT_OTHER },
    { KT_STR_INIT("detailed-metadata"), KT_ACT_READ_META, KT_ACT_OTHER, KT_ACT_OTHER },
};

/* A mount whose type no record told is guessed by its name: "pki", "pki-int", "ssh_prod". */
static const char *const engine_names[] = {
    "transit", "totp",     "pki",  "ssh", "database",   "aws",       "azure", "gcp",
    "consul",  "rabbitmq", "ldap", "ad",  "kubernetes", "cubbyhole", "nomad", NULL,
};

enum vt_op kt_vt_op_of(struct kt_str word)
{
    static const struct {
        struct kt_str word;
        enum vt_op op;
    } ops[] = {
        { KT_STR_INIT("read"), R }, { KT_STR_INIT("update"), W }, { KT_STR_INIT("create"), W },
        { KT_STR_INIT("list"), L }, { KT_STR_INIT("delete"), D }, { KT_STR_INIT("patch"), W },
        { KT_STR_INIT("scan"), L },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(ops); i++)
        if (kt_str_eq(word, ops[i].word))
            return ops[i].op;
    return VT_OTHER;
}

static const struct rule *rule_of(const struct rule *rules, struct kt_str type, enum vt_op op,
                                  struct kt_str path)
{
    for (; rules->pattern != NULL; rules++)
        if ((rules->ops & (unsigned)op) != 0 &&
            (rules->type == NULL || kt_str_is(type, rules->type)) &&
            kt_str_glob(kt_str_of(rules->pattern), path))
            return rules;
    return NULL;
}

/* What is left over: lists are lists anywhere. */
static enum kt_action fallback(enum vt_op op, enum kt_action read)
{
    return op == L ? KT_ACT_LIST : op == R ? read : KT_ACT_OTHER;
}

static enum kt_action by_rules(const struct rule *rules, enum vt_op op, struct kt_str path,
                               enum kt_action read)
{
    const struct rule *r = rule_of(rules, KT_STR_NONE, op, path);
    return r != NULL ? r->action : fallback(op, read);
}

static struct kt_str first_segment(struct kt_str path)
{
    ptrdiff_t at = kt_str_find_byte(path, '/', 0);
    return at < 0 ? path : kt_str_sub(path, 0, (size_t)at);
}

/* What stands behind `head` and its slash. */
static struct kt_str behind(struct kt_str path, struct kt_str head)
{
    return kt_str_from_index(path, head.len + 1);
}

bool kt_vt_is_login(enum vt_op op, struct kt_str path)
{
    return kt_str_starts(path, KT_STR("auth/")) && !kt_str_starts(path, KT_STR("auth/token/")) &&
           rule_of(login_rules, KT_STR_NONE, op, path) != NULL;
}

static enum kt_action auth_action(const struct vt_request *r)
{
    struct kt_str rest = kt_str_from_index(r->path, 5);
    if (kt_str_starts(rest, KT_STR("token/")))
        return by_rules(token_rules, r->op, kt_str_from_index(rest, 6), KT_ACT_OTHER);
    if (kt_vt_is_login(r->op, r->path))
        return KT_ACT_LOGIN;
    struct kt_str mount = kt_str_starts(r->mount, KT_STR("auth/")) ? r->mount : first_segment(rest);
    bool told = mount.at == r->mount.at && r->mount.len > 0;
    return by_rules(auth_rules, r->op, behind(told ? r->path : rest, mount), KT_ACT_READ_META);
}

/* ---- mounts ---- */

struct mount {
    struct kt_str name, type;
    bool guess;
};

static struct kt_str mount_key(const struct vt_request *r, const char *what, struct kt_str name)
{
    struct kt_arena *a = r->in->arena;
    struct kt_str space = kt_arena_cat3(a, kt_str_of(what), KT_STR(" "), r->ns);
    return kt_arena_cat3(a, space, KT_STR(" "), name);
}

/* The longest beginning of the path that some record told to be a mount. */
static bool recall_mount(const struct vt_request *r, struct mount *ret)
{
    for (size_t end = r->path.len; end > 0; end--) {
        if (end < r->path.len && r->path.at[end] != '/')
            continue;
        struct kt_str name = kt_str_sub(r->path, 0, end);
        struct kt_str type = kt_source_recall(r->in->memory, mount_key(r, "mount", name));
        if (type.len == 0)
            continue;
        *ret = (struct mount){ name, kt_arena_str(r->in->arena, type), false };
        return true;
    }
    return false;
}

static struct kt_str guessed_type(struct kt_str name, struct kt_str rest)
{
    for (const char *const *n = engine_names; *n != NULL; n++) {
        struct kt_str word = kt_str_of(*n);
        bool ends = name.len == word.len ||
                    (name.len > word.len && (name.at[word.len] == '-' || name.at[word.len] == '_'));
        if (kt_str_starts(name, word) && ends)
            return word;
    }
    struct kt_str word = first_segment(rest);
    for (size_t i = 0; i < KT_ARRAY_LEN(kv_words); i++)
        if (kt_str_eq(word, kv_words[i].word))
            return KT_STR("kv");
    return KT_STR_NONE;
}

static struct mount mount_of(const struct vt_request *r)
{
    struct mount m = { .name = r->mount, .type = r->type };
    if (m.name.len > 0 && kt_str_starts(r->path, m.name)) {
        if (m.type.len > 0)
            kt_source_remember(r->in->memory, mount_key(r, "mount", m.name), m.type);
        return m;
    }
    if (recall_mount(r, &m))
        return m;
    m = (struct mount){ first_segment(r->path), r->type, true };
    m.guess = !kt_str_is(m.name, "cubbyhole"); /* in every Vault, always there */
    if (m.type.len > 0)
        return m;
    struct kt_str rest = behind(r->path, m.name);
    m.type = guessed_type(m.name, rest);
    if (m.type.len == 0 && rule_of(engine_rules, KT_STR_NONE, r->op, rest) == NULL)
        m.type = KT_STR("kv");
    return m;
}

static struct kt_str id_of(const struct vt_request *r, const struct mount *m, struct kt_str tail)
{
    struct kt_str fixed[3] = { r->in->cluster, r->ns, m->name };
    bool star = tail.len == 0 || r->op == L || kt_str_ends(tail, KT_STR("/"));
    return kt_secret_id(r->in->arena, "vault", fixed, 3, tail, star);
}

/* ---- KV ---- */

static bool is_number(struct kt_jval v)
{
    return kt_json_type(v) == KT_JSON_NUMBER;
}

/* What this record itself proves about the version of its mount. */
static enum vt_kv kv_shown(const struct vt_request *r, bool word)
{
    struct kt_jval data = kt_json_get(r->response, KT_STR("data"));
    if (!r->success)
        return VT_KV_UNKNOWN;
    if (word && (is_number(kt_json_at(data, "metadata.version")) ||
                 (r->op == W && is_number(kt_json_at(data, "version")))))
        return VT_KV_V2;
    bool answered = kt_json_type(data) == KT_JSON_OBJECT;
    bool done = (r->op & (W | D)) != 0 && kt_json_type(r->response) == KT_JSON_OBJECT;
    return !word && (answered || done) ? VT_KV_V1 : VT_KV_UNKNOWN;
}

static enum vt_kv kv_version(const struct vt_request *r, const struct mount *m, bool word)
{
    static const struct kt_str names[] = { KT_STR_INIT("1"), KT_STR_INIT("1"), KT_STR_INIT("2") };
    if (kt_str_is(m->type, "generic") || kt_str_is(m->type, "cubbyhole"))
        return VT_KV_V1;
    struct kt_str key = mount_key(r, "kv", r->accessor.len > 0 ? r->accessor : m->name);
    enum vt_kv shown = kv_shown(r, word);
    if (shown != VT_KV_UNKNOWN) {
        kt_source_remember(r->in->memory, key, names[shown]);
        return shown;
    }
    struct kt_str known = kt_source_recall(r->in->memory, key);
    return kt_str_is(known, "2") ? VT_KV_V2 : kt_str_is(known, "1") ? VT_KV_V1 : VT_KV_UNKNOWN;
}

static struct vt_target kv_target(const struct vt_request *r, const struct mount *m)
{
    struct kt_str rest = behind(r->path, m->name), word = first_segment(rest);
    struct vt_target t = { .kv = true, .guess = m->guess };
    size_t i = 0;
    while (i < KT_ARRAY_LEN(kv_words) && !kt_str_eq(word, kv_words[i].word))
        i++;
    bool known_word = i < KT_ARRAY_LEN(kv_words);
    bool config = kt_str_is(rest, "config");
    enum vt_kv version = kv_version(r, m, known_word || config);

    if (version == VT_KV_V2 && config) {
        t.action = r->op == R ? KT_ACT_READ_META : KT_ACT_CONFIG;
        t.secret = id_of(r, m, KT_STR_NONE);
        return t;
    }
    if (version == VT_KV_V1 || !known_word) {
        t.kv_plain = true;
        t.guess = t.guess || (config && version == VT_KV_UNKNOWN);
        t.action = r->op == R   ? KT_ACT_READ
                   : r->op == W ? KT_ACT_WRITE
                   : r->op == D ? KT_ACT_DELETE
                                : fallback(r->op, KT_ACT_OTHER);
        t.secret = id_of(r, m, rest);
        return t;
    }
    t.guess = t.guess || version == VT_KV_UNKNOWN;
    t.action = r->op == R   ? kv_words[i].read
               : r->op == W ? kv_words[i].write
               : r->op == D ? kv_words[i].remove
                            : fallback(r->op, KT_ACT_OTHER);
    t.secret = id_of(r, m, behind(rest, word));
    return t;
}

/* ---- the other engines ---- */

/* Everything done with a transit or TOTP key is about that key. */
static struct kt_str key_tail(const struct vt_request *r, const struct mount *m, struct kt_str rest)
{
    struct kt_str word = first_segment(rest);
    bool keyed = kt_str_is(m->type, "transit") || kt_str_is(m->type, "totp");
    if (!keyed || word.len + 1 >= rest.len || kt_str_is(word, "restore"))
        return rest;
    struct kt_str name = behind(rest, word);
    /* export/<type>/<name>, datakey/<plaintext or wrapped>/<name> */
    if (kt_str_ends(word, KT_STR("export")) || kt_str_is(word, "datakey"))
        name = behind(name, first_segment(name));
    return kt_arena_cat(r->in->arena, KT_STR("keys/"), first_segment(name));
}

static struct vt_target engine_target(const struct vt_request *r, const struct mount *m)
{
    struct kt_str rest = behind(r->path, m->name);
    const struct rule *rule = rule_of(engine_rules, m->type, r->op, rest);
    struct vt_target t = { .action = fallback(r->op, KT_ACT_OTHER), .guess = m->guess };
    if (rule != NULL)
        t.action = rule->action;
    else if (r->op != L && kt_json_str_at(r->response, "secret.lease_id").len > 0)
        t.action = KT_ACT_ISSUE;
    if (r->op != VT_OTHER)
        t.secret = id_of(r, m, r->op == L ? rest : key_tail(r, m, rest));
    return t;
}

static bool is_kv(struct kt_str type)
{
    return kt_str_is(type, "kv") || kt_str_is(type, "generic") || kt_str_is(type, "cubbyhole");
}

struct vt_target kt_vt_target_of(const struct vt_request *r)
{
    struct vt_target t = { .action = KT_ACT_OTHER };
    struct kt_str path = r->path;
    if (r->op == VT_OTHER || path.len == 0)
        return t;
    if (kt_str_starts(path, KT_STR("sys/"))) {
        t.action = by_rules(sys_rules, r->op, kt_str_from_index(path, 4), KT_ACT_READ_META);
    } else if (kt_str_starts(path, KT_STR("auth/"))) {
        t.action = auth_action(r);
    } else if (kt_str_starts(path, KT_STR("identity/"))) {
        t.action = by_rules(identity_rules, r->op, kt_str_from_index(path, 9), KT_ACT_READ_META);
    } else {
        struct mount m = mount_of(r);
        return is_kv(m.type) ? kv_target(r, &m) : engine_target(r, &m);
    }
    return t;
}

struct kt_str kt_vt_safe_path(struct kt_arena *a, struct kt_str path)
{
    struct kt_str prefix = KT_STR("auth/token/");
    if (!kt_str_starts(path, prefix))
        return path;
    struct kt_str word = first_segment(kt_str_from_index(path, prefix.len));
    if (prefix.len + word.len + 1 >= path.len || kt_str_is(word, "create") ||
        kt_str_is(word, "roles"))
        return path;
    return kt_arena_cat3(a, prefix, word, KT_STR("/[cut]"));
}
