/* source_file: a source as an entry of the configuration wants it: the plugin itself, or what it
 * makes of the file that describes its records. */
#pragma once
#include "agents/source.h"

struct kt_node;
struct kt_yaml;
struct kt_source_file {
    const struct kt_source *source;
    struct kt_yaml *yaml; /* owner of a described source; NULL: it is the plugin */
    void *settings;       /* of a source with options; NULL: none */
};
/* file: as configured, NULL = none. KT_E_CONFIG: no such type (with the nearest one), a file that
 * is missing, not wanted or wrong. */
KT_MUST_USE enum kt_status kt_source_file_open(const char *type, const char *file,
                                               struct kt_source_file *ret, struct kt_error *err);
/* Fills the settings from the keys of an entry that the source names as its options, and hands the
 * others out, for the input. node: a map of y, NULL = defaults; strings live in y. KT_E_CONFIG: a
 * value that is wrong, with its place. */
KT_MUST_USE enum kt_status kt_source_file_options(struct kt_source_file *f, const struct kt_yaml *y,
                                                  const struct kt_node *node,
                                                  const struct kt_node **ret_rest,
                                                  struct kt_error *err);
void kt_source_file_done(struct kt_source_file *f);
