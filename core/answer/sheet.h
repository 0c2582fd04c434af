/*
 * sheet: the sheet of an access review: what a reviewer is asked, as rows to keep or to remove,
 * made from the log, filled in by hand in a spreadsheet, and read again.
 *
 * As CSV: a first record with what it was made from, a second with the heads, then the rows:
 *
 *   keytrail-review,1,<kind>,<scope>,<since>,<until>,<head>,<log>,<rows>,<digest>
 *   secret,owner,actor,kind,team,reads,first,last,decision,note
 *
 * digest: SHA-256 over "keytrail-review-1\n", then kind, scope, since, until, head and log, each
 * with "\n" behind, then the SHA-256 of each row (its cells, each with 0x1f behind) in bytewise
 * order, so that a reviewer may sort the rows. Decision and note are in no digest.
 */
#pragma once
#include "core/answer/ask.h"
#include "core/event/review.h"

#define KT_SHEET_CELLS_MAX 8u /* that ask; decision and note stand behind them */
#define KT_SHEET_BYTES_MAX (64u << 20)

enum kt_sheet_decision { KT_SHEET_OPEN, KT_SHEET_KEEP, KT_SHEET_REMOVE };
struct kt_sheet_row { /* views into the sheet's text */
    struct kt_str cell[KT_SHEET_CELLS_MAX];
    struct kt_str note;
    enum kt_sheet_decision decision;
    unsigned line; /* of the file that was read */
};
struct kt_sheet {
    enum kt_review_kind kind;
    char scope[200];
    kt_time_ns since, until;
    uint64_t head; /* records of the log that it was made from */
    char log[64];
    struct kt_sheet_row *row;
    uint32_t n, cap;
    uint8_t digest[32];
    struct kt_arena text;
};
struct kt_sheet_leaver {
    struct kt_str name; /* canonical, or as a source writes it */
    kt_time_ns left;
    unsigned line; /* of the file; 0: it is out of none */
};
struct kt_sheet_wish {
    enum kt_review_kind kind;
    const char *scope; /* access: secrets (a pattern as secret: takes it); dormant: a glob of
                          actors; "" = all */
    const struct kt_sheet_leaver *leaver;
    uint32_t n_leavers;
};
/* Heads of the cells that ask, NULL-ended. */
const char *const *kt_sheet_heads(enum kt_review_kind kind);
/* access: reads in the ask's window; dormant: actors that came before it and not in it; leavers:
 * all up to its end; none counts shadows. Both ends are set. Of its until_seq (0: the newest
 * record, which is put there) nothing is newer. log: its id, as people write it. KT_E_LIMIT: more
 * than KT_REVIEW_ROWS_MAX rows.
 */
KT_MUST_USE enum kt_status kt_sheet_make(struct kt_ask *a, const struct kt_sheet_wish *wish,
                                         const char *log, struct kt_sheet **ret,
                                         struct kt_error *err);
void kt_sheet_free(struct kt_sheet *s);
void kt_sheet_csv(const struct kt_sheet *s, struct kt_buf *out);

/* A filled sheet, out of a file that strangers may have written. KT_E_INPUT "line 7: …": it is no
 * sheet, rows are missing or were added, what was asked was changed (the digest), a decision is
 * missing or is neither keep nor remove. */
KT_MUST_USE enum kt_status kt_sheet_read(struct kt_str csv, struct kt_sheet **ret,
                                         struct kt_error *err);
void kt_sheet_counts(const struct kt_sheet *s, uint64_t *ret_keep, uint64_t *ret_remove);
/* Who left, out of a CSV file "name,date", the date a day, which means its end where the ask's zone
 * is, or a time; at most KT_REVIEW_ROWS_MAX. A first line is a head where words alone stand for the
 * date; what has a digit and is no date is KT_E_INPUT, lest somebody is passed over. The names live
 * in arena. */
KT_MUST_USE enum kt_status kt_sheet_leavers(const struct kt_ask *a, struct kt_str csv,
                                            struct kt_arena *arena, struct kt_sheet_leaver **ret,
                                            uint32_t *ret_n,
                                            struct kt_error *err); /* kt_free(*ret) */

/* Private to sheet*.c: adds a row whose texts are copied; digests it all. */
KT_MUST_USE enum kt_status kt_sheet_add(struct kt_sheet *s, const struct kt_str *cells,
                                        struct kt_error *err);
struct kt_sheet *kt_sheet_new(size_t bytes);
void kt_sheet_digest(const struct kt_sheet *s, uint8_t ret[32]);
