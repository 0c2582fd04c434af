/*
 * files: objects in a folder (plain, gzip, Avro of Event Hubs Capture), each read once: exports, a
 * mirrored bucket, archives.
 *
 * Owns:  what was found, the object being read, the ones read whose last records still wait.
 * Calls: core, files_done, one pipeline for all objects. Time comes in with each step.
 * Holds: an object is noted as done no earlier than every line of it was given out; after a crash
 * it is read from its beginning.
 */
#include "agents/input.h"
#include "agents/inputs/counts.h"
#include "agents/inputs/files_done.h"
#include "agents/inputs/unpack.h"
#include "agents/inputs/walk.h"
#include "agents/inputs/watch.h"
#include "core/base/alloc.h"
#include "core/base/map.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ROOM      (16u << 10)    /* may inflate a thousandfold */
#define SETTLED   (10 * KT_NS_S) /* an object unchanged for so long is whole */
#define FORGET_NS (25 * KT_NS_HOUR)
#define SHOWN_NS  (10 * KT_NS_MIN)
#define NO_FILE   "a pipe or a device, which is not read"

struct options {
    kt_time_ns poll;
};
static const struct kt_option options[] = {
    /* beside the keys of every source entry */
    { "poll", KT_OPT_DURATION, "1s", offsetof(struct options, poll),
      "How often the folder is looked at where the kernel does not tell.", false, false },
    KT_OPTIONS_END,
};

struct object {
    char *path;
    struct files_print print;
    uint64_t size;
    uint64_t end; /* of its bytes in the pipeline, once read */
};
struct objects {
    struct object *at;
    size_t n, cap;
};

struct kt_input {
    struct kt_input_env env;
    struct options o;
    char *pattern;
    struct kt_watch *watch;
    struct kt_pipeline *pipeline;
    struct files_done *done;
    struct kt_map *seen[2]; /* prints of the last look and of this one */
    struct objects todo;    /* whole, to be read */
    struct objects read;    /* read, records of them still wait for a partner */
    size_t next;            /* of todo */
    struct kt_file *f;      /* of todo.at[next] while it is read */
    struct unpack *unpack;
    uint64_t offset, fed, bytes, files, broken;
    kt_time_ns now, next_look, said;
    bool whole;      /* the last byte fed ended a line */
    bool blind;      /* a folder could not be read at this look */
    size_t inflated; /* by this piece */
    char problem[200], last[200];
    char room[ROOM];
};

static void say(struct kt_input *in, const char *path, const char *what)
{
    (void)snprintf(in->problem, sizeof in->problem, "'%.80s': %.110s", path, what);
    in->said = in->now;
}

/* ---- life ---- */

struct loading {
    struct kt_input *in;
};

static void load_position(void *to, struct kt_str key, struct kt_str value)
{
    struct loading *l = to;
    files_done_load(l->in->done, key, value, l->in->now);
}

static bool is_folder(const struct kt_fs *fs, const char *path)
{
    struct kt_stat st;
    return fs->stat(fs->self, path, &st, NULL) == KT_OK && st.is_dir;
}

static enum kt_status open_files(const struct kt_input_env *env, struct kt_input **ret,
                                 struct kt_error *err)
{
    struct options o = { .poll = KT_NS_S };

    if (env->yaml != NULL && env->conf->node != NULL &&
        kt_options_fill(env->yaml, env->conf->node, options, &o, err) != KT_OK)
        return kt_wrap(err, "files");
    if (env->conf->path == NULL || env->conf->path[0] == '\0' || o.poll <= 0)
        return kt_fail(err, KT_E_CONFIG,
                       "files: path must name a folder or a pattern, and poll must be over 0");
    struct kt_input *in = kt_alloc(sizeof *in);
    in->env = *env;
    in->o = o;
    in->watch = kt_watch_new(&env->fs);
    in->pipeline = env->pipeline(env->self);
    in->done = files_done_new();
    in->whole = true;
    in->seen[0] = kt_map_new(0);
    in->seen[1] = kt_map_new(0);
    kt_pipeline_restart(in->pipeline, 0);
    *ret = in;
    return KT_OK;
}

static void objects_drop(struct objects *o, size_t n)
{
    for (size_t i = 0; i < n; i++)
        kt_free(o->at[i].path);
    o->n -= n;
    if (o->n > 0)
        memmove(o->at, o->at + n, o->n * sizeof *o->at);
}

static void close_files(struct kt_input *in)
{
    if (in == NULL)
        return;
    if (in->f != NULL)
        in->env.fs.close(in->f);
    unpack_free(in->unpack);
    objects_drop(&in->todo, in->todo.n);
    objects_drop(&in->read, in->read.n);
    kt_free(in->todo.at);
    kt_free(in->read.at);
    files_done_free(in->done);
    kt_map_free(in->seen[0]);
    kt_map_free(in->seen[1]);
    kt_watch_free(in->watch);
    kt_pipeline_free(in->pipeline);
    kt_free(in->pattern);
    kt_free(in);
}

/* ---- looking ---- */

static struct kt_str name_of(struct kt_str path)
{
    return kt_str_from_index(path, (size_t)(kt_str_rfind_byte(path, '/') + 1));
}

static bool excluded(const struct kt_input *in, struct kt_str path)
{
    struct kt_str name = name_of(path);

    if (kt_str_starts(name, KT_STR(".")) || kt_str_ends(name, KT_STR(".tmp")) ||
        kt_str_ends(name, KT_STR(".part")))
        return true;
    for (unsigned i = 0; i < in->env.conf->exclude.n; i++)
        if (kt_str_glob(kt_str_of(in->env.conf->exclude.at[i]), path))
            return true;
    return false;
}

static bool is_queued(const struct objects *o, const struct files_print *p)
{
    for (size_t i = 0; i < o->n; i++)
        if (memcmp(o->at[i].print.at, p->at, sizeof p->at) == 0)
            return true;
    return false;
}

static struct object *objects_add(struct objects *o)
{
    if (o->n == o->cap) {
        o->cap = o->cap == 0 ? 64 : 2 * o->cap;
        o->at = kt_realloc_array(o->at, o->cap, sizeof *o->at);
    }
    o->at[o->n] = (struct object){ 0 };
    return &o->at[o->n++];
}

static void found(void *self, const char *path, const struct kt_stat *st)
{
    struct kt_input *in = self;

    if (excluded(in, kt_str_of(path)))
        return;
    if (!st->is_file) { /* to open some devices does something already */
        say(in, path, NO_FILE);
        return;
    }
    struct files_print p = files_print(path, st);
    struct kt_str print = kt_str_from(p.at, sizeof p.at);
    if (files_done_has(in->done, &p, in->now))
        return;
    (void)kt_map_put(in->seen[1], print, NULL);
    /* Whole: old enough, or the same as at the last look. */
    bool settled = in->now - st->mtime >= SETTLED;
    if (!settled && kt_map_get(in->seen[0], print) == KT_MAP_NONE)
        return;
    if (is_queued(&in->read, &p))
        return;
    struct object *o = objects_add(&in->todo);
    o->path = kt_strdup(path);
    o->print = p;
    o->size = st->size;
    kt_watch_folder_of(in->watch, path);
}

static void not_found(void *self, const struct kt_error *why)
{
    struct kt_input *in = self;

    in->blind = true;
    say(in, in->env.conf->path, why->text);
}

/* Only while nothing is being read: the list of what is to be read is then empty. */
static enum kt_status look(struct kt_input *in, struct kt_error *err)
{
    const struct kt_walk w = { &in->env.fs, found, not_found, in };
    struct kt_map *old = in->seen[0];

    if (in->now - in->said >= SHOWN_NS)
        in->problem[0] = '\0';
    kt_free(in->pattern);
    struct kt_buf pattern = { 0 };
    kt_buf_addf(&pattern, "%s%s", in->env.conf->path,
                is_folder(&in->env.fs, in->env.conf->path) ? "/**" : "");
    (void)kt_buf_z(&pattern);
    in->pattern = pattern.at;

    in->seen[0] = in->seen[1];
    in->seen[1] = old;
    kt_map_reset(old);
    in->blind = false;
    kt_watch_folder_of(in->watch, in->pattern);
    enum kt_status st = kt_walk(&w, in->pattern, err);
    if (st == KT_E_LIMIT) {
        say(in, in->env.conf->path, err->text);
        return KT_OK;
    }
    if (st == KT_OK && !in->blind)
        files_done_prune(in->done, in->now - FORGET_NS);
    return st;
}

/* ---- reading ---- */

static enum kt_status feed(void *self, struct kt_str piece, struct kt_error *err)
{
    struct kt_input *in = self;
    const struct object *o = &in->todo.at[in->next];

    enum kt_status st =
        kt_pipeline_feed(in->pipeline, piece, in->fed, kt_str_of(o->path), in->now, err);
    in->fed += piece.len;
    in->inflated += piece.len;
    in->whole = piece.len > 0 ? piece.at[piece.len - 1] == '\n' : in->whole;
    return st;
}

static bool start_object(struct kt_input *in)
{
    const struct object *o = &in->todo.at[in->next];
    struct kt_error why = { 0 };
    struct kt_stat st;

    enum kt_status got = in->env.fs.open(in->env.fs.self, o->path, KT_OPEN_READ, &in->f, &why);
    if (got != KT_OK) {
        in->f = NULL;
        say(in, o->path, why.text);
        return false;
    }
    got = in->env.fs.fstat(in->f, &st, &why);
    if (got != KT_OK || !st.is_file) { /* put there since the look; a device has no end */
        in->env.fs.close(in->f);
        in->f = NULL;
        say(in, o->path, got != KT_OK ? why.text : NO_FILE);
        return false;
    }
    in->unpack = unpack_new();
    in->offset = 0;
    return true;
}

/* A last line without its end gets one; the pipeline goes on, since a request here may have its
 * response in the next object. */
static enum kt_status end_records(struct kt_input *in, const char *path, struct kt_error *err)
{
    if (in->env.source->split != KT_SPLIT_LINES)
        return kt_pipeline_end(in->pipeline, in->now, err);
    if (in->whole)
        return KT_OK;
    in->whole = true;
    return kt_pipeline_feed(in->pipeline, KT_STR("\n"), in->fed++, kt_str_of(path), in->now, err);
}

/* The object is read, whole or as far as it could be. */
static enum kt_status end_object(struct kt_input *in, const struct kt_error *broken,
                                 struct kt_error *err)
{
    struct object *o = &in->todo.at[in->next++];

    in->env.fs.close(in->f);
    in->f = NULL;
    unpack_free(in->unpack);
    in->unpack = NULL;
    in->files++;
    kt_str_copyz(in->last, sizeof in->last, kt_str_of(o->path));
    if (broken != NULL) {
        in->broken++;
        KT_CLEANUP(kt_buf_done) struct kt_buf what = { 0 };
        kt_buf_addf(&what, "broken at byte %llu (%s); the rest was taken, bring it again whole",
                    (unsigned long long)in->offset, broken->text);
        say(in, o->path, kt_buf_z(&what));
    }
    if (end_records(in, o->path, err) != KT_OK)
        return kt_wrap(err, "'%s'", o->path);
    struct object *r = objects_add(&in->read);
    *r = *o;
    r->end = in->fed;
    o->path = NULL;
    return KT_OK;
}

/* Reads one piece of the object. */
static enum kt_status read_piece(struct kt_input *in, struct kt_error *err)
{
    struct kt_error why = { 0 };
    size_t n = 0;

    in->inflated = 0;
    enum kt_status st = in->env.fs.read_at(in->f, in->offset, in->room, sizeof in->room, &n, &why);
    if (st != KT_OK)
        return end_object(in, &why, err);
    if (n == 0) {
        st = unpack_end(in->unpack, &why);
        return end_object(in, st != KT_OK ? &why : NULL, err);
    }
    in->offset += n;
    in->bytes += n;
    st = unpack_feed(in->unpack, kt_str_from(in->room, n), feed, in, &why);
    if (st == KT_E_INPUT)
        return end_object(in, &why, err);
    if (st != KT_OK)
        return kt_fail(err, st, "'%s': %s", in->todo.at[in->next].path, why.text);
    return KT_OK;
}

/* Notes objects whose every line was given out. Where one has a request that waits for its response
 * in the next, both are done together: the next one alone would give another event. */
static void settle(struct kt_input *in)
{
    uint64_t low = kt_pipeline_low_water(in->pipeline);

    if (in->read.n == 0 || in->f != NULL || in->read.at[in->read.n - 1].end > low)
        return;
    for (size_t i = 0; i < in->read.n; i++)
        if (!files_done_add(in->done, &in->read.at[i].print, in->now))
            say(in, in->read.at[i].path,
                "too many objects to remember: move the ones worked off out of the folder");
    objects_drop(&in->read, in->read.n);
}

static enum kt_status read_some(struct kt_input *in, size_t budget, struct kt_error *err)
{
    while (budget > 0 && in->next < in->todo.n) {
        if (in->f == NULL && !start_object(in)) {
            in->next++; /* the next look finds it again */
            continue;
        }
        if (read_piece(in, err) != KT_OK)
            return kt_wrap(err, "files");
        settle(in);
        size_t cost = in->inflated > 1024 ? in->inflated : 1024;
        budget -= cost < budget ? cost : budget;
    }
    if (in->next > 0 && in->next == in->todo.n) {
        objects_drop(&in->todo, in->todo.n);
        in->next = 0;
    }
    return KT_OK;
}

static enum kt_status step(struct kt_input *in, kt_time_ns now, size_t budget, bool *ret_more,
                           struct kt_error *err)
{
    bool bytes = false, names = false, first = in->now == 0;

    in->now = now;
    if (first) { /* what was done before, now that the time is known */
        struct loading l = { in };
        in->env.each_position(in->env.self, load_position, &l);
    }
    kt_watch_take(in->watch, &bytes, &names);
    bool due = first || names || now >= in->next_look || now + in->o.poll < in->next_look;
    if (in->todo.n == 0 && due && files_done_count(in->done) < FILES_DONE_MAX) {
        if (look(in, err) != KT_OK)
            return kt_wrap(err, "files '%s'", in->env.conf->path);
        in->next_look = now + in->o.poll;
    }
    enum kt_status st = read_some(in, budget, err);
    if (st == KT_OK)
        st = kt_pipeline_expire(in->pipeline, now, false, err);
    settle(in);
    *ret_more = in->todo.n > 0;
    return st;
}

/* ---- telling ---- */

static void positions(struct kt_input *in, bool changed_only,
                      void (*each)(void *self, struct kt_str key, struct kt_str value), void *self)
{
    files_done_positions(in->done, changed_only, each, self);
}

static int fd(struct kt_input *in)
{
    return kt_watch_fd(in->watch);
}

static void status(struct kt_input *in, struct kt_input_status *ret)
{
    *ret = (struct kt_input_status){ .bytes = in->bytes, .files = in->files, .broken = in->broken };
    for (size_t i = in->next; i < in->todo.n; i++)
        ret->lag_bytes += in->todo.at[i].size;
    if (in->f != NULL)
        ret->lag_bytes -= in->offset < ret->lag_bytes ? in->offset : ret->lag_bytes;
    kt_str_copyz(ret->position, sizeof ret->position, kt_str_of(in->last));
    kt_str_copyz(ret->problem, sizeof ret->problem, kt_str_of(in->problem));
}

static void counts(struct kt_input *in, struct kt_pipeline_counts *ret)
{
    *ret = (struct kt_pipeline_counts){ 0 };
    kt_counts_add(ret, kt_pipeline_counts(in->pipeline));
}

const struct kt_input_type kt_input_files = {
    .name = "files",
    .summary = "Objects in a folder, plain, gzip or Avro, each read once",
    .options = options,
    .open = open_files,
    .step = step,
    .positions = positions,
    .fd = fd,
    .status = status,
    .counts = counts,
    .close = close_files,
};
