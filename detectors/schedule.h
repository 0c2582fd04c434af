/*
 * schedule: does a job that runs by a calendar run again? Pure.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Minutes since the run before: whole weeks, or months to two days and a half (28 to 33 days are
 * one, 89 to 93 three), at that time of the day, to the hour, by which summer time moves it. */
bool kt_schedule_keeps(uint32_t minutes);
/* Minutes since the newest run of it: is this that one still, or may it be the next? Months are a
 * range of days, of which a job takes one. */
bool kt_schedule_is_apart(uint32_t minutes);
