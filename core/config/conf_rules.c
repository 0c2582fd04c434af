/*
 * conf_rules: the files of rules that keytrail.yaml names. Their texts go with the configuration
 * wherever it goes: what was in force can be read from the record of it.
 *
 * Owns:  nothing; texts live in the configuration.
 * Calls: core/base, core/sys/fs, yaml.
 * Holds: together they are bounded, and nobody but their owner's group may write them.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/config/conf.h"
#include "core/sys/fs.h"

struct reading {
    struct kt_conf *conf;
    const char *folder;
    unsigned n;
    size_t bytes;
    enum kt_status st;
    struct kt_error *err;
};

static bool is_yaml(const char *name)
{
    struct kt_str s = kt_str_of(name);
    return kt_str_ends(s, KT_STR(".yml")) || kt_str_ends(s, KT_STR(".yaml"));
}

static enum kt_status read_file(struct reading *r, const char *path)
{
    struct kt_conf *c = r->conf;
    struct kt_stat stat;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    for (unsigned i = 0; i < c->n_files; i++) /* a file, and the folder that it is in */
        if (c->files[i].of == KT_FILE_RULES && strcmp(c->files[i].name, path) == 0)
            return KT_OK;
    if (r->n == KT_RULES_FILES_MAX)
        return kt_fail(r->err, KT_E_CONFIG, "more than %u files of rules", KT_RULES_FILES_MAX);
    if (kt_fs_real.stat(kt_fs_real.self, path, &stat, r->err) != KT_OK)
        return kt_wrap(r->err, "rules");
    if ((stat.mode & 0002) != 0)
        return kt_fail(r->err, KT_E_CONFIG, "'%s' can be written by anybody: chmod o-w '%s'", path,
                       path);
    if (kt_fs_read_all(path, KT_CONFIG_MAX, &text, r->err) != KT_OK)
        return kt_wrap(r->err, "rules");
    r->n++;
    r->bytes += text.len;
    if (r->bytes > KT_RULES_BYTES_MAX)
        return kt_fail(r->err, KT_E_CONFIG, "rules are longer than %u bytes together",
                       KT_RULES_BYTES_MAX);
    const char *kept = kt_yaml_keepz(c->yaml, kt_buf_str(&text));
    c->files[c->n_files++] =
        (struct kt_conf_file){ KT_FILE_RULES, kt_yaml_keepz(c->yaml, kt_str_of(path)),
                               kt_str_from(kept, text.len) };
    return KT_OK;
}

static void each(void *arg, const char *name)
{
    struct reading *r = arg;
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
    if (r->st != KT_OK || !is_yaml(name))
        return;
    kt_buf_addf(&path, "%s/%s", r->folder, name);
    r->st = read_file(r, kt_buf_z(&path));
}

static enum kt_status read_place(struct reading *r, const char *place)
{
    const char *path = NULL;
    struct kt_stat stat;
    if (kt_yaml_path(r->conf->yaml, kt_str_of(place), &path, r->err) != KT_OK)
        return kt_wrap(r->err, "rules");
    enum kt_status st = kt_fs_real.stat(kt_fs_real.self, path, &stat, r->err);
    if (st == KT_E_AGAIN)
        return kt_fail(r->err, KT_E_CONFIG, "rules: there is no file or folder '%s'", path);
    if (st != KT_OK)
        return kt_wrap(r->err, "rules");
    if (!stat.is_dir)
        return read_file(r, path);
    r->folder = path;
    st = kt_fs_real.list(kt_fs_real.self, path, each, r, r->err);
    return st != KT_OK ? kt_wrap(r->err, "rules") : r->st;
}

/* The configuration has changed when one of its files has. */
static void add_to_digest(struct kt_conf *c)
{
    struct kt_sha256 *h = kt_sha256_new();
    kt_sha256_start(h);
    kt_sha256_add(h, c->digest, sizeof c->digest);
    for (unsigned i = 0; i < c->n_files; i++) {
        const struct kt_conf_file *f = &c->files[i];
        if (f->of != KT_FILE_RULES)
            continue;
        kt_sha256_add(h, f->name, strlen(f->name) + 1);
        kt_sha256_add(h, &f->text.len, sizeof f->text.len);
        kt_sha256_add(h, f->text.at, f->text.len);
    }
    kt_sha256_end(h, c->digest);
    kt_sha256_free(h);
}

enum kt_status kt_conf_rules(struct kt_conf *c, struct kt_error *err)
{
    struct reading r = { .conf = c, .err = err };
    if (c->rules.n == 0)
        return KT_OK;
    struct kt_conf_file *files =
        kt_yaml_keep(c->yaml, (c->n_files + KT_RULES_FILES_MAX) * sizeof *files);
    for (unsigned i = 0; i < c->n_files; i++)
        files[i] = c->files[i];
    c->files = files;
    for (unsigned i = 0; i < c->rules.n; i++)
        if (read_place(&r, c->rules.at[i]) != KT_OK)
            return KT_E_CONFIG;
    add_to_digest(c);
    return KT_OK;
}
