/* replay: what the files of `keytrail replay` share. */
#pragma once
#include "cli/cli.h"
#include "cli/side.h"

/* From when on alerts are counted to say how many come in a week: the window's begin, or else the
 * end of learning, in which most stay quiet. */
kt_time_ns kt_replay_from(const struct kt_sides_run *run, kt_time_ns since);
/* How long the log is from then to the window's end (0 = open), in weeks. */
double kt_replay_weeks(const struct kt_sides_run *run, kt_time_ns since, kt_time_ns until);
/* Does the alert have evidence in the window? */
bool kt_replay_shown(const struct kt_alert *a, kt_time_ns since, kt_time_ns until);
/* Prints what side[1] gains and loses against side[0]: alerts of medium or more. */
void kt_replay_compare(const struct kt_side side[2], const struct kt_sides_run *run,
                       kt_time_ns since, kt_time_ns until, enum kt_output how, bool header);
