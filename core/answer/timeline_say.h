/* timeline_say: what a timeline shows, in words: for the command and the page. */
#pragma once
#include "core/answer/timeline.h"

/* Adds "first time from there, 22 min after DE", one note of an access. False: it has not that one
 * (new secrets of a folded run are counted instead). */
bool kt_timeline_note_say(const struct kt_moment *m, enum kt_timeline_note n, struct kt_buf *out);
/* Adds the sentence of an alert, a step or a gap; times in the zone. */
void kt_timeline_other_say(const struct kt_timeline *t, const struct kt_moment *m,
                           int zone_offset_s, struct kt_buf *out);
