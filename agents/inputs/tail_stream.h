/*
 * tail_stream: one log through its rotations: the file at a path, the ones it was before, one
 * pipeline. A request in the old file and its response in the new one meet there.
 */
#pragma once
#include "agents/input.h"

#define TAIL_PRINT_BYTES                                                                           \
    256u /* of a file's beginning that tell it from a later user of its inode */
#define TAIL_PLACE_TEXT 128u

/* Where reading goes on: "dev:ino:offset:n:<32 hex>:ahead". n and hex: a SHA-256 of the first n
 * bytes. ahead: how many bytes behind the place were read and given out already (a request before
 * the place may have its response there). */
struct tail_place {
    uint64_t dev, ino, offset;
    uint32_t print_len;
    uint8_t print[16];
    uint64_t ahead;
};
void tail_place_format(const struct tail_place *p, char ret[TAIL_PLACE_TEXT]);
bool tail_place_parse(struct kt_str s, struct tail_place *ret);
/* Takes the print of the first n bytes (fewer when the file is shorter). */
KT_MUST_USE enum kt_status tail_print(const struct kt_fs *fs, struct kt_file *f, uint32_t n,
                                      struct tail_place *into, struct kt_error *err);
/* Does f begin as p says? */
bool tail_print_is(const struct kt_fs *fs, struct kt_file *f, const struct tail_place *p);
/* Does what is packed (gzip) in f begin so? */
bool tail_print_is_packed(const struct kt_fs *fs, struct kt_file *f, const struct tail_place *p);

struct tail_file {        /* one generation of the log */
    struct kt_file *f;    /* NULL: read to its end and closed, but positions still point into it */
    struct tail_place at; /* offset = how far it was read */
    uint64_t start;       /* offset where reading began */
    uint64_t base;        /* the pipeline's position of `start` */
    uint64_t size;        /* when last looked at */
    uint64_t old;         /* size when it was opened: bytes up to there say nothing about quiet */
    kt_time_ns mtime, grown; /* grown: when newer bytes last came out of it */
    bool cut;                /* it was truncated: what is behind `offset` is another content */
};
struct tail_stream {
    const struct kt_fs *fs;
    const struct kt_source *source;
    char *path;
    const char *olddir; /* where the files are that it was before; NULL: beside it */
    struct kt_pipeline *pipeline;
    struct tail_file *files; /* oldest first; [at] is being read, the last one is at `path` */
    unsigned n, cap, at;
    uint64_t known; /* position of the pipeline up to which the run before gave everything out */
    bool whole;     /* the last byte fed ended a line */
    uint64_t bytes, rotations, truncations, emptied, gone, lost;
    struct tail_place place; /* of the run before, while it waits for what may be read */
    bool waits;
    kt_time_ns folder;          /* its mtime when former files were looked for last */
    kt_time_ns missing;         /* since when nothing is at path; 0 = there */
    char told[TAIL_PLACE_TEXT]; /* position given out last */
    char problem[200];
    kt_time_ns now, said; /* of this look or read; when problem was set */
};
/* Opens the stream at path where `place` (empty: from the beginning) says. olddir is borrowed. */
struct tail_stream *tail_stream_new(const struct kt_input_env *env, const char *path,
                                    const char *olddir, struct kt_str place, kt_time_ns now);
void tail_stream_free(struct tail_stream *s);
/* Looks at the path: rotated, truncated, gone, there again? */
void tail_stream_look(struct tail_stream *s, kt_time_ns now);
/* Reads up to *budget bytes and takes them off it. *ret_more: more is waiting in the file. */
KT_MUST_USE enum kt_status tail_stream_read(struct tail_stream *s, kt_time_ns now, char *room,
                                            size_t room_len, size_t *budget, bool *ret_more,
                                            struct kt_error *err);
/* The low-water mark as text; false when there is none yet (nothing was ever opened). */
bool tail_stream_place(const struct tail_stream *s, char ret[TAIL_PLACE_TEXT]);
uint64_t tail_stream_lag(const struct tail_stream *s);
bool tail_stream_has(const struct tail_stream *s, uint64_t dev, uint64_t ino);
