/*
 * detect_import: Sigma rules from anywhere into the folder of rules: checked as the collector will
 * read them, one by one; those that are taken are written.
 *
 * Owns:  the texts of the files at hand.
 * Calls: detectors/sigma, core/config, core/sys/fs; stdout, stderr.
 * Holds: a document is written whole and unchanged, or not at all; a file that cannot be read is
 * one refused row, and stops nothing.
 */
#include "cli/detect_import.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/config/config.h"
#include "core/sys/fs.h"
#include "detectors/sigma.h"

#define FILES_MAX 20000u
#define DEPTH_MAX 16u

struct file {
    char *path, *name; /* name: under which it is written */
    struct kt_buf text;
    char *unread; /* why it cannot be read; NULL: it was */
    bool there;   /* of the folder already */
};
struct import {
    struct file *file;
    unsigned n, depth;
    struct kt_sigma *set;
    unsigned taken, refused, written;
    struct kt_error *err;
    enum kt_status st;
    const char *folder; /* that is walked */
    bool there;
};

/* ---- files ---- */

static bool is_rules(const char *name)
{
    struct kt_str s = kt_str_of(name);
    return kt_str_ends(s, KT_STR(".yml")) || kt_str_ends(s, KT_STR(".yaml"));
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* By a file that can be read: the others write nothing over. */
static bool name_taken(const struct import *im, const char *name, bool there)
{
    for (unsigned i = 0; i < im->n; i++)
        if (im->file[i].there == there && im->file[i].unread == NULL &&
            strcmp(im->file[i].name, name) == 0)
            return true;
    return false;
}

/* Two files of one name in different folders: the second is called FOLDER_NAME. */
static char *name_for(const struct import *im, const char *path)
{
    const char *name = last_part(path);
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    if (!name_taken(im, name, false) || name == path)
        return kt_strdup(name);
    struct kt_str folder = kt_str_from(path, (size_t)(name - path) - 1);
    folder = kt_str_from_index(folder, (size_t)(kt_str_rfind_byte(folder, '/') + 1));
    kt_buf_addf(&b, KT_STR_FMT "_%s", KT_STR_ARG(folder), name);
    return kt_str_dup(kt_buf_str(&b));
}

/* What is there already has to be read: who has which id is not known otherwise. */
static enum kt_status add_file(struct import *im, const char *path)
{
    if (im->n == FILES_MAX)
        return kt_fail(im->err, KT_E_LIMIT, "more than %u files", FILES_MAX);
    struct kt_error why = { 0 };
    struct file f = { .there = im->there };
    if (kt_fs_read_all(path, KT_CONFIG_MAX, &f.text, &why) != KT_OK) {
        kt_buf_reset(&f.text);
        if (im->there) {
            *im->err = why;
            return kt_wrap(im->err, "'%s'", path);
        }
        f.unread = kt_strdup(why.text);
    }
    f.path = kt_strdup(path);
    f.name = im->there ? kt_strdup(last_part(path)) : name_for(im, path);
    im->file = kt_realloc_array(im->file, im->n + 1, sizeof *im->file);
    im->file[im->n++] = f;
    return KT_OK;
}

static enum kt_status add_place(struct import *im, const char *path);

static void each(void *arg, const char *name)
{
    struct import *im = arg;
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
    struct kt_stat stat;
    if (im->st != KT_OK || name[0] == '.')
        return;
    kt_buf_addf(&path, "%s/%s", im->folder, name);
    /* of a dead link the name alone says whether it is of rules; reading it says what is wrong */
    bool dead = kt_fs_real.stat(kt_fs_real.self, kt_buf_z(&path), &stat, NULL) != KT_OK;
    bool wanted = !dead && stat.is_dir ? !im->there : is_rules(name);
    /* what is written over now is no longer there */
    if (wanted && im->there && name_taken(im, name, false))
        wanted = false;
    if (wanted)
        im->st = dead ? add_file(im, kt_buf_z(&path)) : add_place(im, kt_buf_z(&path));
}

static enum kt_status add_place(struct import *im, const char *path)
{
    struct kt_stat stat;
    enum kt_status st = kt_fs_real.stat(kt_fs_real.self, path, &stat, im->err);
    if (st == KT_E_AGAIN)
        return kt_fail(im->err, KT_E_CONFIG, "there is no file or folder '%s'", path);
    if (st != KT_OK || !stat.is_dir)
        return st != KT_OK ? st : add_file(im, path);
    if (im->depth == DEPTH_MAX)
        return kt_fail(im->err, KT_E_LIMIT, "'%s': folders nested deeper than %u", path, DEPTH_MAX);
    const char *before = im->folder;
    im->depth++;
    im->folder = path;
    st = kt_fs_real.list(kt_fs_real.self, path, each, im, im->err);
    im->depth--;
    im->folder = before;
    return st != KT_OK ? st : im->st;
}

/* ---- rows ---- */

static const struct kt_column columns[] = {
    { "verdict", "VERDICT", 0, false }, { "level", "LEVEL", 0, false },
    { "title", "RULE", 60, false },     { "why", "WHY", 0, false },
    { "id", NULL, 0, false },           { "file", NULL, 0, false },
    { "line", NULL, 0, false },
};

static struct kt_cell text(const char *z)
{
    return kt_cell_str(kt_str_of(z));
}

static const struct file *file_of(const struct import *im, const struct kt_sigma_rule *r)
{
    for (unsigned i = 0; i < im->n; i++)
        if (strcmp(im->file[i].path, r->file) == 0)
            return &im->file[i];
    return NULL;
}

static void print_unread(struct import *im, struct kt_rows *rows)
{
    for (unsigned i = 0; i < im->n; i++) {
        const struct file *f = &im->file[i];
        if (f->unread == NULL)
            continue;
        im->refused++;
        const struct kt_cell cells[] = {
            text("refused"), text(""),      text(last_part(f->path)), text(f->unread),
            text(""),        text(f->path), kt_cell_int(0),
        };
        kt_rows_add(rows, cells);
    }
}

static void print(struct import *im, enum kt_output how)
{
    struct kt_rows *rows = kt_rows_new(how, columns, KT_ARRAY_LEN(columns), true);
    for (unsigned i = 0; i < kt_sigma_count(im->set); i++) {
        const struct kt_sigma_rule *r = kt_sigma_rule(im->set, i);
        if (file_of(im, r)->there)
            continue;
        im->refused += r->refused;
        im->taken += !r->refused;
        struct kt_str title = r->title.len > 0 ? r->title : kt_str_of(last_part(r->file));
        const struct kt_cell cells[] = {
            text(r->refused ? "refused" : "accepted"),
            text(r->refused ? "" : kt_sigma_level_words[r->level]),
            kt_cell_str(title),
            text(r->refused ? r->why : r->never),
            kt_cell_str(r->id),
            text(r->file),
            kt_cell_int(r->line),
        };
        kt_rows_add(rows, cells);
    }
    print_unread(im, rows);
    kt_rows_end(rows);
}

/* ---- writing ---- */

/* The documents of the file that were taken, as they stand there. */
static unsigned taken_of(const struct import *im, const struct file *f, struct kt_buf *out)
{
    unsigned n = 0;
    for (unsigned i = 0; i < kt_sigma_count(im->set); i++) {
        const struct kt_sigma_rule *r = kt_sigma_rule(im->set, i);
        if (r->refused || strcmp(r->file, f->path) != 0)
            continue;
        struct kt_str one = kt_str_sub(kt_buf_str(&f->text), r->from, r->len);
        bool marked = kt_str_starts(one, KT_STR("---"));
        if (out->len > 0 && out->at[out->len - 1] != '\n')
            kt_buf_byte(out, '\n');
        kt_buf_addz(out, n > 0 && !marked ? "---\n" : "");
        kt_buf_add(out, one);
        n++;
    }
    return n;
}

static enum kt_status write_all(struct import *im, const char *into)
{
    if (kt_fs_real.mkdir(kt_fs_real.self, into, 0755, im->err) != KT_OK)
        return kt_wrap(im->err, "--into");
    for (unsigned i = 0; i < im->n; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 }, path = { 0 };
        if (im->file[i].there || taken_of(im, &im->file[i], &out) == 0)
            continue;
        kt_buf_addf(&path, "%s/%s", into, im->file[i].name);
        if (kt_fs_write_atomic(kt_buf_z(&path), kt_buf_str(&out), 0644, im->err) != KT_OK)
            return kt_wrap(im->err, "--into");
        im->written++;
    }
    return KT_OK;
}

/* Rules that are there already take part: ids are given once, and correlations may name them. */
static enum kt_status add_there(struct import *im, const char *into)
{
    struct kt_stat stat;
    if (into == NULL || kt_fs_real.stat(kt_fs_real.self, into, &stat, im->err) == KT_E_AGAIN)
        return KT_OK;
    im->there = true;
    return add_place(im, into);
}

static enum kt_status check(struct import *im)
{
    im->set = kt_sigma_new();
    for (unsigned round = 0; round < 2; round++) /* who was there first keeps the id */
        for (unsigned i = 0; i < im->n; i++)
            if (im->file[i].there == (round == 0) && im->file[i].unread == NULL)
                kt_sigma_add(im->set, im->file[i].path, kt_buf_str(&im->file[i].text));
    kt_sigma_close(im->set);
    return KT_OK;
}

static void done(struct import *im)
{
    for (unsigned i = 0; i < im->n; i++) {
        kt_free(im->file[i].path);
        kt_free(im->file[i].name);
        kt_free(im->file[i].unread);
        kt_buf_done(&im->file[i].text);
    }
    kt_free(im->file);
    kt_sigma_free(im->set);
}

static void summary(const struct import *im, const char *into)
{
    fprintf(stderr, "%u rule%s accepted, %u refused; ", im->taken, im->taken == 1 ? "" : "s",
            im->refused);
    if (into == NULL)
        fprintf(stderr, "nothing was written: --into names the folder of rules\n");
    else
        fprintf(stderr, "%u file%s written to %s\n", im->written, im->written == 1 ? "" : "s",
                into);
}

int kt_detect_import(char **places, int n, const char *into, enum kt_output how)
{
    struct kt_error err = { 0 };
    struct import im = { .err = &err };
    enum kt_status st = KT_OK;
    for (int i = 0; st == KT_OK && i < n; i++)
        st = add_place(&im, places[i]);
    if (st == KT_OK)
        st = add_there(&im, into);
    if (st == KT_OK)
        st = check(&im);
    if (st == KT_OK) {
        print(&im, how);
        if (into != NULL)
            st = write_all(&im, into);
    }
    int code = st != KT_OK       ? kt_cli_fail("detect import", &err)
               : im.refused == 0 ? KT_EXIT_OK
               : im.taken == 0   ? KT_EXIT_NO
                                 : KT_EXIT_PARTIAL;
    if (st == KT_OK)
        summary(&im, into);
    done(&im);
    return code;
}
