/* words: the closed sets as tables, for the line's reader and writer. Private to core/event. */
#pragma once
#include "core/event/event.h"

enum kt_words_set {
    KT_WORDS_ACTION,
    KT_WORDS_OUTCOME,
    KT_WORDS_ACTOR_KIND,
    KT_WORDS_IP_TRUST,
    KT_WORDS_KIND,
    KT_WORDS_FLAG,
    KT_WORDS_SETS
};
struct kt_words {
    const struct kt_str *at;
    unsigned n;
};
extern const struct kt_words kt_words[KT_WORDS_SETS];

/* Index of word in set, or -1. */
int kt_words_find(enum kt_words_set set, struct kt_str word);
