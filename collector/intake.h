/*
 * intake: canonical lines -> checked events -> one append with their facts, for batches of agents,
 * imports and feeds alike. Part of ingest; nobody else includes it.
 */
#pragma once
#include "collector/enrich.h"
#include "core/store/read.h"
#include "core/wire/frame.h"

struct kt_intake;
struct kt_intake_options {
    struct kt_store *store;
    struct kt_enrich *enrich;
    /* See kt_ingest_options; NULL = records are not kept for it. */
    void (*committed)(void *self, const struct kt_record *records, uint32_t n);
    void *self;
    bool parsed; /* what is read goes on to others (kt_intake_parsed) */
};
struct kt_intake *kt_intake_new(const struct kt_intake_options *o);
void kt_intake_free(struct kt_intake *in);

/* Where checked lines go and what was found wrong with the first bad one. */
struct kt_intake_fault {
    enum kt_refuse reason;
    uint32_t index;
    struct kt_str instance; /* of the line, where it could be read and is the sender's */
    char text[200];
};
/* Splits, parses strictly and checks n lines, each ended by '\n'. may: asked for each line that
 * names another source instance than the one before (NULL: all may). The checked lines stay in
 * `in` until the next read; false fills *ret_fault. lines must outlive kt_intake_store. */
bool kt_intake_read(struct kt_intake *in, struct kt_str lines, uint32_t n,
                    bool (*may)(void *self, const struct kt_event *ev), void *self,
                    struct kt_intake_fault *ret_fault);
/* The lines that were read last, which are `lines`, and their events, for others; once. What was
 * read stays in `in` as long as both are there. NULL where the options do not want it. */
struct kt_parsed *kt_intake_parsed(struct kt_intake *in, struct kt_buf *lines);
/* Appends what was read: facts first, then the batch. b has its head filled (agent … stored and
 * hashes, which may be NULL); arrival is one for all when arrivals is NULL. */
KT_MUST_USE enum kt_status kt_intake_store(struct kt_intake *in, struct kt_store_batch *b,
                                           kt_time_ns arrival, const kt_time_ns *arrivals,
                                           struct kt_store_result *ret, struct kt_error *err);
/* Among the lines that were read last: the first of that kind and operation, or NULL. */
const struct kt_event *kt_intake_find(const struct kt_intake *in, enum kt_kind kind,
                                      const char *operation);
/* The lines that were read last, as events. */
const struct kt_event *kt_intake_events(const struct kt_intake *in, uint32_t *ret_n);
/* One control record inside the transaction. */
KT_MUST_USE enum kt_status kt_intake_control(struct kt_intake *in, struct kt_event *ev,
                                             kt_time_ns arrival, kt_time_ns stored,
                                             struct kt_error *err);
size_t kt_intake_bytes(const struct kt_intake *in); /* of lines, parsed or not, not committed */
uint64_t kt_intake_facts(const struct kt_intake *in);
/* After the commit: feeds the kept records, forgets them. */
void kt_intake_committed(struct kt_intake *in);
