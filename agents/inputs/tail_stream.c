/*
 * tail_stream: follows one log through rename, copytruncate, re-creation and restarts.
 *
 * Owns:  the row of files behind one path, what was read of each.
 * Calls: core/base, the fs and the pipeline it is given. No clock.
 * Holds: a position given out never lies behind a byte whose lines were not given out; an old file
 *        is left only when it is at its end, quiet, and the next one has bytes.
 */
#include "agents/inputs/tail_stream.h"
#include "agents/inputs/walk.h"
#include "core/base/alloc.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_NS   (2 * KT_NS_S)   /* an old file may get late lines until its writer reopens */
#define MISSING_NS (10 * KT_NS_S)  /* a path without a file for longer is a problem */
#define SHOWN_NS   (2 * KT_NS_MIN) /* a problem that passed stays to be seen in a report */
#define FILES_MAX  64u

static void say(struct tail_stream *s, const char *fmt, ...) KT_PRINTF(2, 3);
static void say(struct tail_stream *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(s->problem, sizeof s->problem, fmt, args);
    va_end(args);
    s->said = s->now;
}

/* ---- opening ---- */

/* Adds f as the newest file, to be read from `offset`. */
static struct tail_file *push(struct tail_stream *s, struct kt_file *f, const struct kt_stat *st,
                              uint64_t offset)
{
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 4 : 2 * s->cap;
        s->files = kt_realloc_array(s->files, s->cap, sizeof *s->files);
    }
    struct tail_file *t = &s->files[s->n++];
    *t = (struct tail_file){
        .f = f, .start = offset, .size = st->size, .old = st->size, .mtime = st->mtime
    };
    t->at = (struct tail_place){ .dev = st->dev, .ino = st->ino, .offset = offset };
    if (s->n == 1) {
        t->base = offset;
        kt_pipeline_restart(s->pipeline, offset);
    }
    return t;
}

static enum kt_status try_open(const struct tail_stream *s, const char *path, struct kt_file **ret,
                               struct kt_stat *st, struct kt_error *err)
{
    struct kt_file *f = NULL;

    enum kt_status got = s->fs->open(s->fs->self, path, KT_OPEN_READ, &f, err);
    if (got != KT_OK)
        return got;
    got = s->fs->fstat(f, st, err);
    if (got == KT_OK && !st->is_file) /* put there between a look and this */
        got = kt_fail(err, KT_E_AGAIN, "'%s' is no ordinary file", path);
    if (got == KT_OK)
        *ret = f;
    else
        s->fs->close(f);
    return got;
}

static bool open_file(struct tail_stream *s, const char *path, struct kt_file **ret,
                      struct kt_stat *st)
{
    struct kt_error why = { 0 };

    enum kt_status got = try_open(s, path, ret, st, &why);
    if (got == KT_OK)
        return true;
    if (got != KT_E_AGAIN) /* gone meanwhile is no problem */
        say(s, "cannot read: %.120s; let the agent's user read it (group, or setfacl -m u:)",
            why.text);
    return false;
}

/* ---- the files that a log was before ---- */

struct sibling {
    char *path;
    struct kt_stat st;
};
struct siblings {
    const struct tail_stream *s;
    struct kt_str base; /* name of the path */
    char *dir;
    struct sibling *at; /* oldest first */
    size_t n, cap;
};

/* "audit.log.1", "audit.log-20261122": the name, then digits and date signs. */
static bool is_rotated_name(struct kt_str name, struct kt_str base)
{
    if (!kt_str_starts(name, base))
        return false;
    for (size_t i = base.len; i < name.len; i++)
        if (strchr("0123456789.-_TZ", name.at[i]) == NULL)
            return false;
    return true;
}

static void note_sibling(void *arg, const char *name)
{
    struct siblings *all = arg;
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
    struct kt_stat st;

    if (kt_str_is(all->base, name))
        return;
    kt_buf_addf(&path, "%s/%s", all->dir, name);
    if (all->s->fs->stat(all->s->fs->self, kt_buf_z(&path), &st, NULL) != KT_OK || !st.is_file)
        return;
    if (all->n == all->cap) {
        all->cap = all->cap == 0 ? 16 : 2 * all->cap;
        all->at = kt_realloc_array(all->at, all->cap, sizeof *all->at);
    }
    all->at[all->n++] = (struct sibling){ kt_str_dup(kt_buf_str(&path)), st };
}

static int by_mtime(const void *a, const void *b)
{
    kt_time_ns x = ((const struct sibling *)a)->st.mtime, y = ((const struct sibling *)b)->st.mtime;
    return (x > y) - (x < y);
}

/* Where the log's former files are; "" is the root. */
static char *folder_of_siblings(const struct tail_stream *s)
{
    struct kt_str path = kt_str_of(s->path);
    ptrdiff_t slash = kt_str_rfind_byte(path, '/');
    struct kt_str dir = slash < 0 ? KT_STR(".") : kt_str_sub(path, 0, (size_t)slash);

    return s->olddir != NULL ? kt_strdup(s->olddir) : kt_str_dup(dir);
}

static const char *shown_folder(const char *dir)
{
    return dir[0] == '\0' ? "/" : dir;
}

static void siblings_find(const struct tail_stream *s, struct siblings *all)
{
    struct kt_str path = kt_str_of(s->path);

    *all = (struct siblings){ .s = s };
    all->base = kt_str_from_index(path, (size_t)(kt_str_rfind_byte(path, '/') + 1));
    all->dir = folder_of_siblings(s);
    if (s->fs->list(s->fs->self, shown_folder(all->dir), note_sibling, all, NULL) != KT_OK)
        return; /* the path itself will tell what is wrong with the folder */
    if (all->n > 1)
        qsort(all->at, all->n, sizeof *all->at, by_mtime);
}

static void siblings_done(struct siblings *all)
{
    for (size_t i = 0; i < all->n; i++)
        kt_free(all->at[i].path);
    kt_free(all->at);
    kt_free(all->dir);
}

static bool is_rotated(const struct siblings *all, const struct sibling *b)
{
    return is_rotated_name(kt_str_from_index(kt_str_of(b->path), strlen(all->dir) + 1), all->base);
}

/* What became of the file that was read before. BUSY: it is there, and cannot be opened just now.
 */
enum former { FORMER_NONE, FORMER_PACKED, FORMER_UNREADABLE, FORMER_BUSY, FORMER_OPENED };

static enum former open_sibling(struct tail_stream *s, const struct sibling *b,
                                const struct tail_place *place, struct kt_error *why)
{
    struct kt_file *f = NULL;
    struct kt_stat st;

    if (b->st.size < place->offset)
        return FORMER_NONE;
    enum kt_status got = try_open(s, b->path, &f, &st, why);
    if (got == KT_E_AGAIN) /* gone meanwhile */
        return FORMER_NONE;
    if (got != KT_OK) /* a right that is missing stays so; descriptors and disks come back */
        return why->sys_errno == EACCES || why->sys_errno == EPERM ? FORMER_UNREADABLE
                                                                   : FORMER_BUSY;
    if (!tail_print_is(s->fs, f, place)) {
        s->fs->close(f);
        return FORMER_NONE;
    }
    push(s, f, &st, place->offset)->at =
        (struct tail_place){ st.dev, st.ino, place->offset, place->print_len, { 0 }, 0 };
    memcpy(s->files[s->n - 1].at.print, place->print, sizeof place->print);
    return FORMER_OPENED;
}

static bool is_packed_copy(const struct tail_stream *s, const struct sibling *b,
                           const struct tail_place *place)
{
    struct kt_file *f = NULL;
    struct kt_stat st;

    if (!kt_walk_is_packed(kt_str_of(b->path)) || try_open(s, b->path, &f, &st, NULL) != KT_OK)
        return false;
    bool is = tail_print_is_packed(s->fs, f, place);
    s->fs->close(f);
    return is;
}

/* The file itself under another name. Says so when it is there and cannot be read. */
static enum former open_renamed(struct tail_stream *s, const struct siblings *all,
                                const struct tail_place *place)
{
    for (size_t i = all->n; i-- > 0;) {
        const struct sibling *b = &all->at[i];
        struct kt_error why = { 0 };
        if (b->st.dev != place->dev || b->st.ino != place->ino)
            continue;
        enum former got = open_sibling(s, b, place, &why);
        if (got == FORMER_UNREADABLE)
            say(s,
                "the file read last time is now '%.100s', which may not be read: run keytrail "
                "import on it",
                b->path);
        else if (got == FORMER_BUSY)
            say(s, "cannot read on in the file read last time: %.110s; it is tried again",
                why.text);
        if (got != FORMER_NONE)
            return got;
    }
    return FORMER_NONE;
}

/* A copy of it (copytruncate), whatever it is called: its beginning is the proof. One that is
 * packed is only known to be there; one that has a rotated name, was written after `since` and
 * cannot be opened may be it, which is said. */
static enum former open_copy(struct tail_stream *s, const struct siblings *all,
                             const struct tail_place *place, kt_time_ns since)
{
    struct kt_error first = { 0 };

    for (size_t i = all->n; i-- > 0;) { /* the newest copy first */
        struct kt_error why = { 0 };
        enum former got = open_sibling(s, &all->at[i], place, &why);
        if (got == FORMER_OPENED)
            return got;
        if (got != FORMER_NONE && first.code == KT_OK && all->at[i].st.mtime >= since &&
            is_rotated(all, &all->at[i]))
            first = why;
    }
    for (size_t i = all->n; i-- > 0;)
        if (is_packed_copy(s, &all->at[i], place))
            return FORMER_PACKED;
    if (first.code == KT_OK)
        return FORMER_NONE;
    say(s, "a copy may not be read: %.120s; run keytrail import on it", first.text);
    return FORMER_UNREADABLE;
}

/* Opens the sibling that `place` points into, in a log that was written last at `since` or later.
 */
static enum former open_former(struct tail_stream *s, const struct tail_place *place,
                               kt_time_ns since)
{
    KT_CLEANUP(siblings_done) struct siblings all;

    siblings_find(s, &all);
    enum former got = open_renamed(s, &all, place);
    return got == FORMER_NONE && place->print_len > 0 ? open_copy(s, &all, place, since) : got;
}

/* Queues the files that were the log after `since` was written last and before the path's of now:
 * two rotations between two looks, or while the agent was away. */
static void open_between(struct tail_stream *s, kt_time_ns since, const struct kt_stat *now_at_path)
{
    KT_CLEANUP(siblings_done) struct siblings all;

    siblings_find(s, &all);
    for (size_t i = 0; i < all.n && s->n < FILES_MAX; i++) {
        const struct kt_stat *b = &all.at[i].st;
        struct kt_file *f = NULL;
        struct kt_stat st;
        if (!is_rotated(&all, &all.at[i]) || b->mtime <= since ||
            (b->dev == now_at_path->dev && b->ino == now_at_path->ino) ||
            tail_stream_has(s, b->dev, b->ino) || !open_file(s, all.at[i].path, &f, &st))
            continue;
        (void)push(s, f, &st, 0);
        s->rotations++;
    }
}

/* ---- life ---- */

/* What the run before gave out behind its low-water mark. */
static void note_known(struct tail_stream *s, const struct tail_place *place)
{
    s->known = s->files[0].base + place->ahead;
    kt_pipeline_known_until(s->pipeline, s->known);
}

/* Something is at the path, and could not be opened. */
static bool is_there(const struct tail_stream *s)
{
    struct kt_stat st;
    return s->fs->stat(s->fs->self, s->path, &st, NULL) != KT_E_AGAIN;
}

/* Were names made, moved or removed where former files are, since this was asked last? */
static bool folder_changed(struct tail_stream *s)
{
    KT_CLEANUP(kt_free_ptr) char *dir = folder_of_siblings(s);
    struct kt_stat st;

    if (s->fs->stat(s->fs->self, shown_folder(dir), &st, NULL) != KT_OK)
        return true;
    bool changed = st.mtime != s->folder;
    s->folder = st.mtime;
    return changed;
}

static void wait_at(struct tail_stream *s, const struct tail_place *place)
{
    s->waits = true;
    s->place = *place;
}

/* The path's file is not the one that was read before: `there` if it could be opened. While nobody
 * can say what that one is now, the place is kept. */
static enum former resume_former(struct tail_stream *s, const struct tail_place *place, bool there)
{
    bool refused = !there && is_there(s);

    /* Each look opens all that lies there: once is enough while it stays as it is. */
    if (!folder_changed(s) && refused) {
        wait_at(s, place);
        return FORMER_BUSY;
    }
    enum former former = open_former(s, place, 0);
    if (former == FORMER_BUSY || (former != FORMER_OPENED && refused)) {
        wait_at(s, place);
        return FORMER_BUSY;
    }
    if (former != FORMER_OPENED && place->offset > 0) {
        s->gone++;
        s->lost++;
        if (former != FORMER_UNREADABLE)
            say(s, "the file read last time is gone (rotated and packed or removed while the agent "
                   "was away): run keytrail import on its rotated copy");
    }
    return former;
}

/* Continues at a known place: the file at the path, or one that it was. */
static void resume(struct tail_stream *s, const struct tail_place *place)
{
    struct kt_file *f = NULL;
    struct kt_stat st = { 0 };
    bool there = open_file(s, s->path, &f, &st);

    if (there && st.dev == place->dev && st.ino == place->ino && st.size >= place->offset &&
        tail_print_is(s->fs, f, place)) {
        push(s, f, &st, place->offset)->at = *place;
        note_known(s, place);
        return;
    }
    enum former former = resume_former(s, place, there);
    if (former == FORMER_OPENED) {
        note_known(s, place);
        open_between(s, s->files[0].mtime, &st);
        s->rotations++;
    }
    if (there && former == FORMER_BUSY)
        s->fs->close(f); /* its turn comes after the former one */
    else if (there)
        (void)push(s, f, &st, 0);
}

struct tail_stream *tail_stream_new(const struct kt_input_env *env, const char *path,
                                    const char *olddir, struct kt_str place, kt_time_ns now)
{
    struct tail_stream *s = kt_alloc(sizeof *s);
    struct tail_place known;
    struct kt_file *f = NULL;
    struct kt_stat st;

    s->fs = &env->fs;
    s->source = env->source;
    s->whole = true;
    s->now = now;
    s->path = kt_strdup(path);
    s->olddir = olddir;
    s->folder = INT64_MIN;
    s->pipeline = env->pipeline(env->self);
    kt_str_copyz(s->told, sizeof s->told, place);
    if (tail_place_parse(place, &known))
        resume(s, &known);
    else if (open_file(s, path, &f, &st))
        (void)push(s, f, &st, 0);
    if (s->n == 0)
        s->missing = now;
    return s;
}

void tail_stream_free(struct tail_stream *s)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < s->n; i++)
        if (s->files[i].f != NULL)
            s->fs->close(s->files[i].f);
    kt_pipeline_free(s->pipeline);
    kt_free(s->files);
    kt_free(s->path);
    kt_free(s);
}

bool tail_stream_has(const struct tail_stream *s, uint64_t dev, uint64_t ino)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->files[i].at.dev == dev && s->files[i].at.ino == ino)
            return true;
    return false;
}

/* ---- looking ---- */

static void say_what_became_of_it(struct tail_stream *s, enum former copy)
{
    switch (copy) {
    case FORMER_OPENED:
    case FORMER_UNREADABLE: /* has said so */
    case FORMER_BUSY:
        break;
    case FORMER_PACKED:
        s->gone++;
        say(s, "it was cut short, and the copy of what it held is packed: run keytrail import on "
               "it, and let logrotate use delaycompress");
        break;
    case FORMER_NONE:
        s->emptied++;
        say(s, "it was cut short, and no copy of what it held is beside it: was it emptied to hide "
               "something? (copytruncate leaves a copy)");
        break;
    }
}

/* The newest file lost bytes or holds other ones: whatever a copy of it still has is read first. */
static void truncated(struct tail_stream *s)
{
    struct tail_place was = s->files[s->n - 1].at;
    kt_time_ns since = s->files[s->n - 1].mtime;
    struct kt_file *f = NULL;
    struct kt_stat fresh;

    s->truncations++;
    s->files[s->n - 1].cut = true;
    if (s->n >= FILES_MAX)
        say(s, "it was cut short while %u files wait to be read: a copy of it was not looked for",
            FILES_MAX);
    else
        say_what_became_of_it(s, open_former(s, &was, since));
    if (open_file(s, s->path, &f, &fresh))
        (void)push(s, f, &fresh, 0);
}

static bool was_truncated(const struct tail_stream *s, const struct tail_file *t,
                          const struct kt_stat *st)
{
    if (st->size < t->at.offset)
        return true;
    return (st->size != t->size || st->mtime != t->mtime) && t->at.print_len > 0 && t->f != NULL &&
           !tail_print_is(s->fs, t->f, &t->at);
}

/* Queues what was at the path after our newest file, and is not there any more. */
static void open_later(struct tail_stream *s, const struct kt_stat *at_path)
{
    struct tail_file *newest = &s->files[s->n - 1];
    struct kt_stat fresh;

    if (newest->f != NULL && s->fs->fstat(newest->f, &fresh, NULL) == KT_OK) {
        newest->size = fresh.size;
        newest->mtime = fresh.mtime;
    }
    open_between(s, newest->mtime, at_path);
}

/* The end of a device never comes, so nothing after it would be read. */
static void say_no_file(struct tail_stream *s)
{
    say(s, "a folder, a pipe or a device is there, which is not read: a file has to be");
}

static void look_at(struct tail_stream *s, const struct kt_stat *st)
{
    struct tail_file *newest = s->n > 0 ? &s->files[s->n - 1] : NULL;
    struct kt_file *f = NULL;
    struct kt_stat fresh;

    if (!st->is_file) {
        say_no_file(s);
        return;
    }
    if (newest != NULL && newest->at.dev == st->dev && newest->at.ino == st->ino) {
        if (was_truncated(s, newest, st)) {
            truncated(s);
            return;
        }
        newest->size = st->size;
        newest->mtime = st->mtime;
        return;
    }
    if (s->n >= FILES_MAX) {
        say(s, "%u rotations wait to be read: the collector is not reached", FILES_MAX);
        return;
    }
    if (newest != NULL) {
        open_later(s, st);
        s->rotations++;
    }
    if (open_file(s, s->path, &f, &fresh))
        (void)push(s, f, &fresh, 0);
}

static void look_for_missing(struct tail_stream *s)
{
    if (s->n > 0 && s->n < FILES_MAX)
        open_later(s, &(struct kt_stat){ 0 });
    if (s->missing == 0) {
        s->missing = s->now;
    } else if (s->now - s->missing >= MISSING_NS) {
        s->gone += s->problem[0] == '\0';
        say(s, "no file is there: did its writer stop, or was it renamed without being made anew?");
    }
}

static void resume_again(struct tail_stream *s)
{
    const struct tail_place place = s->place;

    s->waits = false;
    resume(s, &place);
}

void tail_stream_look(struct tail_stream *s, kt_time_ns now)
{
    struct kt_stat st;
    struct kt_error why = { 0 };

    s->now = now;
    enum kt_status got = s->fs->stat(s->fs->self, s->path, &st, &why);
    if (got == KT_E_AGAIN) {
        if (s->waits)
            resume_again(s);
        look_for_missing(s);
    } else if (got != KT_OK) {
        say(s, "cannot look at it: %.150s", why.text);
    } else {
        if (now - s->said >= SHOWN_NS)
            s->problem[0] = '\0';
        s->missing = 0;
        if (!s->waits) {
            look_at(s, &st);
        } else {
            resume_again(s);
            if (!st.is_file)
                say_no_file(s);
        }
    }
}

/* ---- reading ---- */

static uint64_t end_of(const struct tail_file *t)
{
    return t->base + (t->at.offset - t->start);
}

/* Is this old file done with? */
static bool may_leave(const struct tail_stream *s, const struct tail_file *t, kt_time_ns now)
{
    if (s->at + 1 >= s->n)
        return false;
    if (t->cut)
        return true;
    if (now - t->grown < QUIET_NS)
        return false;
    for (unsigned i = s->at + 1; i < s->n; i++) {
        struct kt_stat st;
        if (s->files[i].size > 0 ||
            (s->fs->fstat(s->files[i].f, &st, NULL) == KT_OK && st.size > 0))
            return true;
    }
    return false;
}

/* Forgets the files that no position can point into any more. */
static void trim(struct tail_stream *s)
{
    uint64_t low = kt_pipeline_low_water(s->pipeline);
    unsigned done = 0;

    while (done < s->at && end_of(&s->files[done]) <= low)
        done++;
    if (done == 0)
        return;
    s->n -= done;
    s->at -= done;
    memmove(s->files, s->files + done, s->n * sizeof *s->files);
}

/* Goes over to the next file. A line without its end gets one: the rest will not come any more. The
 * pipeline goes on: requests of this file may have their responses in the next one. */
static enum kt_status leave(struct tail_stream *s, kt_time_ns now, struct kt_error *err)
{
    struct tail_file *t = &s->files[s->at];
    uint64_t end = end_of(t);
    bool lines = s->source->split == KT_SPLIT_LINES;
    enum kt_status st = KT_OK;

    if (lines && !s->whole)
        st = kt_pipeline_feed(s->pipeline, KT_STR("\n"), end++, kt_str_of(s->path), now, err);
    else if (!lines)
        st = kt_pipeline_end(s->pipeline, now, err);
    if (st != KT_OK)
        return kt_wrap(err, "'%s'", s->path);
    s->whole = true;
    s->fs->close(t->f);
    t->f = NULL;
    s->at++;
    s->files[s->at].base = end;
    return KT_OK;
}

/* The print grows with the file until it has its full length. */
static void update_print(struct tail_stream *s, struct tail_file *t)
{
    uint64_t want = t->at.offset < TAIL_PRINT_BYTES ? t->at.offset : TAIL_PRINT_BYTES;

    if (t->at.print_len < want && tail_print(s->fs, t->f, (uint32_t)want, &t->at, NULL) != KT_OK)
        t->at.print_len = 0; /* then only the inode tells */
}

/* One piece; *ret_n = 0 at the end of the file. */
static enum kt_status read_piece(struct tail_stream *s, kt_time_ns now, char *room, size_t n,
                                 size_t *ret_n, struct kt_error *err)
{
    struct tail_file *t = &s->files[s->at];
    struct kt_error why = { 0 };

    *ret_n = 0;
    if (t->cut)
        return KT_OK;
    if (s->fs->read_at(t->f, t->at.offset, room, n, ret_n, &why) != KT_OK) {
        say(s, "cannot read on at byte %llu: %.120s", (unsigned long long)t->at.offset, why.text);
        *ret_n = 0;
        return KT_OK;
    }
    if (*ret_n == 0)
        return KT_OK;
    if (kt_pipeline_feed(s->pipeline, kt_str_from(room, *ret_n), end_of(t), kt_str_of(s->path), now,
                         err) != KT_OK)
        return kt_wrap(err, "'%s'", s->path);
    s->whole = room[*ret_n - 1] == '\n';
    t->at.offset += *ret_n;
    if (t->at.offset > t->old)
        t->grown = now;
    s->bytes += *ret_n;
    update_print(s, t);
    return KT_OK;
}

enum kt_status tail_stream_read(struct tail_stream *s, kt_time_ns now, char *room, size_t room_len,
                                size_t *budget, bool *ret_more, struct kt_error *err)
{
    *ret_more = false;
    s->now = now;
    while (s->n > 0) {
        size_t n = 0, want = *budget < room_len ? *budget : room_len;
        if (want == 0) {
            *ret_more = true;
            break;
        }
        if (read_piece(s, now, room, want, &n, err) != KT_OK)
            return err != NULL ? err->code : KT_E_IO;
        *budget -= n;
        if (n > 0)
            continue;
        if (!may_leave(s, &s->files[s->at], now))
            break;
        if (leave(s, now, err) != KT_OK)
            return err != NULL ? err->code : KT_E_IO;
    }
    enum kt_status st = kt_pipeline_expire(s->pipeline, now, false, err);
    if (st == KT_OK && s->n > 0)
        trim(s);
    return st;
}

/* ---- telling ---- */

bool tail_stream_place(const struct tail_stream *s, char ret[TAIL_PLACE_TEXT])
{
    uint64_t low = kt_pipeline_low_water(s->pipeline);
    unsigned i = s->at;

    if (s->n == 0)
        return false;
    while (i > 0 && s->files[i].base > low)
        i--;
    struct tail_place p = s->files[i].at;
    p.offset = s->files[i].start + (low - s->files[i].base);
    uint64_t given = kt_pipeline_whole_until(s->pipeline);
    given = given < s->known ? s->known : given;
    p.ahead = given > low ? given - low : 0;
    tail_place_format(&p, ret);
    return true;
}

uint64_t tail_stream_lag(const struct tail_stream *s)
{
    uint64_t lag = 0;

    for (unsigned i = s->at; i < s->n; i++)
        if (s->files[i].size > s->files[i].at.offset)
            lag += s->files[i].size - s->files[i].at.offset;
    return lag;
}
