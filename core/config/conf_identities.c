/*
 * conf_identities: the file of identities that keytrail.yaml names, from the disk or out of a
 * recorded configuration.
 *
 * Owns:  nothing; the set and its text are the configuration's.
 * Calls: core/base, identities.
 * Holds: what is recorded is what was compiled, with the rules of its time zones: it reads back to
 *        the same on any host.
 */
#include <string.h>

#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/config/conf.h"

/* The compiled set joins the files that are recorded with the configuration. */
static enum kt_status attach(struct kt_conf *c, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    kt_identities_print(c->identities, &text);
    if (text.len > KT_IDENTITIES_BYTES)
        return kt_fail(err, KT_E_CONFIG,
                       "'%s' takes %zu bytes in a record of the log, more than %u",
                       c->identities_file, text.len, KT_IDENTITIES_BYTES);
    struct kt_conf_file *files = kt_yaml_keep(c->yaml, (c->n_files + 1) * sizeof *files);
    for (unsigned i = 0; i < c->n_files; i++)
        files[i] = c->files[i];
    files[c->n_files] =
        (struct kt_conf_file){ KT_FILE_IDENTITIES, c->identities_file,
                               kt_str_from(kt_yaml_keepz(c->yaml, kt_buf_str(&text)), text.len) };
    c->files = files;
    c->n_files++;
    return KT_OK;
}

static enum kt_status from_disk(struct kt_conf *c, struct kt_error *err)
{
    if (kt_identities_load(c->identities, c->identities_file, err) != KT_OK)
        return kt_wrap(err, "identities_file");
    const struct kt_str both[] = { kt_str_from(c->digest, sizeof c->digest),
                                   kt_str_from(kt_identities_digest(c->identities), 32) };
    kt_sha256_of(both, KT_ARRAY_LEN(both), c->digest);
    return attach(c, err);
}

enum kt_status kt_conf_identities(struct kt_conf *c, bool recorded, struct kt_error *err)
{
    if (c->identities_file == NULL)
        return KT_OK;
    if (!recorded)
        return from_disk(c, err);
    for (unsigned i = 0; i < c->n_files; i++)
        if (c->files[i].of == KT_FILE_IDENTITIES &&
            strcmp(c->files[i].name, c->identities_file) == 0)
            return kt_identities_parse(c->identities, c->files[i].text, c->identities_file, err);
    return kt_fail(err, KT_E_CONFIG, "%s: the file '%s' was not recorded with it", c->path,
                   c->identities_file);
}
