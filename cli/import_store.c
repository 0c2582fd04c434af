/*
 * import_store: the offline sink of an import: the writer's own door, with address facts and
 * dedupe.
 *
 * Owns:  the store while it is open.
 * Calls: collector/ingest, core/store, core/sys/geo.
 */
#include "cli/import.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/store_cmd.h"
#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/query/holds.h"
#include "core/store/together.h"

#define COMMIT_LINES 16384u
#define TELL_EVERY   16u /* stretches of pairs: a quarter of a minute */

struct kt_import_store {
    struct kt_store *store;
    struct kt_geo *geo;
    struct kt_ingest *ingest;
    uint32_t waiting;
    uint64_t segments, records; /* when it was opened */
    bool quiet;
};

static enum kt_status store_lines(void *self, enum kt_origin origin,
                                  const struct kt_ingest_line *lines, uint32_t n, uint8_t *fate,
                                  struct kt_error *err)
{
    struct kt_import_store *s = self;
    struct kt_store_result result;
    if (kt_ingest_lines(s->ingest, origin, lines, n, &result, err) != KT_OK)
        return err->code;
    memcpy(fate, result.fate, n);
    s->waiting += n;
    if (s->waiting < COMMIT_LINES)
        return KT_OK;
    s->waiting = 0;
    if (kt_ingest_commit(s->ingest, err) != KT_OK)
        return err->code;
    return kt_store_housekeep(s->store, false, err);
}

/* ---- kept pairs ---- */

/* What is stored; zeroes where it cannot be read. */
static void count_stored(const struct kt_import_store *s, uint64_t *ret_segments,
                         uint64_t *ret_records)
{
    struct kt_reader *r = NULL;
    struct kt_together_state pairs = { 0 };
    struct kt_store_stats all = { 0 };
    if (kt_reader_open(kt_store_file(s->store), &r, NULL) == KT_OK) {
        (void)!kt_together_state(r, &pairs, NULL);
        (void)!kt_reader_stats(r, &all, NULL);
    }
    kt_reader_close(r);
    *ret_segments = pairs.segments;
    *ret_records = all.records;
}

static void tell_pairs(void *self, const struct kt_together_state *now)
{
    const struct kt_import_store *s = self;
    if (!s->quiet && now->stretches % TELL_EVERY == 0)
        fprintf(stderr, "keytrail import: pairs of %" PRIu64 " of %" PRIu64 " segments\n", now->in,
                now->segments);
}

/* What the import made, before pairs are made of it. */
static enum kt_status merge(struct kt_import_store *s, struct kt_error *err)
{
    struct kt_holds holds = { 0 };
    struct kt_merge_how how = { .from_seq = s->records + 1,
                                .held = kt_holds_near,
                                .held_self = &holds };
    struct kt_reader *r = NULL;
    uint64_t merged;
    enum kt_status status = kt_reader_open(kt_store_file(s->store), &r, err);
    if (status == KT_OK)
        status = kt_holds_load(r, &holds, err);
    how.holds_seq = holds.newest_seq;
    if (status == KT_OK)
        status = kt_merge_complete(s->store, &how, NULL, NULL, &merged, err);
    kt_holds_done(&holds);
    kt_reader_close(r);
    return status;
}

/* For as many segments as the import made: what an older store lacks besides is not its work. What
 * was read is stored by now, and a question without pairs is only slower. */
static void keep_pairs(struct kt_import_store *s)
{
    struct kt_error why = { 0 };
    uint64_t now, records;
    count_stored(s, &now, &records);
    if (now > s->segments &&
        (merge(s, &why) != KT_OK ||
         kt_together_complete(s->store, now - s->segments, tell_pairs, s, &why) != KT_OK))
        fprintf(stderr,
                "keytrail import: all is stored, but segments are not merged or pairs not kept, so "
                "that some questions are slower (later: keytrail store merge, store pairs): %s\n",
                why.text);
}

static enum kt_status store_end(void *self, struct kt_error *err)
{
    struct kt_import_store *s = self;
    if (kt_ingest_commit(s->ingest, err) != KT_OK)
        return err->code;
    enum kt_status status = kt_store_coverage(s->store, err);
    if (status == KT_OK)
        keep_pairs(s);
    return status;
}

static enum kt_status open_geo(const char *config, struct kt_geo **ret, struct kt_error *err)
{
    struct kt_conf *conf = NULL;
    if (config != NULL && kt_conf_load(config, &conf, err) != KT_OK)
        return err->code;
    enum kt_status st;
    if (conf != NULL && !conf->geoip_auto) {
        st = kt_geo_open(conf->geoip.at, conf->geoip.n, false, ret, err);
    } else {
        char paths[8][256];
        const char *at[8];
        unsigned n = kt_geo_system_paths(paths, 8);
        for (unsigned i = 0; i < n; i++)
            at[i] = paths[i];
        st = kt_geo_open(at, n, true, ret, err);
    }
    kt_conf_free(conf);
    return st;
}

enum kt_status kt_import_store_open(const char *path, const char *config, bool quiet,
                                    struct kt_import_store **ret, struct kt_import_sink *ret_sink,
                                    struct kt_error *err)
{
    struct kt_import_store *s = kt_alloc(sizeof *s);
    struct kt_store_options so = { .path = path, .create = true };
    enum kt_status st = open_geo(config, &s->geo, err);
    if (st == KT_OK)
        st = kt_store_open(&so, &s->store, err);
    if (st != KT_OK) {
        kt_import_store_close(s);
        return st;
    }
    struct kt_ingest_options io = {
        .store = s->store, .clock = kt_clock_real, .geo = s->geo, .store_path = path
    };
    s->ingest = kt_ingest_new(&io);
    s->quiet = quiet;
    count_stored(s, &s->segments, &s->records);
    *ret = s;
    *ret_sink = (struct kt_import_sink){ .store = store_lines, .end = store_end, .self = s };
    return KT_OK;
}

void kt_import_store_close(struct kt_import_store *s)
{
    if (s == NULL)
        return;
    kt_ingest_free(s->ingest);
    kt_store_close(s->store);
    kt_geo_free(s->geo);
    kt_free(s);
}
