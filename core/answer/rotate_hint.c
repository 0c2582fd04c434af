/*
 * rotate_hint: how a secret of each kind of store gets a new value: the command of its vendor. The
 * value itself is never in it.
 *
 * Owns:  a table.
 * Calls: core/event/secret_id; no output.
 */
#include "core/answer/rotate_hint.h"

#include <string.h>

#include "core/base/enc.h"
#include "core/event/secret_id.h"

/* %1, %2 … the fixed parts of the id, %h the first as az names a vault, %t its tail. Sources: AWS
 * CLI, Vault, op, gcloud, az, doppler and kubectl reference. */
static const struct {
    const char *scheme;
    unsigned fixed;
    const char *word; /* in the tail; NULL: any */
    const char *hint;
} hints[] = {
    { "aws-sm", 2, NULL,
      "aws secretsmanager rotate-secret --region %2 --secret-id %t  # account %1" },
    { "aws-ssm", 2, NULL,
      "aws ssm put-parameter --overwrite --region %2 --name /%t --value file://NEW  # account %1" },
    { "aws-kms", 2, NULL, "aws kms rotate-key-on-demand --region %2 --key-id %t  # account %1" },
    { "vault", 3, "static-creds/", "vault write -f %3/rotate-role/%t  # cluster %1, namespace %2" },
    { "vault", 3, "creds/", "vault lease revoke -prefix %3/creds/%t  # cluster %1, namespace %2" },
    { "vault", 3, NULL, "vault kv patch -mount=%3 %t FIELD=@NEW  # cluster %1, namespace %2" },
    { "op", 2, NULL, "op item edit %t --vault %2 --generate-password  # account %1" },
    { "k8s", 2, NULL,
      "kubectl --context %1 -n %2 edit secret %t  # at its origin first, then restart who mounts "
      "it" },
    { "gcp-sm", 2, NULL, "gcloud secrets versions add %t --project %1 --data-file=NEW" },
    { "az-kv", 1, "keys/", "az keyvault key rotate %h --name %t" },
    { "az-kv", 1, "certificates/",
      "az keyvault certificate create %h --name %t --policy @POLICY  # as "
      "certificate show --query policy has it" },
    { "az-kv", 1, "secrets/", "az keyvault secret set %h --name %t --file NEW" },
    { "doppler", 3, NULL, "doppler secrets set %t --project %2 --config %3  # workplace %1" },
};

/* The id's own escapes (%2F) undone, quoted for a shell. */
static void add_word(struct kt_buf *out, struct kt_str part)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf word = { 0 };
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < part.len; i++) {
        const char *high = NULL, *low = NULL;
        if (part.at[i] == '%' && i + 2 < part.len) {
            high = memchr(hex, part.at[i + 1], 16);
            low = memchr(hex, part.at[i + 2], 16);
        }
        bool escaped = high != NULL && low != NULL;
        kt_buf_byte(&word, escaped ? (char)((high - hex) * 16 + (low - hex)) : part.at[i]);
        i += escaped ? 2 : 0;
    }
    kt_shell_quote(kt_buf_str(&word), out);
}

/* az takes the name of a vault alone, pay-prod of pay-prod.vault.azure.net. */
static void add_vault(struct kt_buf *out, struct kt_str host)
{
    struct kt_str name = host, rest = host;
    (void)kt_str_split(&rest, '.', &name);
    bool hsm = kt_str_starts(rest, KT_STR("managedhsm."));
    kt_buf_addz(out, hsm ? "--hsm-name " : "--vault-name ");
    add_word(out, name);
}

static void fill(const char *hint, const struct kt_str *fixed, struct kt_str tail,
                 struct kt_buf *out)
{
    for (const char *p = hint; *p != '\0'; p++) {
        if (*p != '%')
            kt_buf_byte(out, *p);
        else if (*++p == 't')
            add_word(out, tail);
        else if (*p == 'h')
            add_vault(out, fixed[0]);
        else
            add_word(out, fixed[*p - '1']);
    }
}

void kt_rotate_hint(struct kt_str secret, struct kt_buf *out)
{
    struct kt_str scheme = kt_secret_scheme(secret), fixed[3] = { KT_STR_NONE };
    for (size_t i = 0; i < KT_ARRAY_LEN(hints); i++) {
        if (!kt_str_is(scheme, hints[i].scheme))
            continue;
        struct kt_str tail = kt_str_from_index(secret, scheme.len + 3);
        for (unsigned k = 0; k < hints[i].fixed; k++)
            (void)kt_str_split(&tail, '/', &fixed[k]);
        struct kt_str word = kt_str_of(hints[i].word);
        if (word.len > 0 && !kt_str_starts(tail, word))
            continue;
        fill(hints[i].hint, fixed, kt_str_from_index(tail, word.len), out);
        return;
    }
    kt_buf_addz(out, "# rotate it where it is issued");
}
