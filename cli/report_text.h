/*
 * report_text: the small texts of a package: its id and name, README.txt, parameters.json. Pure.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/enc.h"
#include "core/base/time.h"

struct kt_report_facts { /* borrowed */
    const char *package, *report, *organisation, *program;
    const char *key; /* public, NULL: not signed */
    kt_time_ns since, until;
    struct kt_str log_id, verdict;
    uint64_t size;
    const char *root, *configuration;              /* hex; configuration NULL: the log has none */
    char controls[65], responses[65], samples[65]; /* SHA-256 of the texts, hex */
    char held[65];                                 /* of the keys and checkpoints it is judged by */
    bool hidden;                                   /* names are pseudonyms */
    bool hashed;                                   /* all lines of the log were, again */
};
void kt_report_digest(struct kt_str text, char ret[65]);
/* The same inputs have the same id: BLAKE2b-128 of all that the content depends on. */
void kt_report_id(const struct kt_report_facts *f, char ret[KT_ID_TEXT]);
/* "evidence-acme-20251001-20260930" */
void kt_report_folder(const struct kt_report_facts *f, struct kt_buf *out);
void kt_report_readme(const struct kt_report_facts *f, struct kt_buf *out);
void kt_report_parameters(const struct kt_report_facts *f, struct kt_buf *out);
