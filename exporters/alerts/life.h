/*
 * life: what people did about an alert, as part of its document: every target that is told of the
 * alert can render who acknowledged it, who has it, how it was closed. Pure.
 */
#pragma once
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/time.h"
#include "core/event/json.h"
#include "core/query/lives.h"

/* status empty: nobody did anything, and nothing of it is written. */
struct kt_alert_life {
    struct kt_str status; /* open, acknowledged, closed */
    struct kt_str acknowledged_by, acknowledged_where, assignee;
    struct kt_str closed_by, closed_where, verdict;
    struct kt_str reopened_by, reopened_for;
    struct kt_str note, note_by; /* the newest note, or reason of a close or a reopening */
    kt_time_ns acknowledged_at, closed_at, reopened_at, note_at;
    kt_time_ns reopened; /* how often */
};
/* Borrows the strings of l; l NULL: empty. */
void kt_alert_life_of(const struct kt_life *l, struct kt_alert_life *ret);
/* The object; nothing when status is empty. */
void kt_alert_life_write(const struct kt_alert_life *l, struct kt_buf *out);
/* Strings live in arena. */
void kt_alert_life_read(struct kt_jval object, struct kt_arena *arena, struct kt_alert_life *ret);
/* "acknowledged by alice (cli on ops-1) 2026-11-22 20:14 UTC; assigned to bob": one line for
 * people; empty when nobody did anything. */
struct kt_str kt_alert_life_say(const struct kt_alert_life *l, struct kt_arena *arena);
