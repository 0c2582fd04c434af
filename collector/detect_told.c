/*
 * detect_told: whom an incident names, and whether it is more than somebody was told of.
 *
 * Owns:  nothing.
 * Calls: detect_state.h only.
 */
#include "collector/detect_state.h"

#define AGAIN_MIN 60u

void kt_detect_member(struct incident *in, struct kt_key who, uint32_t number)
{
    for (unsigned i = 0; i < in->members_n && i < INCIDENT_MEMBERS; i++) {
        if (in->members[i] == number)
            return;
    }
    if (in->members_n >= INCIDENT_MEMBERS) { /* who is not listed cannot be told apart */
        in->members_n = INCIDENT_MORE;
        return;
    }
    in->members[in->members_n] = number;
    in->member_key[in->members_n++] = who;
}

void kt_detect_told(struct incident *in, const struct part *main, uint32_t minute)
{
    in->told_members = (uint8_t)(in->members_n < INCIDENT_MORE ? in->members_n : INCIDENT_MORE);
    in->told_by = (uint8_t)(main->detector + 1);
    in->told_points = main->points;
    in->told_min = minute > in->told_min ? minute : in->told_min;
}

/* As long again as it was going on when it was told last: an hourly job that nobody stops is told
 * after one, two, four, eight hours. */
static uint32_t next_min(const struct incident *in)
{
    uint32_t first = (uint32_t)(in->first / KT_NS_MIN);
    uint32_t went_on = in->told_min > first ? in->told_min - first : 0;
    return in->told_min + (went_on > AGAIN_MIN ? went_on : AGAIN_MIN);
}

bool kt_detect_wider(const struct incident *in, const struct part *main, bool again,
                     uint32_t minute)
{
    bool later = minute >= next_min(in);
    bool listed = in->members_n <= INCIDENT_MEMBERS;
    bool grown =
        listed ? in->members_n >= 2u * in->told_members : in->told_members <= INCIDENT_MEMBERS;
    bool another = in->told_by != main->detector + 1 && (later || main->points > in->told_points);
    return (in->members_n >= INCIDENT_CROWD && (grown || another)) || (again && later);
}
