/* reader: the reader's own state, shared by read.c, cursor.c and verify.c. */
#pragma once
#include "core/store/db.h"
#include "core/store/read.h"
#include "core/store/row.h"

struct kt_reader {
    sqlite3 *db;
    char *path;
    bool frozen; /* opened as a file that nobody writes */
};
/* A frozen file that somebody began to write is opened again. Before every new question. */
KT_MUST_USE enum kt_status kt_reader_fresh(struct kt_reader *r, struct kt_error *err);
