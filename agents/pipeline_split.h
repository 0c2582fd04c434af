/* pipeline_split: the outer form of a stream -> raw records, while the bytes come in. */
#pragma once
#include "agents/source.h"
#include "core/base/buf.h"

struct needles; /* pipeline_needles.h */

enum kt_piece_kind {
    KT_PIECE_RECORD,
    KT_PIECE_TORN,  /* bytes that are no whole record */
    KT_PIECE_LONG,  /* over KT_RECORD_MAX: text is its beginning, bytes its true length */
    KT_PIECE_BLANK, /* an empty line or a comment */
    KT_PIECE_OTHER, /* a list element that is no object, a message that is no JSON */
};
/* Whether a needle was seen in a record while it was split: KT_ABOUT_ANY when nobody looked. */
enum kt_about { KT_ABOUT_ANY, KT_ABOUT_SECRETS, KT_ABOUT_OTHERS };
struct kt_piece {
    enum kt_piece_kind kind;
    enum kt_about about;
    struct kt_str text;
    uint64_t offset; /* in the stream; of the string it stood in, if it was JSON in a string */
    uint64_t bytes;
};
/* KT_E_AGAIN: the same piece comes again at the next run. */
typedef enum kt_status kt_piece_fn(void *self, const struct kt_piece *piece, struct kt_error *err);

struct kt_splitter;
/* needles: borrowed; NULL: nobody asks what a record is about. */
struct kt_splitter *kt_splitter_new(const struct kt_source *source, const struct needles *needles,
                                    kt_piece_fn *piece, void *self);
void kt_splitter_free(struct kt_splitter *s);
/* Takes the bytes and works off what is whole. Bytes at positions taken before are passed over. */
KT_MUST_USE enum kt_status kt_splitter_feed(struct kt_splitter *s, struct kt_str bytes,
                                            uint64_t pos, struct kt_error *err);
/* The stream ends: gives out the rest. */
KT_MUST_USE enum kt_status kt_splitter_end(struct kt_splitter *s, struct kt_error *err);
void kt_splitter_restart(struct kt_splitter *s, uint64_t pos);
/* Offset of the first byte that no piece given out has covered. */
uint64_t kt_splitter_low_water(const struct kt_splitter *s);
