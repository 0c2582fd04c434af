/*
 * chain: the files of one log. Private to core/store.
 *
 * A log is one file for as long as that file is sound. When SQLite or the writer finds it damaged,
 * nothing is written to it any more; the log goes on in `<path>.2`, whose tree begins where the
 * damaged one's ended, then in `<path>.3`, and so on. Readers take all of them.
 */
#pragma once
#include "core/base/buf.h"

#define KT_CHAIN_MAX 9u /* files of one log: past that somebody must look at the disk */

/* The n-th file's name, from 1: path itself. Borrowed from buf. */
const char *kt_chain_name(const char *path, unsigned n, struct kt_buf *buf);
/* The newest file that is there; 1 when there is none at all. */
unsigned kt_chain_newest(const char *path);
