/* store_make: signed batches of invented events, and a folder for a store, for tests and benches.
 */
#pragma once
#include "core/base/hash.h"
#include "core/base/zip.h"
#include "core/store/read.h"
#include "core/store/write.h"

#define MAKE_T0 (INT64_C(1795377600) * KT_NS_S) /* 2026-11-22T20:00:00Z */

struct make {
    struct kt_buf lines, packed;
    struct kt_arena arena;
    struct kt_zip *zip;
    struct kt_event *events;
    struct kt_str *line;
    uint8_t (*hashes)[32];
    kt_time_ns *arrival;
    uint32_t n;
    uint8_t incarnation[16], public_key[32], digest[32], signature[64];
    struct kt_signer signer;
};
struct make *make_new(void);
void make_free(struct make *m);
void make_reset(struct make *m);
void make_event(struct make *m, struct kt_event *ev);
/* An access by `actor` with that native id and event time (0: none). */
void make_access(struct make *m, const char *native_id, const char *actor, kt_time_ns time);
/* Access number n of a made-up stream: everything about it follows from n; one a millisecond. */
void make_numbered(struct make *m, uint64_t n);
/* The lines so far as a signed live batch of `agent`; arrival and stored are `arrival`. */
struct kt_store_batch make_batch(struct make *m, const char *agent, uint64_t batch_seq,
                                 kt_time_ns arrival);
/* The same as an import: nobody signed it. */
struct kt_store_batch make_import(struct make *m, kt_time_ns arrival);
/* Gives the agent of a live batch the instances that nobody has yet, as the collector does before
 * it appends one. */
void make_claims(struct kt_store *store, const struct kt_store_batch *b);

/* A new folder; *ret_path is "<folder>/keytrail.db". make_folder_drop removes it with its files. */
void make_folder(char ret_folder[64], char ret_path[96]);
void make_folder_drop(const char *folder);
