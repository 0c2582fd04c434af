/*
 * emitted: what a decoder made of its cases, kept beside its version
 * (tests/cases/sources/x/emitted). A record that is read again by another build is a conflict where
 * the lines differ; that the decoder is another is then the one thing that tells a newer build from
 * a forged record.
 *
 * Owns: the text: "version N", then a line a case: digest of its records, digest of the lines that
 *       came of them, its name.
 */
#pragma once
#include "core/base/buf.h"

enum kt_emitted {
    KT_EMITTED_SAME,     /* the file says what the decoder does */
    KT_EMITTED_OTHER,    /* other cases, or a newer version: the file is written anew */
    KT_EMITTED_MUST_RISE /* the same records give other lines, and the version is the old one */
};

void kt_emitted_start(struct kt_buf *text, uint32_t version);
/* lines: all that came of asked, each with its newline. The decoder's number in them is not looked
 * at: where it alone rose nothing else changed. */
void kt_emitted_add(struct kt_buf *text, struct kt_str name, struct kt_str asked,
                    struct kt_str lines);
/* ret_name: the first case that says something else; borrowed from now. */
enum kt_emitted kt_emitted_judge(struct kt_str kept, struct kt_str now, struct kt_str *ret_name);
