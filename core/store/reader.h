/* reader: the reader's own state, shared by read.c, cursor.c and verify.c. */
#pragma once
#include "core/store/directory.h"
#include "core/store/read.h"

struct kt_reader {
    sqlite3 *db;
    char *path;
    bool frozen; /* opened as a file that nobody writes */
    struct kt_directory directory;
    uint64_t directory_removed; /* segments that were gone when it was read */
};
/* Brings the directory up to date. */
KT_MUST_USE enum kt_status kt_reader_directory(struct kt_reader *r, struct kt_error *err);
/* A frozen file that somebody began to write is opened again. Before every new question. */
KT_MUST_USE enum kt_status kt_reader_fresh(struct kt_reader *r, struct kt_error *err);
