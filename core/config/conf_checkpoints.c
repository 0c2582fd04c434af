/*
 * conf_checkpoints: the top key `checkpoints` of keytrail.yaml: where copies of signed checkpoints
 * go, outside this host.
 *
 * Owns:  nothing: every string lives in the configuration's tree.
 * Calls: yaml, options.
 */
#include "core/config/conf.h"

#include <string.h>

#include "core/base/limits.h"

#define AT(field) offsetof(struct kt_conf_copy, field)
const struct kt_option kt_conf_copy_table[] = {
    { "type", KT_OPT_STRING, NULL, AT(type_name), "file, webhook, s3 or witness", false, false },
    { "every", KT_OPT_DURATION, "10m", AT(every), "how often a newer one goes out, at least 1m",
      false, false },
    { "path", KT_OPT_PATH, "", AT(path), "file: notes are added at its end, and nothing else",
      false, false },
    { "url_file", KT_OPT_SECRET_FILE, "", AT(url_file),
      "webhook, s3, witness: file (0600) with the URL; of s3 the bucket's, of a witness what "
      "stands "
      "before /add-checkpoint",
      false, false },
    { "secret_file", KT_OPT_SECRET_FILE, "", AT(secret_file),
      "webhook: file (0600) with the signing keys, whsec_… or whsk_…, one a line", false, false },
    { "credentials_file", KT_OPT_SECRET_FILE, "", AT(credentials_file),
      "s3: file (0600) with aws_access_key_id = … and aws_secret_access_key = …", false, false },
    { "region", KT_OPT_STRING, "us-east-1", AT(region), "s3: the bucket's region", false, false },
    { "prefix", KT_OPT_STRING, "keytrail", AT(prefix), "s3: what objects' names begin with", false,
      false },
    { "lock_mode", KT_OPT_STRING, "COMPLIANCE", AT(lock_mode),
      "s3: COMPLIANCE, GOVERNANCE, or none for a bucket without object lock", false, false },
    { "retain", KT_OPT_DURATION, "400d", AT(retain), "s3: how long an object is locked", false,
      false },
    { "vkey", KT_OPT_STRING, "", AT(vkey),
      "witness: its public key, <name>+<8 hex>+<base64>; what it signs is checked against it",
      false, false },
    { "allow_private", KT_OPT_BOOL, "false", AT(allow_private),
      "true allows loopback and private addresses, and http:// to loopback", false, false },
    { "ca_file", KT_OPT_PATH, "", AT(ca_file), "certificates to trust instead of the system's",
      false, false },
    { "proxy", KT_OPT_STRING, "", AT(proxy), "http://host:port", false, false },
    KT_OPTIONS_END,
};

/* What each type cannot do without. */
static const struct {
    const char *name;
    enum kt_copy_type type;
    struct {
        const char *key;
        size_t at;
    } needs[2];
} types[] = {
    { "file", KT_COPY_FILE, { { "path", AT(path) } } },
    { "webhook",
      KT_COPY_WEBHOOK,
      { { "url_file", AT(url_file) }, { "secret_file", AT(secret_file) } } },
    { "s3",
      KT_COPY_S3,
      { { "url_file", AT(url_file) }, { "credentials_file", AT(credentials_file) } } },
    { "witness", KT_COPY_WITNESS, { { "url_file", AT(url_file) }, { "vkey", AT(vkey) } } },
};

static const char *text_at(const struct kt_conf_copy *c, size_t at)
{
    return *(const char *const *)(const void *)((const char *)c + at);
}

static enum kt_status check(struct kt_conf *c, const struct kt_node *n, struct kt_conf_copy *copy,
                            struct kt_error *err)
{
    size_t i = 0;
    while (i < KT_ARRAY_LEN(types) && strcmp(types[i].name, copy->type_name) != 0)
        i++;
    if (i == KT_ARRAY_LEN(types))
        return kt_node_fail(c->yaml, kt_node_get(n, "type"), err,
                            "'type': there are file, webhook, s3 and witness");
    copy->type = types[i].type;
    for (size_t k = 0; k < KT_ARRAY_LEN(types[i].needs) && types[i].needs[k].key != NULL; k++)
        if (text_at(copy, types[i].needs[k].at) == NULL)
            return kt_node_fail(c->yaml, n, err, "a copy of type %s needs '%s'", copy->type_name,
                                types[i].needs[k].key);
    if (copy->every < KT_NS_MIN)
        return kt_node_fail(c->yaml, kt_node_get(n, "every"), err, "'every': 1m at least");
    return KT_OK;
}

static enum kt_status load_copy(struct kt_conf *c, const struct kt_node *n, struct kt_error *err)
{
    struct kt_conf_copy *copy = &c->copies[c->n_copies++];
    if (kt_node_expect(c->yaml, n, KT_NODE_MAP, err) != KT_OK ||
        kt_conf_refuse_inline(c, n, err) != KT_OK)
        return KT_E_CONFIG;
    if (!kt_conf_name_ok(n->key))
        return kt_key_fail(c->yaml, n, err, "a copy's name is 1 to %u of A-Z a-z 0-9 . _ -",
                           KT_NAME_MAX);
    copy->name = kt_yaml_keepz(c->yaml, n->key);
    if (kt_options_fill(c->yaml, n, kt_conf_copy_table, copy, err) != KT_OK)
        return KT_E_CONFIG;
    return check(c, n, copy, err);
}

enum kt_status kt_conf_checkpoints(struct kt_conf *c, const struct kt_node *n, struct kt_error *err)
{
    if (kt_node_is_null(n))
        return KT_OK;
    if (kt_node_expect(c->yaml, n, KT_NODE_MAP, err) != KT_OK)
        return KT_E_CONFIG;
    if (kt_node_count(n) > KT_COPIES_MAX)
        return kt_node_fail(c->yaml, n, err, "more than %u copies", KT_COPIES_MAX);
    c->copies = kt_yaml_keep(c->yaml, kt_node_count(n) * sizeof *c->copies);
    for (const struct kt_node *e = n->first; e != NULL; e = e->next)
        if (load_copy(c, e, err) != KT_OK)
            return KT_E_CONFIG;
    return KT_OK;
}
