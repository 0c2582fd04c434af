/*
 * agent_entry: one file of the collector's allow-list: who may send, signed by what, for which
 * sources.
 *
 * Owns:  nothing beyond the entry it fills.
 * Calls: core/base, yaml, options.
 */
#include <string.h>

#include "core/base/enc.h"
#include "core/base/limits.h"
#include "core/config/tree.h"

struct entry_options {
    struct kt_strings curve, signing, sources;
    uint64_t quota;
    const char *not_before, *not_after;
    bool revoked;
};

#define AT(field) offsetof(struct entry_options, field)
static const struct kt_option entry_table[] = {
    { "curve", KT_OPT_LIST, NULL, AT(curve), "CURVE public key, Z85; two while rotating", false,
      false },
    { "signing", KT_OPT_LIST, NULL, AT(signing),
      "Ed25519 public key, base64url; as many as curve keys", false, false },
    { "sources", KT_OPT_LIST, "", AT(sources),
      "type/instance pairs it may send for; empty = any that no other agent owns", false, false },
    { "quota", KT_OPT_SIZE, "0", AT(quota), "bytes a day, 0 = none", false, false },
    { "not_before", KT_OPT_STRING, "", AT(not_before), "time from which it is allowed", false,
      false },
    { "not_after", KT_OPT_STRING, "", AT(not_after), "time from which it is not", false, false },
    { "revoked", KT_OPT_BOOL, "false", AT(revoked), "true refuses it at once", false, false },
    KT_OPTIONS_END,
};
#undef AT

bool kt_conf_name_ok(struct kt_str name)
{
    static const char also[] = "._-";
    if (name.len == 0 || name.len > KT_NAME_MAX || name.at[0] == '.' || name.at[0] == '-')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && memchr(also, c, sizeof also - 1) == NULL)
            return false;
    }
    return true;
}

enum kt_status kt_conf_time(const struct kt_yaml *y, const struct kt_node *map, const char *key,
                            bool is_until, kt_time_ns *ret, struct kt_error *err)
{
    const struct kt_node *n = kt_node_get(map, key);
    if (n == NULL)
        return KT_OK;
    /* Relative words would move with each start: only dates are taken. */
    bool dated = n->scalar.len >= 10 && n->scalar.at[4] == '-';
    if (!dated || kt_time_expr(n->scalar, 0, 0, is_until, ret, NULL) != KT_OK)
        return kt_node_fail(y, n, err, "'%s': write a time like 2026-11-28T22:00Z", key);
    return KT_OK;
}

static bool signing_ok(struct kt_str s, uint8_t ret[32])
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    if (!kt_base64url_decode(s, &bytes) || bytes.len != 32)
        return false;
    memcpy(ret, bytes.at, 32);
    return true;
}

static enum kt_status take_keys(const struct kt_yaml *y, const struct entry_options *o,
                                struct kt_agent_entry *e, struct kt_error *err)
{
    const struct kt_node *curve = kt_node_get(kt_yaml_root(y), "curve");
    const struct kt_node *signing = kt_node_get(kt_yaml_root(y), "signing");
    if (o->curve.n < 1 || o->curve.n > 2)
        return kt_node_fail(y, curve, err, "'curve': one key, or two while rotating");
    if (o->signing.n != o->curve.n)
        return kt_node_fail(y, signing, err, "'signing': as many keys as 'curve' has (%u)",
                            o->curve.n);
    for (unsigned i = 0; i < o->curve.n; i++) {
        if (!kt_z85_decode(kt_str_of(o->curve.at[i]), e->curve[i]))
            return kt_node_fail(y, curve, err, "'curve': a key has 40 characters of Z85");
        if (!signing_ok(kt_str_of(o->signing.at[i]), e->signing[i]))
            return kt_node_fail(y, signing, err, "'signing': a key has 43 characters of base64url");
    }
    e->n_keys = o->curve.n;
    return KT_OK;
}

static enum kt_status take_sources(const struct kt_yaml *y, const struct entry_options *o,
                                   struct kt_agent_entry *e, struct kt_error *err)
{
    for (unsigned i = 0; i < o->sources.n; i++) {
        struct kt_str s = kt_str_of(o->sources.at[i]);
        ptrdiff_t slash = kt_str_find_byte(s, '/', 0);
        if (slash <= 0 || (size_t)slash + 1 == s.len)
            return kt_node_fail(y, kt_node_get(kt_yaml_root(y), "sources"), err,
                                "'%s' is no type/instance, such as vault/vault-prod",
                                o->sources.at[i]);
    }
    e->sources = o->sources;
    return KT_OK;
}

/* "…/vault-host-1.yaml" is the agent vault-host-1. */
static enum kt_status take_name(const struct kt_yaml *y, struct kt_agent_entry *e,
                                struct kt_error *err)
{
    struct kt_str path = kt_str_of(kt_yaml_name(y));
    struct kt_str file = kt_str_from_index(path, (size_t)(kt_str_rfind_byte(path, '/') + 1));
    struct kt_str name = kt_str_sub(file, 0, file.len > 5 ? file.len - 5 : 0);
    if (!kt_str_ends(file, KT_STR(".yaml")) || !kt_conf_name_ok(name))
        return kt_fail(err, KT_E_CONFIG,
                       "'" KT_STR_FMT "': the file is named AGENT.yaml, AGENT of up to %u "
                       "A-Z a-z 0-9 . _ -",
                       KT_STR_ARG(path), KT_NAME_MAX);
    e->name = kt_yaml_keepz(y, name);
    return KT_OK;
}

enum kt_status kt_agent_entry_load(const char *path, struct kt_agent_entry *ret,
                                   struct kt_error *err)
{
    struct kt_agent_entry e = { 0 };
    struct entry_options o = { 0 };
    enum kt_status st = kt_yaml_load_within(&(struct kt_yaml_bounds){ 0 }, path, &e.yaml, err);
    if (st != KT_OK)
        return st;
    const struct kt_node *root = kt_yaml_root(e.yaml);
    if (kt_options_fill(e.yaml, root, entry_table, &o, err) != KT_OK ||
        take_name(e.yaml, &e, err) != KT_OK || take_keys(e.yaml, &o, &e, err) != KT_OK ||
        take_sources(e.yaml, &o, &e, err) != KT_OK ||
        kt_conf_time(e.yaml, root, "not_before", false, &e.not_before, err) != KT_OK ||
        kt_conf_time(e.yaml, root, "not_after", true, &e.not_after, err) != KT_OK) {
        kt_agent_entry_done(&e);
        return KT_E_CONFIG;
    }
    e.quota = o.quota;
    e.revoked = o.revoked;
    *ret = e;
    return KT_OK;
}

void kt_agent_entry_done(struct kt_agent_entry *e)
{
    if (e == NULL)
        return;
    kt_yaml_free(e->yaml);
    *e = (struct kt_agent_entry){ 0 };
}

static void print_key(const struct kt_agent_entry *e, unsigned i, bool curve, struct kt_buf *out)
{
    char z85[KT_Z85_KEY];
    kt_buf_byte(out, '"');
    if (curve)
        kt_buf_addz(out, kt_z85_encode(e->curve[i], z85));
    else
        kt_base64url_add(out, kt_str_from(e->signing[i], sizeof e->signing[i]));
    kt_buf_byte(out, '"');
}

static void print_keys(const struct kt_agent_entry *e, bool curve, struct kt_buf *out)
{
    kt_buf_addz(out, curve ? "curve: [" : "signing: [");
    for (unsigned i = 0; i < e->n_keys; i++) {
        kt_buf_addz(out, i > 0 ? ", " : "");
        print_key(e, i, curve, out);
    }
    kt_buf_addz(out, "]\n");
}

static void print_time(const char *key, kt_time_ns t, struct kt_buf *out)
{
    char text[KT_TIME_TEXT_MAX];
    if (t != 0)
        kt_buf_addf(out, "%s: \"%s\"\n", key, kt_time_format(t, text));
}

void kt_agent_entry_print(const struct kt_agent_entry *e, struct kt_buf *out)
{
    kt_buf_addf(out, "# What the collector lets agent %s do.\n", e->name);
    print_keys(e, true, out);
    print_keys(e, false, out);
    kt_buf_addz(out, "sources: ");
    kt_yaml_list_add(out, e->sources);
    kt_buf_addf(out, "\nquota: %llu\n", (unsigned long long)e->quota);
    print_time("not_before", e->not_before, out);
    print_time("not_after", e->not_after, out);
    kt_buf_addf(out, "revoked: %s\n", e->revoked ? "true" : "false");
}
