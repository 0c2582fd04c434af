/*
 * tail: follows log files as they grow and rotate.
 *
 * Owns:  the streams (tail_stream.c) behind one configured path or pattern, when they are looked
 * at. Calls: core, the pipelines it is given. Time comes in with each step.
 */
#include "agents/input.h"
#include "agents/inputs/counts.h"
#include "agents/inputs/tail_stream.h"
#include "agents/inputs/walk.h"
#include "agents/inputs/watch.h"
#include "core/base/alloc.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ROOM        (128u << 10)
#define STREAMS_MAX 1024u
#define FORGET_NS   (25 * KT_NS_HOUR) /* a stream whose file is gone for longer */
#define READ_MAX    32u               /* files read to their end that a pattern may find again */

struct options {
    kt_time_ns poll;
    const char *olddir;
};
#define AT(field) offsetof(struct options, field)
static const struct kt_option options[] = {
    /* beside the keys of every source entry */
    { "poll", KT_OPT_DURATION, "1s", AT(poll),
      "How often files are looked at where the kernel does not tell.", false, false },
    { "olddir", KT_OPT_PATH, "", AT(olddir),
      "Folder that rotation moves or copies files to; default: that of the log.", false, false },
    KT_OPTIONS_END,
};
#undef AT

struct kt_input {
    struct kt_input_env env;
    struct options o;
    struct kt_watch *watch;
    struct tail_stream **streams;
    unsigned n, cap, turn; /* turn: whose turn it is to read first */
    kt_time_ns now, next_look, next_read;
    struct tail_place read[READ_MAX]; /* files left behind, by turns */
    unsigned n_read;
    struct kt_input_status past; /* sums of forgotten streams */
    struct kt_pipeline_counts past_counts;
    char **forgotten; /* keys whose positions are to be dropped */
    unsigned n_forgotten;
    bool looked;
    char problem[200];
    char room[ROOM];
};

static enum kt_status open_tail(const struct kt_input_env *env, struct kt_input **ret,
                                struct kt_error *err)
{
    struct options o = { .poll = KT_NS_S };

    if (env->yaml != NULL && env->conf->node != NULL &&
        kt_options_fill(env->yaml, env->conf->node, options, &o, err) != KT_OK)
        return kt_wrap(err, "tail");
    if (env->conf->path == NULL || env->conf->path[0] == '\0' || o.poll <= 0)
        return kt_fail(err, KT_E_CONFIG, "tail: path must name a file, and poll must be over 0");
    struct kt_input *in = kt_alloc(sizeof *in);
    in->env = *env;
    in->o = o;
    in->watch = kt_watch_new(&env->fs);
    *ret = in;
    return KT_OK;
}

/* ---- finding files ---- */

static bool excluded(const struct kt_input *in, struct kt_str path)
{
    for (unsigned i = 0; i < in->env.conf->exclude.n; i++)
        if (kt_str_glob(kt_str_of(in->env.conf->exclude.at[i]), path))
            return true;
    return kt_walk_is_packed(path);
}

/* A file that some stream has, or had until its end, is that stream's and no new one. */
static bool is_known(const struct kt_input *in, const char *path, const struct kt_stat *st)
{
    for (unsigned i = 0; i < in->n; i++)
        if (strcmp(in->streams[i]->path, path) == 0 ||
            tail_stream_has(in->streams[i], st->dev, st->ino))
            return true;
    for (unsigned i = 0; i < in->n_read && i < READ_MAX; i++)
        if (in->read[i].dev == st->dev && in->read[i].ino == st->ino &&
            in->read[i].offset == st->size)
            return true;
    return false;
}

static void add_stream(struct kt_input *in, const char *path)
{
    if (in->n >= STREAMS_MAX) {
        (void)snprintf(in->problem, sizeof in->problem,
                       "more than %u files match '%.100s': narrow the pattern", STREAMS_MAX,
                       in->env.conf->path);
        return;
    }
    if (in->n == in->cap) {
        in->cap = in->cap == 0 ? 4 : 2 * in->cap;
        in->streams = kt_realloc_array(in->streams, in->cap, sizeof(struct tail_stream *));
    }
    struct kt_str place = in->env.position(in->env.self, kt_str_of(path));
    in->streams[in->n++] = tail_stream_new(&in->env, path, in->o.olddir, place, in->now);
    kt_watch_folder_of(in->watch, path);
}

static void found(void *self, const char *path, const struct kt_stat *st)
{
    struct kt_input *in = self;

    if (!excluded(in, kt_str_of(path)) && !is_known(in, path, st))
        add_stream(in, path);
}

/* A log that was read before goes on even if nothing is at its path just now: what was rotated away
 * still holds lines. */
static void known_before(void *to, struct kt_str key, struct kt_str value)
{
    struct kt_input *in = to;
    KT_CLEANUP(kt_free_ptr) char *path = kt_str_dup(key);

    (void)value;
    if (kt_str_glob(kt_str_of(in->env.conf->path), key) && !excluded(in, key))
        add_stream(in, path);
}

static void not_found(void *self, const struct kt_error *why)
{
    struct kt_input *in = self;
    if (in->n == 0)
        (void)snprintf(in->problem, sizeof in->problem, "nothing to read: %.160s", why->text);
}

/* A stream whose path has had no file for a day: its sums stay, its position goes. */
static void forget(struct kt_input *in, unsigned i)
{
    struct tail_stream *s = in->streams[i];
    const struct kt_pipeline_counts *c = kt_pipeline_counts(s->pipeline);

    in->past.bytes += s->bytes;
    in->past.rotations += s->rotations;
    in->past.truncations += s->truncations;
    in->past.gone += s->gone;
    in->past.emptied += s->emptied;
    in->past.lost += s->lost;
    kt_counts_add(&in->past_counts, c);
    in->forgotten = kt_realloc_array(in->forgotten, in->n_forgotten + 1, sizeof *in->forgotten);
    in->forgotten[in->n_forgotten++] = kt_strdup(s->path);
    tail_stream_free(s);
    in->n--;
    memmove(in->streams + i, in->streams + i + 1, (in->n - i) * sizeof *in->streams);
}

static enum kt_status look(struct kt_input *in, struct kt_error *err)
{
    const struct kt_walk w = { &in->env.fs, found, not_found, in };

    in->problem[0] = '\0';
    if (!in->looked)
        in->env.each_position(in->env.self, known_before, in);
    in->looked = true;
    for (unsigned i = in->n; i-- > 0;) {
        struct tail_stream *s = in->streams[i];
        tail_stream_look(s, in->now);
        if (in->n > 1 && s->missing != 0 && in->now - s->missing > FORGET_NS)
            forget(in, i);
    }
    kt_watch_folder_of(in->watch, in->env.conf->path);
    enum kt_status st = kt_walk(&w, in->env.conf->path, err);
    if (st == KT_E_LIMIT) {
        (void)snprintf(in->problem, sizeof in->problem, "%.190s", err->text);
        return KT_OK;
    }
    return st;
}

/* ---- steps ---- */

/* Remembers the file that a stream leaves, so that its rotated name is no new log to a pattern. */
static void note_left(struct kt_input *in, const struct tail_file *t)
{
    in->read[in->n_read % READ_MAX] = t->at;
    in->n_read = in->n_read + 1 < 2 * READ_MAX ? in->n_read + 1 : READ_MAX;
}

static enum kt_status read_all(struct kt_input *in, size_t budget, bool *ret_more,
                               struct kt_error *err)
{
    for (unsigned k = 0; k < in->n; k++) {
        struct tail_stream *s = in->streams[(in->turn + k) % in->n];
        bool more = false;
        struct tail_file before = s->n > 0 ? s->files[s->at] : (struct tail_file){ 0 };
        enum kt_status st =
            tail_stream_read(s, in->now, in->room, sizeof in->room, &budget, &more, err);
        if (st != KT_OK)
            return st;
        if (before.f != NULL && s->files[s->at].f != before.f)
            note_left(in, &before);
        *ret_more = *ret_more || more;
    }
    in->turn = in->n > 0 ? (in->turn + 1) % in->n : 0;
    return KT_OK;
}

static enum kt_status step(struct kt_input *in, kt_time_ns now, size_t budget, bool *ret_more,
                           struct kt_error *err)
{
    bool bytes = false, names = false;

    in->now = now;
    *ret_more = false;
    kt_watch_take(in->watch, &bytes, &names);
    if (names || now >= in->next_look || now + in->o.poll < in->next_look) {
        if (look(in, err) != KT_OK)
            return kt_wrap(err, "tail '%s'", in->env.conf->path);
        in->next_look = now + in->o.poll;
        bytes = true;
    }
    if (budget == 0 || (!bytes && now < in->next_read))
        return KT_OK;
    if (read_all(in, budget, ret_more, err) != KT_OK)
        return kt_wrap(err, "tail");
    in->next_read = *ret_more || in->watch == NULL ? now : in->next_look;
    return KT_OK;
}

/* ---- telling ---- */

static void positions(struct kt_input *in, bool changed_only,
                      void (*each)(void *self, struct kt_str key, struct kt_str value), void *self)
{
    for (unsigned i = 0; i < in->n; i++) {
        struct tail_stream *s = in->streams[i];
        char now[TAIL_PLACE_TEXT];
        if (!tail_stream_place(s, now) || (changed_only && strcmp(now, s->told) == 0))
            continue;
        each(self, kt_str_of(s->path), kt_str_of(now));
        kt_str_copyz(s->told, sizeof s->told, kt_str_of(now));
    }
    for (unsigned i = 0; i < in->n_forgotten; i++) {
        each(self, kt_str_of(in->forgotten[i]), KT_STR_NONE);
        kt_free(in->forgotten[i]);
    }
    in->n_forgotten = 0;
}

static int fd(struct kt_input *in)
{
    return kt_watch_fd(in->watch);
}

static void status(struct kt_input *in, struct kt_input_status *ret)
{
    *ret = in->past;
    kt_str_copyz(ret->problem, sizeof ret->problem, kt_str_of(in->problem));
    for (unsigned i = 0; i < in->n; i++) {
        const struct tail_stream *s = in->streams[i];
        ret->bytes += s->bytes;
        ret->rotations += s->rotations;
        ret->truncations += s->truncations;
        ret->gone += s->gone;
        ret->emptied += s->emptied;
        ret->lost += s->lost;
        ret->files++;
        ret->lag_bytes += tail_stream_lag(s);
        if (s->problem[0] != '\0' && ret->problem[0] == '\0')
            (void)snprintf(ret->problem, sizeof ret->problem, "'%.60s': %.130s", s->path,
                           s->problem);
    }
    if (in->n > 0 && in->streams[0]->n > 0) {
        const struct tail_stream *s = in->streams[0];
        (void)snprintf(ret->position, sizeof ret->position, "%.150s:%llu", s->path,
                       (unsigned long long)s->files[s->at].at.offset);
    }
}

static void counts(struct kt_input *in, struct kt_pipeline_counts *ret)
{
    *ret = in->past_counts;
    for (unsigned i = 0; i < in->n; i++)
        kt_counts_add(ret, kt_pipeline_counts(in->streams[i]->pipeline));
}

static void close_tail(struct kt_input *in)
{
    if (in == NULL)
        return;
    for (unsigned i = 0; i < in->n; i++)
        tail_stream_free(in->streams[i]);
    for (unsigned i = 0; i < in->n_forgotten; i++)
        kt_free(in->forgotten[i]);
    kt_watch_free(in->watch);
    kt_free(in->streams);
    kt_free(in->forgotten);
    kt_free(in);
}

const struct kt_input_type kt_input_tail = {
    .name = "tail",
    .summary = "Log files, followed as they grow and rotate",
    .options = options,
    .open = open_tail,
    .step = step,
    .positions = positions,
    .fd = fd,
    .status = status,
    .counts = counts,
    .close = close_tail,
};
