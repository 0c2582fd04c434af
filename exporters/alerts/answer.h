/*
 * answer: what people did about an alert at a target that can be asked for it. A pure pair of
 * functions; the requests belong to collector/answers.
 */
#pragma once
#include "exporters/alerts/target.h"

#define KT_ANSWER_KEY 64

struct kt_answer {
    char entry[KT_ANSWER_KEY]; /* the target's own id of it */
    kt_time_ns at;             /* when they did it */
    bool resolved;             /* else acknowledged */
    char by[80];               /* who: their name there */
};
/* Where the asking about one alert has come to. Zeroed, with its id: nothing is known. */
struct kt_answer_place {
    char alert[27];
    char subject[KT_ANSWER_KEY]; /* what the target calls its incident; "" = to be looked up */
    uint32_t offset;             /* of the next page */
    bool over;                   /* a page said that the incident has ended */
};
#define KT_ANSWERS_PAGE 100u

struct kt_target_answers {
    /* The next request; strings in arena. token: contents of files.answers_file. */
    enum kt_status (*ask)(const void *options, struct kt_str token,
                          const struct kt_answer_place *place, struct kt_arena *arena,
                          struct kt_target_request *ret, struct kt_error *err);
    /* Takes the reply: moves place, appends people's answers (at most KT_ANSWERS_PAGE, the caller
     * made room). *ret_more: ask again at once, from place. word: a short reason, as judge's. What
     * machines did there, our own messages among them, is no answer. */
    enum kt_verdict (*hear)(const struct kt_target_reply *reply, struct kt_answer_place *place,
                            struct kt_answer *ret, unsigned *ret_n, bool *ret_more, char word[64]);
};
