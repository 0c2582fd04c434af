/*
 * import: files or a feed, decoded with the agents' own decoders, into a store. Offline through the
 * writer's own door, or handed to a running collector (--server).
 *
 * Owns:  pipelines and the batch of lines that is not stored yet.
 * Calls: agents (pipeline), collector (ingest, control), core.
 * Holds: read = stored + duplicate + skipped + quarantined; every raw record is in exactly one of
 * them.
 */
#include "cli/import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/inputs/unpack.h"
#include "agents/pipeline.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/rotated.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/config/tree.h"
#include "core/event/line.h"
#include "core/sys/clock.h"
#include "core/sys/fs.h"

#define BATCH_LINES   KT_BATCH_EVENTS_BEHIND
#define BATCH_BYTES   KT_BATCH_BYTES_BEHIND
#define STREAMS_MAX   4096u /* (source, instance) pairs of one feed */
#define FEED_LINE_MAX (4u * KT_RECORD_MAX)
#define READ_BYTES    (256u << 10)
#define FOLDERS_DEEP  64u
#define SAID_MAX      4096u
#define CLUSTER_MAX   256u

struct stream { /* one source instance */
    struct import *im;
    struct kt_pipeline *pipeline;
    uint32_t number; /* in names */
};

struct import {
    struct kt_import_options o;
    struct kt_import_sink sink;
    struct kt_import_counts counts;
    struct kt_map *names; /* "source\ninstance\ncluster" -> number in streams */
    struct stream **streams;
    uint32_t n_streams;
    struct kt_json *json, *inner; /* of feed lines; of a record in one */
    enum kt_origin origin;
    kt_time_ns now;
    bool said_early;
    struct kt_map *said; /* findings, each once: an import reads months, and says some hourly */
    uint32_t times[SAID_MAX];
    uint64_t feed_lines;
    /* lines not stored yet */
    struct kt_buf lines;
    size_t start[BATCH_LINES + 1];
    kt_time_ns arrival[BATCH_LINES];
    uint8_t kind[BATCH_LINES];
    uint32_t n;
};

static enum kt_status flush(struct import *im, struct kt_error *err)
{
    if (im->n == 0)
        return KT_OK;
    static struct kt_ingest_line lines[BATCH_LINES];
    static uint8_t fate[BATCH_LINES];
    uint64_t early = 0;
    for (uint32_t i = 0; i < im->n; i++) {
        early += im->arrival[i] > im->now + KT_NS_HOUR;
        lines[i].line = kt_str_from(im->lines.at + im->start[i], im->start[i + 1] - im->start[i]);
        lines[i].arrival = im->arrival[i];
    }
    if (early > 0 && !im->said_early) {
        im->said_early = true;
        fprintf(stderr,
                "keytrail import: %llu records say that they were received in the future, "
                "the clock of whoever took them was wrong: they are taken as received now\n",
                (unsigned long long)early);
    }
    if (im->sink.store(im->sink.self, im->origin, lines, im->n, fate, err) != KT_OK)
        return err->code;
    for (uint32_t i = 0; i < im->n; i++) {
        bool duplicate = fate[i] == KT_FATE_DUPLICATE;
        im->counts.conflicts += fate[i] == KT_FATE_CONFLICT;
        if (kt_kind_of_source(im->kind[i]))
            *(duplicate ? &im->counts.duplicate : &im->counts.stored) += 1;
        else if (im->kind[i] == KT_KIND_QUARANTINE)
            *(duplicate ? &im->counts.duplicate : &im->counts.quarantined) += 1;
    }
    im->n = 0;
    kt_buf_reset(&im->lines);
    return KT_OK;
}

static enum kt_status add_line(struct import *im, struct kt_str line, enum kt_kind kind,
                               kt_time_ns arrival, struct kt_error *err)
{
    im->start[im->n] = im->lines.len;
    kt_buf_add(&im->lines, line);
    im->start[im->n + 1] = im->lines.len;
    im->arrival[im->n] = arrival;
    im->kind[im->n] = (uint8_t)kind;
    im->n++;
    return im->n == BATCH_LINES || im->lines.len >= BATCH_BYTES ? flush(im, err) : KT_OK;
}

static enum kt_status on_line(void *self, const struct kt_line_out *l, struct kt_error *err)
{
    struct stream *s = self;
    return add_line(s->im, l->line, l->event->kind, l->arrival, err);
}

static void on_finding(void *self, const char *code, const char *sentence)
{
    struct stream *s = self;
    struct import *im = s->im;
    KT_CLEANUP(kt_buf_done) struct kt_buf what = { 0 };
    struct kt_str rest = kt_map_key(im->names, s->number), instance;
    (void)kt_str_split(&rest, '\n', &instance); /* the source */
    (void)kt_str_split(&rest, '\n', &instance);
    kt_buf_addf(&what, "%s: " KT_STR_FMT ": %s", code, KT_STR_ARG(instance), sentence);
    bool fresh = true;
    uint32_t i = kt_map_get(im->said, kt_buf_str(&what));
    if (i == KT_MAP_NONE && kt_map_count(im->said) < SAID_MAX)
        i = kt_map_put(im->said, kt_buf_str(&what), &fresh);
    if (i != KT_MAP_NONE && im->times[i]++ > 0)
        return;
    if (!im->o.quiet)
        fprintf(stderr, "keytrail import: %s\n", kt_buf_z(&what));
}

static void say_how_often(const struct import *im)
{
    for (uint32_t i = 0; !im->o.quiet && i < kt_map_count(im->said); i++) {
        struct kt_str what = kt_map_key(im->said, i);
        if (im->times[i] > 1)
            fprintf(stderr, "keytrail import: %u times: " KT_STR_FMT "\n", im->times[i],
                    KT_STR_ARG(what));
    }
}

static const struct kt_source *source_of(const struct import *im, struct kt_str type)
{
    const struct kt_source *described = im->o.described;
    return described != NULL && kt_str_is(type, described->name) ? described : kt_source_find(type);
}

static enum kt_status stream_of(struct import *im, struct kt_str type, struct kt_str instance,
                                struct kt_str cluster, struct stream **ret, struct kt_error *err)
{
    const struct kt_source *source = source_of(im, type);
    if (source == NULL)
        return kt_fail(err, KT_E_INPUT, "unknown source type '" KT_STR_FMT "'; there are: %s",
                       KT_STR_ARG(type), kt_import_source_names());
    struct kt_buf key = { 0 };
    kt_buf_add(&key, type);
    kt_buf_byte(&key, '\n');
    kt_buf_add(&key, instance);
    kt_buf_byte(&key, '\n');
    kt_buf_add(&key, cluster);
    bool fresh;
    uint32_t i = kt_map_put(im->names, kt_buf_str(&key), &fresh);
    kt_buf_done(&key);
    if (!fresh) {
        *ret = im->streams[i];
        return KT_OK;
    }
    if (i >= STREAMS_MAX)
        return kt_fail(err, KT_E_LIMIT, "more than %u source instances in one feed", STREAMS_MAX);
    struct stream *s = kt_alloc(sizeof *s);
    s->im = im;
    s->number = i;
    struct kt_pipeline_options po = { .source = source,
                                      .instance = instance,
                                      .cluster = cluster.len > 0 ? cluster : instance,
                                      .line = on_line,
                                      .finding = on_finding,
                                      .self = s };
    s->pipeline = kt_pipeline_new(&po);
    im->streams = kt_realloc_array(im->streams, i + 1, sizeof(struct stream *));
    im->streams[im->n_streams++] = s;
    *ret = s;
    return KT_OK;
}

const char *kt_import_source_names(void)
{
    static char names[256];
    if (names[0] == 0) {
        size_t n = 0;
        for (unsigned i = 0; kt_sources[i] != NULL && n < sizeof names; i++)
            n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i > 0 ? " " : "",
                                  kt_sources[i]->name);
    }
    return names;
}

/* ---- files ---- */

struct reading { /* one file on its way through gunzip */
    struct import *im;
    struct stream *stream;
    const char *path;
    uint64_t pos;
    struct kt_buf line; /* a cut line of a feed */
    bool skip_line;     /* the rest of an over-long feed line */
};

static enum kt_status feed_line(struct import *im, struct kt_str line, const char *path,
                                struct kt_error *err);
static enum kt_status quarantine_line(struct import *im, struct kt_str line, const char *path,
                                      const char *reason, struct kt_error *err);

static enum kt_status source_piece(void *self, struct kt_str piece, struct kt_error *err)
{
    struct reading *r = self;
    enum kt_status st =
        kt_pipeline_feed(r->stream->pipeline, piece, r->pos, kt_str_of(r->path), r->im->now, err);
    r->pos += piece.len;
    return st;
}

/* The last one of a file may have no newline. */
static enum kt_status end_of_line(struct reading *r, struct kt_error *err)
{
    struct kt_str whole = kt_buf_str(&r->line);
    enum kt_status st = KT_OK;
    r->im->feed_lines++;
    if (r->skip_line)
        st = quarantine_line(r->im, whole, r->path, "line over 4 MiB", err);
    else if (kt_str_trim(whole).len > 0)
        st = feed_line(r->im, whole, r->path, err);
    r->skip_line = false;
    kt_buf_reset(&r->line);
    return st;
}

static enum kt_status feed_piece(void *self, struct kt_str piece, struct kt_error *err)
{
    struct reading *r = self;
    while (piece.len > 0) {
        ptrdiff_t nl = kt_str_find_byte(piece, '\n', 0);
        struct kt_str part = nl < 0 ? piece : kt_str_sub(piece, 0, (size_t)nl);
        if (r->line.len + part.len > FEED_LINE_MAX)
            r->skip_line = true;
        if (!r->skip_line)
            kt_buf_add(&r->line, part);
        if (nl < 0)
            return KT_OK;
        if (end_of_line(r, err) != KT_OK)
            return err->code;
        piece = kt_str_from_index(piece, (size_t)nl + 1);
    }
    return KT_OK;
}

static void close_file(FILE **f)
{
    if (*f != NULL && *f != stdin)
        fclose(*f);
}

/* Reads path ("-" = stdin), unpacked, into piece(). */
static enum kt_status pump(const char *path,
                           enum kt_status (*piece)(void *, struct kt_str, struct kt_error *),
                           struct reading *r, struct kt_error *err)
{
    KT_CLEANUP(close_file) FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
    if (f == NULL && errno == ENOENT)
        return kt_fail(err, KT_E_INPUT, "there is no '%s'", path);
    if (f == NULL)
        return kt_fail_errno(err, "open '%s'", path);
    struct unpack *unpack = unpack_new();
    char *buf = kt_alloc(READ_BYTES);
    enum kt_status st = KT_OK;
    size_t n;
    while (st == KT_OK && (n = fread(buf, 1, READ_BYTES, f)) > 0)
        st = unpack_feed(unpack, kt_str_from(buf, n), piece, r, err);
    if (st == KT_OK && ferror(f))
        st = kt_fail_errno(err, "read '%s'", path);
    if (st == KT_OK)
        st = unpack_end(unpack, err);
    if (st == KT_E_INPUT) /* a broken one costs only its own rest */ {
        fprintf(stderr, "keytrail import: %s: %s; what came before it was read\n", path, err->text);
        r->im->counts.broken_files++;
        st = KT_OK;
    }
    kt_free(buf);
    unpack_free(unpack);
    return st;
}

static enum kt_status import_file(struct import *im, const char *path, struct kt_error *err)
{
    struct reading r = { .im = im, .path = path };
    im->counts.files++;
    if (stream_of(im, kt_str_of(im->o.source), kt_str_of(im->o.instance), kt_str_of(im->o.cluster),
                  &r.stream, err) != KT_OK)
        return err->code;
    kt_pipeline_restart(r.stream->pipeline, 0);
    if (pump(path, source_piece, &r, err) != KT_OK)
        return err->code;
    return kt_pipeline_end(r.stream->pipeline, im->now, err);
}

static enum kt_status import_path(struct import *im, const char *path, unsigned depth,
                                  struct kt_error *err);

struct folder {
    struct import *im;
    char **names;
    size_t n;
};

static void folder_entry(void *arg, const char *name)
{
    struct folder *f = arg;
    if (name[0] == '.')
        return;
    f->names = kt_realloc_array(f->names, f->n + 1, sizeof(char *));
    f->names[f->n++] = kt_strdup(name);
}

/* What cannot be read inside a folder costs only itself; the exit code says that it happened. */
static void leave_out(struct import *im, const char *path, const char *why)
{
    im->counts.broken_files++;
    fprintf(stderr, "keytrail import: '%s' is left out: %s\n", path, why);
}

/* Is this entry of a folder something to read? A link to a folder is not followed: it may lead
 * round in a circle. */
static bool wanted(struct import *im, const char *path)
{
    struct stat link, sb;
    if (lstat(path, &link) != 0 || stat(path, &sb) != 0) {
        leave_out(im, path, strerror(errno));
        return false;
    }
    if (S_ISREG(sb.st_mode) || (S_ISDIR(sb.st_mode) && !S_ISLNK(link.st_mode)))
        return true;
    leave_out(im, path,
              S_ISDIR(sb.st_mode) ? "a link to a folder; name that folder"
                                  : "no file and no folder");
    return false;
}

static enum kt_status import_folder(struct import *im, const char *path, unsigned depth,
                                    struct kt_error *err)
{
    struct folder f = { .im = im };
    struct kt_error why = { 0 };
    enum kt_status st = kt_fs_real.list(kt_fs_real.self, path, folder_entry, &f, &why);
    if (st != KT_OK && depth > 0) {
        leave_out(im, path, why.text);
        st = KT_OK;
    } else if (st != KT_OK) {
        st = kt_fail(err, why.code, "%s", why.text);
    }
    if (f.n > 1)
        qsort(f.names, f.n, sizeof *f.names, kt_rotated_order);
    for (size_t i = 0; i < f.n; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf sub = { 0 };
        kt_buf_addf(&sub, "%s/%s", path, f.names[i]);
        if (st == KT_OK && wanted(im, kt_buf_z(&sub)))
            st = import_path(im, kt_buf_z(&sub), depth + 1, err);
        kt_free(f.names[i]);
    }
    kt_free(f.names);
    return st;
}

static enum kt_status import_path(struct import *im, const char *path, unsigned depth,
                                  struct kt_error *err)
{
    struct stat sb;
    if (strcmp(path, "-") != 0 && stat(path, &sb) != 0)
        return errno == ENOENT ? kt_fail(err, KT_E_INPUT, "there is no '%s'", path)
                               : kt_fail_errno(err, "'%s'", path);
    if (strcmp(path, "-") != 0 && S_ISDIR(sb.st_mode)) {
        if (depth > FOLDERS_DEEP) {
            leave_out(im, path, "folders nest too deep");
            return KT_OK;
        }
        return import_folder(im, path, depth, err);
    }
    return import_file(im, path, err);
}

/* ---- feed ---- */

/* Once: whoever gives a file that is no feed is told what one is, and how that file is read. */
static void say_form(const struct import *im, const char *path, const char *reason)
{
    if (im->o.quiet || im->counts.feed_broken > 0)
        return;
    fprintf(stderr,
            "keytrail import: %s: line %llu: %s\n"
            "  a line of a feed is {\"received_ns\":N,\"source\":\"TYPE\",\"instance\":\"NAME\","
            "\"record\":\"the raw text of one record\"}, and \"cluster\" where several instances "
            "are of one;\n"
            "  logs and exports as they are written, lists of records too, are read by "
            "--source TYPE PATH\n",
            path, (unsigned long long)im->feed_lines, reason);
}

/* A feed line without a record inside: kept as a quarantine line by place, size and reason, never
 * by content. */
static enum kt_status quarantine_line(struct import *im, struct kt_str line, const char *path,
                                      const char *reason, struct kt_error *err)
{
    struct kt_buf body = { 0 };
    kt_buf_addz(&body, "{\"place\":");
    kt_json_quote(&body, kt_str_of(path));
    kt_buf_addf(&body,
                ",\"line\":%llu,\"bytes\":%zu,\"reason\":", (unsigned long long)im->feed_lines,
                line.len);
    kt_json_quote(&body, kt_str_of(reason));
    kt_buf_byte(&body, '}');
    struct kt_event ev = { .kind = KT_KIND_QUARANTINE,
                           .source = KT_STR("feed"),
                           .instance = KT_STR("feed"),
                           .scope = kt_str_of(path),
                           .decoder = 1,
                           .observed = im->now,
                           .raw = kt_buf_str(&body) };
    char id[32];
    snprintf(id, sizeof id, "line-%llu", (unsigned long long)im->feed_lines);
    ev.native_id = kt_str_of(id);
    struct kt_buf out = { 0 };
    enum kt_status st = kt_line_write(&ev, &out, err);
    if (st == KT_OK)
        st = add_line(im, kt_buf_str(&out), KT_KIND_QUARANTINE, 0, err);
    kt_buf_done(&out);
    kt_buf_done(&body);
    say_form(im, path, reason);
    im->counts.feed_broken++;
    return st;
}

struct feed_record {
    int64_t received;
    struct kt_str type, instance, cluster, record;
};

/* Exports and answers of services hold many records in one text; splitting them is for --source. */
static bool is_list(struct import *im, const struct kt_source *source, struct kt_str record)
{
    struct kt_jval root;
    unsigned repaired;
    if (source->to_json != NULL)
        return false;
    if (kt_str_starts(kt_str_trim(record), KT_STR("[")))
        return true;
    for (const char *const *a = source->wrap_arrays; a != NULL && *a != NULL; a++)
        if (kt_str_has(record, kt_str_of(*a)) &&
            kt_json_parse(im->inner, record, &root, &repaired, NULL) == KT_OK &&
            kt_json_type(kt_json_get(root, kt_str_of(*a))) == KT_JSON_ARRAY)
            return true;
    return false;
}

/* As a configuration could say it: a name, a host, a path of a repository. */
static bool is_cluster(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < ' ' || s.at[i] == 0x7f)
            return false;
    return s.len <= CLUSTER_MAX;
}

static enum kt_status feed_parse(struct import *im, struct kt_str line, struct feed_record *ret,
                                 struct kt_error *err)
{
    struct kt_jval root;
    unsigned repaired;
    if (kt_json_parse(im->json, line, &root, &repaired, err) != KT_OK)
        return err->code;
    ret->type = kt_json_str_at(root, "source");
    ret->instance = kt_json_str_at(root, "instance");
    ret->cluster = kt_json_str_at(root, "cluster");
    ret->record = kt_json_str_at(root, "record");
    if (ret->instance.len == 0)
        ret->instance = ret->type;
    if (!kt_json_i64(kt_json_at(root, "received_ns"), &ret->received) || ret->received <= 0)
        return kt_fail(err, KT_E_INPUT, "no received_ns");
    if (kt_json_type(kt_json_at(root, "record")) != KT_JSON_STRING)
        return kt_fail(err, KT_E_INPUT, "no record, which is the raw text as a string");
    const struct kt_source *source = source_of(im, ret->type);
    if (source == NULL)
        return kt_fail(err, KT_E_INPUT, "unknown source type; there are: %s",
                       kt_import_source_names());
    if (!kt_conf_name_ok(ret->instance))
        return kt_fail(err, KT_E_INPUT, "instance: " KT_IMPORT_NAME_RULE, KT_NAME_MAX);
    struct kt_jval cluster = kt_json_at(root, "cluster");
    if ((kt_json_type(cluster) != KT_JSON_NONE && kt_json_type(cluster) != KT_JSON_STRING) ||
        !is_cluster(ret->cluster))
        return kt_fail(err, KT_E_INPUT, "cluster: up to %u printable characters", CLUSTER_MAX);
    if (is_list(im, source, ret->record))
        return kt_fail(err, KT_E_INPUT, "record holds a list of records");
    return KT_OK;
}

static enum kt_status feed_line(struct import *im, struct kt_str line, const char *path,
                                struct kt_error *err)
{
    struct feed_record f;
    struct kt_error why = { 0 };
    if (feed_parse(im, line, &f, &why) != KT_OK)
        return quarantine_line(im, line, path, why.text, err);
    struct stream *s;
    if (stream_of(im, f.type, f.instance, f.cluster, &s, err) != KT_OK)
        return err->code;
    return kt_pipeline_record(s->pipeline, f.record, f.received, kt_str_of(path), f.received, err);
}

static enum kt_status import_feed(struct import *im, const char *path, struct kt_error *err)
{
    struct reading r = { .im = im, .path = path };
    im->counts.files++;
    im->origin = KT_ORIGIN_FEED;
    enum kt_status st = pump(path, feed_piece, &r, err);
    if (st == KT_OK && r.line.len > 0)
        st = end_of_line(&r, err);
    kt_buf_done(&r.line);
    return st;
}

/* ---- the whole ---- */

static enum kt_status finish(struct import *im, struct kt_error *err)
{
    uint32_t n = kt_map_count(im->names);
    for (uint32_t i = 0; i < n; i++) {
        if (kt_pipeline_expire(im->streams[i]->pipeline, im->now, true, err) != KT_OK)
            return err->code;
    }
    if (flush(im, err) != KT_OK)
        return err->code;
    struct kt_import_counts *c = &im->counts;
    for (uint32_t i = 0; i < n; i++) {
        const struct kt_pipeline_counts *p = kt_pipeline_counts(im->streams[i]->pipeline);
        c->records += p->records;
        c->folded += p->folded;
        c->skipped += p->skipped + p->folded;
        c->repaired += p->repaired;
        c->redactions += p->redactions;
        c->read += p->events + p->skipped + p->folded + p->quarantined;
        for (unsigned k = 0; k < KT_ARRAY_LEN(p->skip) && p->skip[k].reason != NULL; k++)
            kt_import_count_skip(c, p->skip[k].reason, p->skip[k].n);
    }
    if (c->folded > 0)
        kt_import_count_skip(c, "part of an event, counted with the rest of it", c->folded);
    c->read += c->feed_broken;
    c->records += c->feed_broken;
    return im->sink.end(im->sink.self, err);
}

void kt_import_count_skip(struct kt_import_counts *c, const char *reason, uint64_t n)
{
    for (unsigned i = 0; i < KT_ARRAY_LEN(c->skip); i++) {
        if (c->skip[i].reason == NULL || strcmp(c->skip[i].reason, reason) == 0) {
            c->skip[i].reason = reason;
            c->skip[i].n += n;
            return;
        }
    }
}

enum kt_status kt_import_run(const struct kt_import_options *o, const struct kt_import_sink *sink,
                             struct kt_import_counts *ret, struct kt_error *err)
{
    struct import *im = kt_alloc(sizeof *im);
    im->o = *o;
    im->sink = *sink;
    im->names = kt_map_new(0);
    im->said = kt_map_new(0);
    im->json = kt_json_new(KT_JSON_SIMDJSON);
    im->inner = kt_json_new(KT_JSON_SIMDJSON);
    im->origin = KT_ORIGIN_IMPORT;
    im->now = kt_clock_real.wall(kt_clock_real.self);
    enum kt_status st = KT_OK;
    for (unsigned i = 0; st == KT_OK && i < o->n_paths; i++)
        st = o->feed ? import_feed(im, o->paths[i], err) : import_path(im, o->paths[i], 0, err);
    if (st == KT_OK)
        st = finish(im, err);
    say_how_often(im);
    *ret = im->counts;
    for (uint32_t i = 0; i < im->n_streams; i++) {
        kt_pipeline_free(im->streams[i]->pipeline);
        kt_free(im->streams[i]);
    }
    kt_free(im->streams);
    kt_map_free(im->names);
    kt_map_free(im->said);
    kt_json_free(im->json);
    kt_json_free(im->inner);
    kt_buf_done(&im->lines);
    kt_free(im);
    return st;
}
