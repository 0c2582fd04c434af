/* import: what `keytrail import` and the demo share: files or feeds -> canonical lines -> a sink.
 */
#pragma once
#include "agents/source.h"
#include "collector/ingest.h"
#include "core/base/err.h"

/* What an agent's configuration takes as an instance; its argument is KT_NAME_MAX. */
#define KT_IMPORT_NAME_RULE "a name of up to %u of A-Z a-z 0-9 . _ -, and not . or - first"

struct kt_import_options {
    bool feed;                               /* paths are NDJSON feeds with arrival times */
    const char *source, *instance, *cluster; /* not for feeds */
    const struct kt_source *described; /* the source of its type that a file describes, or NULL */
    const char *const *paths;          /* files, folders, "-" */
    unsigned n_paths;
    bool quiet;
};
struct kt_import_counts {
    uint64_t read, stored, duplicate, skipped, quarantined; /* read = the sum of the other four */
    uint64_t records, folded, repaired, redactions, conflicts, files, broken_files;
    uint64_t feed_broken; /* feed lines without a record inside */
    struct {
        const char *reason;
        uint64_t n;
    } skip[24];
};
/* Where lines go: the store, or a collector's control socket. */
struct kt_import_sink {
    /* fate: n entries to fill. lines and fate are valid during the call. */
    enum kt_status (*store)(void *self, enum kt_origin origin, const struct kt_ingest_line *lines,
                            uint32_t n, uint8_t *fate, struct kt_error *err);
    enum kt_status (*end)(void *self, struct kt_error *err); /* everything is given: commit */
    void *self;
};
KT_MUST_USE enum kt_status kt_import_run(const struct kt_import_options *o,
                                         const struct kt_import_sink *sink,
                                         struct kt_import_counts *ret, struct kt_error *err);
/* "vault cloudtrail": for messages. Static. */
const char *kt_import_source_names(void);
void kt_import_count_skip(struct kt_import_counts *c, const char *reason, uint64_t n);

/* The offline sink: takes the writer's lock on path (created if missing), geo databases of config
 * (NULL: search order). quiet: nothing is told on stderr of how far the kept pairs are. */
struct kt_import_store;
KT_MUST_USE enum kt_status kt_import_store_open(const char *path, const char *config, bool quiet,
                                                struct kt_import_store **ret,
                                                struct kt_import_sink *ret_sink,
                                                struct kt_error *err);
void kt_import_store_close(struct kt_import_store *s);
