/*
 * hash: `keytrail hash`: a suspect token of a Vault, as its audit device writes it, and who used
 * it.
 *
 * Owns:  the value, read from a file or stdin and wiped.
 * Calls: hash_vault, core/answer (vault_hash, credential); stdin, stdout, stderr.
 * Holds: the value is never an argument, never printed and never stored.
 */
#include "cli/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/asking.h"
#include "cli/commands.h"
#include "cli/quiet.h"
#include "core/answer/credential_use.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/sys/fs.h"
#include "core/sys/proc.h"

#define SALT_MAX 256u

struct hash {
    struct kt_asking asking;
    struct kt_hash_vault vault;
    const char *salt_file;
    bool accessor;
    struct kt_buf value;
    struct kt_hash_found found;
    struct kt_rows *rows;
    unsigned users;                      /* rows so far */
    char next[KT_VAULT_HASH_TEXT + 260]; /* the credential to go on with */
};

/* ---- the value ---- */

/* A token that was given as an argument stands in the history of the shell now. */
static bool looks_like_token(struct kt_str s)
{
    static const char *const begins[] = { "hvs.", "hvb.", "hvr.", "s.", "b.", "r." };
    for (size_t i = 0; i < KT_ARRAY_LEN(begins); i++)
        if (kt_str_starts(s, kt_str_of(begins[i])) && s.len >= 20 &&
            kt_str_find_byte(s, '/', 0) < 0)
            return true;
    return false;
}

static enum kt_status read_value(struct hash *h, const char *file, struct kt_error *err)
{
    struct kt_error why = { 0 };
    enum kt_status st;
    if (file == NULL || strcmp(file, "-") == 0) {
        st = kt_read_quietly("value", KT_HASH_VALUE_MAX + 2, &h->value, err);
    } else {
        st = kt_fs_read_secret(file, KT_HASH_VALUE_MAX + 2, &h->value, &why);
        if (st == KT_E_AGAIN && looks_like_token(kt_str_of(file)))
            return kt_fail(err, KT_E_INPUT,
                           "that is a token and no file: it stands in your shell's history and in "
                           "the list of processes now; revoke it, and give such a value on stdin");
        if (st != KT_OK)
            *err = why;
    }
    if (st != KT_OK)
        return st;
    while (h->value.len > 0 &&
           (h->value.at[h->value.len - 1] == '\n' || h->value.at[h->value.len - 1] == '\r'))
        h->value.len--;
    if (h->value.len == 0)
        return kt_fail(err, KT_E_INPUT, "no value was given");
    if (h->value.len > KT_HASH_VALUE_MAX)
        return kt_fail(err, KT_E_INPUT, "the value has more than %u bytes", KT_HASH_VALUE_MAX);
    if (kt_str_find_byte(kt_buf_str(&h->value), '\n', 0) >= 0)
        return kt_fail(err, KT_E_INPUT, "one value at a time: this has several lines");
    return KT_OK;
}

/* ---- its hashes ---- */

static enum kt_status by_salt(struct hash *h, struct kt_error *err)
{
    struct kt_buf salt = { 0 };
    enum kt_status st = kt_fs_read_secret(h->salt_file, SALT_MAX, &salt, err);
    if (st == KT_OK && salt.len == 0)
        st = kt_fail(err, KT_E_INPUT, "'%s' is empty: no device has such a salt", h->salt_file);
    if (st == KT_OK) {
        (void)kt_vault_hash(kt_buf_str(&salt), kt_buf_str(&h->value),
                            h->accessor ? h->found.accessor : h->found.value);
        if (h->accessor)
            kt_buf_add(&h->found.clear, kt_buf_str(&h->value));
    }
    kt_buf_wipe(&salt);
    return st;
}

static enum kt_status find_hashes(struct hash *h, const char *file, struct kt_error *err)
{
    bool ask = h->vault.url != NULL;
    if (ask == (h->salt_file != NULL))
        return kt_fail(err, KT_E_INPUT, "give --vault URL with --token-file, or --salt FILE");
    if (ask && h->vault.token_file == NULL)
        return kt_fail(err, KT_E_INPUT, "--vault needs --token-file, a token of yours");
    enum kt_status st = read_value(h, file, err);
    if (st == KT_OK && kt_vault_is_hash(kt_buf_str(&h->value)))
        st = kt_fail(err, KT_E_INPUT,
                     "that is a hash already: keytrail search 'credential:hmac-sha256:…'");
    if (st == KT_OK)
        st = ask ? kt_hash_ask_vault(&h->vault, kt_buf_str(&h->value), h->accessor, &h->found, err)
                 : by_salt(h, err);
    kt_buf_wipe(&h->value);
    return st;
}

/* ---- who used it ---- */

static const struct kt_column columns[] = {
    { "actor", "ACTOR", 40, false },   { "instance", "INSTANCE", 24, false },
    { "ip", "ADDRESS", 0, false },     { "country", "COUNTRY", 0, false },
    { "events", "EVENTS", 0, true },   { "reads", "READS", 0, true },
    { "secrets", "SECRETS", 0, true }, { "refused", "REFUSED", 0, true },
    { "first", "FIRST", 0, false },    { "last", "LAST", 0, false },
    { "credential", NULL, 0, false },  { "hash_of", NULL, 0, false },
};

static struct kt_cell moment(const struct hash *h, kt_time_ns t, char buf[KT_TIME_TEXT_MAX])
{
    if (!kt_rows_for_people(h->rows))
        return kt_cell_time(t);
    return kt_cell_str(kt_str_of(kt_asking_when(&h->asking, t, buf)));
}

static void add_rows(struct hash *h, const struct kt_credential_use *use, struct kt_str credential,
                     const char *what)
{
    for (unsigned i = 0; i < use->n; i++) {
        const struct kt_credential_user *u = &use->user[i];
        char ip[KT_IP_TEXT_MAX], first[KT_TIME_TEXT_MAX], last[KT_TIME_TEXT_MAX];
        const struct kt_cell cells[] = {
            kt_cell_str(u->actor),
            kt_cell_str(u->instance),
            u->has_ip ? kt_cell_str(kt_str_of(kt_ip_format(u->ip, ip)))
                      : (struct kt_cell){ .type = KT_CELL_NULL },
            kt_cell_str(u->country),
            kt_cell_int((int64_t)u->events),
            kt_cell_int((int64_t)u->reads),
            kt_cell_int((int64_t)u->secrets),
            kt_cell_int((int64_t)u->refused),
            moment(h, u->first, first),
            moment(h, u->last, last),
            kt_cell_str(credential),
            kt_cell_str(kt_str_of(what)),
        };
        kt_rows_add(h->rows, cells);
        h->users++;
    }
}

static enum kt_status look(struct hash *h, struct kt_str credential, const char *what,
                           struct kt_error *err)
{
    struct kt_credential_use *use = NULL;
    if (credential.len == 0)
        return KT_OK;
    enum kt_status st = kt_credential_use_load(&h->asking.ask, credential, &use, err);
    if (st != KT_OK)
        return st;
    add_rows(h, use, credential, what);
    if (use->n > 0)
        kt_str_copyz(h->next, sizeof h->next, credential);
    kt_credential_use_free(use);
    return KT_OK;
}

static void head(const struct hash *h)
{
    if (h->asking.how != KT_OUT_TABLE || h->asking.no_header)
        return;
    if (h->found.value[0] != '\0')
        printf("VALUE     %s\n", h->found.value);
    if (h->found.accessor[0] != '\0')
        printf("ACCESSOR  %s\n", h->found.accessor);
    printf("times in %s\n", kt_asking_zone(&h->asking));
}

static void foot(const struct hash *h)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf safe = { 0 };
    if (h->asking.quiet)
        return;
    if (h->found.note[0] != '\0')
        fprintf(stderr, "%s\n", h->found.note);
    if (h->users > 0) {
        kt_tty_add(&safe, kt_str_of(h->next));
        fprintf(stderr, "next: keytrail blast '%s'\n", kt_buf_z(&safe));
        return;
    }
    fprintf(stderr, "no record of this store was made with it. ");
    if (h->found.accessor[0] == '\0')
        fprintf(stderr, "The log knows a service token by its accessor: give that (--accessor), or "
                        "let Vault tell it (--vault). ");
    fprintf(
        stderr,
        "A device that was enabled again has another salt: look with the old one too "
        "(keytrail alerts list, salt_change). Values of secrets are not kept here: look for the "
        "hash in the audit file itself.\n");
}

static enum kt_status run(struct hash *h, const char *file, struct kt_error *err)
{
    if (kt_asking_open(&h->asking, 0, err) != KT_OK || find_hashes(h, file, err) != KT_OK)
        return err->code;
    head(h);
    h->rows = kt_rows_new(h->asking.how, columns, KT_ARRAY_LEN(columns), !h->asking.no_header);
    enum kt_status st = look(h, kt_str_of(h->found.value), "value", err);
    if (st == KT_OK)
        st = look(h, kt_str_of(h->found.accessor), "accessor", err);
    if (st == KT_OK)
        st = look(h, kt_buf_str(&h->found.clear), "accessor in the clear", err);
    kt_rows_end(h->rows);
    if (st == KT_OK)
        foot(h);
    return st;
}

int kt_cmd_hash(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "hash",
        "[FILE]",
        "a suspect Vault token: its hash in the audit log, and who used it. FILE (mode 0600) or "
        "stdin holds the value",
        "pass show suspect | keytrail hash --vault https://vault:8200 --token-file ~/.vault-token",
        NULL,
        NULL
    };
    struct hash h = { .vault.device = "file" };
    const struct kt_flag flags[] = {
        { "--vault", 0, KT_FLAG_STRING, "URL", "ask this Vault (sys/audit-hash, https only)",
          &h.vault.url, NULL },
        { "--device", 0, KT_FLAG_STRING, "NAME", "its audit device (file)", &h.vault.device, NULL },
        { "--token-file", 0, KT_FLAG_STRING, "FILE", "a token to ask with, mode 0600",
          &h.vault.token_file, NULL },
        { "--namespace", 0, KT_FLAG_STRING, "NAME", "X-Vault-Namespace of both requests",
          &h.vault.name_space, NULL },
        { "--ca-file", 0, KT_FLAG_STRING, "FILE", "who signed Vault's certificate",
          &h.vault.ca_file, NULL },
        { "--allow-private", 0, KT_FLAG_BOOL, NULL,
          "Vault has a private address (http on loopback alone)", &h.vault.allow_private, NULL },
        { "--salt", 0, KT_FLAG_STRING, "FILE", "or: the device's salt, mode 0600", &h.salt_file,
          NULL },
        { "--accessor", 0, KT_FLAG_BOOL, NULL, "the value is an accessor", &h.accessor, NULL },
        KT_ASKING_FLAGS(h.asking),
        { NULL, 0, KT_FLAG_BOOL, NULL, NULL, NULL, NULL },
    };
    struct kt_error err = { 0 };
    bool done = false;
    int n = 0, code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    if (n > 1) {
        fprintf(stderr, "keytrail hash: one FILE, or none\n");
        return KT_EXIT_USAGE;
    }
    kt_harden(); /* no core dump has the value */
    (void)!run(&h, n == 1 ? argv[1] : NULL, &err);
    kt_buf_wipe(&h.value);
    kt_buf_wipe(&h.found.clear);
    return kt_asking_end(&h.asking, "hash", &err);
}
