/*
 * triaged: what tests of triage share: a store with alerts, one target that is told of them, and
 * the steps that people take; all in a temporary folder, with restarts between.
 */
#pragma once
#include "collector/alerts.h"
#include "collector/triage_state.h"
#include "core/store/read.h"

#define TRIAGED_T0   (INT64_C(1795377600) * KT_NS_S)
#define TRIAGED_ROWS 64
#define TRIAGED_A    "3NJ1RZ8VZ2G4K0YQ5T7W9XABCD"
#define TRIAGED_B    "3NJ1RZ8VZ2G4K0YQ5T7W9XABCE" /* begins as the first does */
#define TRIAGED_C    "7NJ1RZ8VZ2G4K0YQ5T7W9XABCE"

struct triaged {
    char folder[64], db[96];
    struct kt_conf *conf;
    struct kt_store *store;
    struct kt_triage *triage;
    struct kt_routes *routes;
    struct kt_pager *pager;
    struct kt_alerts *alerts;
    kt_time_ns now;   /* goes on by a second with each alert and step */
    unsigned records; /* decisions that were written */
    char action[TRIAGED_ROWS][24];
    unsigned n;
    struct kt_buf json; /* of the newest row */
};

/* Set-up and tear-down of a test. */
int triaged_open(void **state);
int triaged_close(void **state);
/* The store and all that reads it, closed and opened again. */
void triaged_restart(struct triaged *w);

struct kt_alert triaged_alert(const char *id, enum kt_severity severity);
void triaged_raise(struct triaged *w, struct kt_alert *a);
/* An assignment is to bob; any other step has a reason. */
struct kt_step triaged_step(enum kt_step_what what, const char *id, const char *by);
/* Fails the test when it is refused. */
struct kt_triage_done triaged_take(struct triaged *w, struct kt_step s);
/* What the one target was told so far, by the first word of each action. */
void triaged_told(struct triaged *w, const char *want);
