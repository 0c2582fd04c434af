/*
 * json_shape: records that have the shape of one before, read by what both have in common
 * (docs/decisions/0106). Private to core/event.
 */
#pragma once
#include "core/event/json_tree.h"
#include "core/event/scan.h"

/* A text in which nothing is escaped and no byte is a control byte. */
struct kt_json_text {
    const char *at; /* KT_SCAN_WORD bytes may be read behind it */
    size_t len;
    const uint64_t *quotes; /* of each 64 bytes their quotes */
    unsigned n_quotes;      /* in all; even */
};

/* The next quote at or behind `at`, of which there is one. */
static inline const char *kt_json_quote_at(const struct kt_json_text *t, const char *at)
{
    size_t i = (size_t)(at - t->at) / KT_SCAN_BLOCK;
    const uint64_t quotes = t->quotes[i] >> (size_t)(at - t->at) % KT_SCAN_BLOCK;
    if (quotes != 0)
        return at + __builtin_ctzll(quotes);
    while (t->quotes[++i] == 0)
        ;
    return t->at + i * KT_SCAN_BLOCK + __builtin_ctzll(t->quotes[i]);
}

/* Bytes of the integer of 64 bits at `at`, which every library takes; 0 when there is none. */
size_t kt_json_integer(const char *at);

/* At most 64 of some 22 KB; no value of the texts that were learned of stays in them. */
struct kt_json_shapes;
struct kt_json_shapes *kt_json_shapes_new(void);
void kt_json_shapes_free(struct kt_json_shapes *all);
/* The tree of the text, which points into it, until the next call; NULL when it has no shape that
 * is known. */
const struct kt_json_node *kt_json_shape_read(struct kt_json_shapes *all,
                                              const struct kt_json_text *text);
/* The tree was built of the text; texts like it may be read so. */
void kt_json_shape_learn(struct kt_json_shapes *all, const struct kt_json_text *text,
                         const struct kt_json_tree *tree);
