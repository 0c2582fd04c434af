/*
 * doctor: what a person would else find out at three in the morning, as one row a check: its state
 * (the words of `keytrail-agent source doctor`), what was found, and what to type next.
 */
#pragma once
#include "cli/cli.h"
#include "core/config/config.h"
#include "core/event/json.h"
#include "core/store/read.h"

enum kt_doctor_state {
    KT_DOCTOR_OK,
    KT_DOCTOR_WARN, /* works, and somebody should look by day */
    KT_DOCTOR_BAD,  /* something is lost, unseen or refused, or will be */
    KT_DOCTOR_STATES
};
struct kt_doctor {
    const char *config, *db, *server; /* the options; NULL: the system's */
    kt_time_ns now;
    /* NULL or empty where that cannot be had: its own check has said so */
    struct kt_conf *conf;
    struct kt_reader *reader;
    char store[4096];
    struct kt_jval live; /* the running collector's status */
    struct kt_rows *rows;
    unsigned count[KT_DOCTOR_STATES];
};
/* One row. next: a command, or a sentence; NULL: nothing is to be done. found may hold anything. */
void kt_doctor_say(struct kt_doctor *d, enum kt_doctor_state state, const char *check,
                   const char *next, const char *found, ...) KT_PRINTF(5, 6);

void kt_doctor_host(struct kt_doctor *d);  /* clock, limits, users */
void kt_doctor_files(struct kt_doctor *d); /* configuration's rights, keys, agents' entries */
void kt_doctor_links(struct kt_doctor *d); /* links and buttons in messages, and who takes them */
void kt_doctor_store(struct kt_doctor *d); /* store, disk, detection's own words */
void kt_doctor_collector(struct kt_doctor *d); /* what the running one says: version, targets … */
void kt_doctor_page(struct kt_doctor *d);      /* the page's own socket */
void kt_doctor_geo(struct kt_doctor *d);
