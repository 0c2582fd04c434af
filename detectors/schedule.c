/*
 * schedule: runs of jobs by the week, the month and the quarter.
 *
 * Owns:  nothing.
 * Calls: nothing. No clock, no I/O.
 */
#include "detectors/schedule.h"

#define HOUR_MIN         60u
#define DAY_MIN          1440u
#define MONTH_HUNDREDTHS 3044u /* of a day */
#define SLACK_HUNDREDTHS 260u
#define APART_MIN        (6u * DAY_MIN) /* more than the slack to both sides, less than a week */

static bool is_of_calendar(uint32_t days)
{
    uint32_t apart = days * 100;
    uint32_t months = (apart + MONTH_HUNDREDTHS / 2) / MONTH_HUNDREDTHS * MONTH_HUNDREDTHS;
    uint32_t off = apart > months ? apart - months : months - apart;
    return days > 0 && (days % 7 == 0 || (months > 0 && off <= SLACK_HUNDREDTHS));
}

bool kt_schedule_keeps(uint32_t minutes)
{
    uint32_t late = minutes + HOUR_MIN;
    return late % DAY_MIN <= 2 * HOUR_MIN && is_of_calendar(late / DAY_MIN);
}

bool kt_schedule_is_apart(uint32_t minutes)
{
    return minutes <= 2 * HOUR_MIN || minutes >= APART_MIN;
}
