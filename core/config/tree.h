/* tree: what the files of core/config share beside config.h. Nobody else includes it. */
#pragma once
#include "core/config/config.h"

/* A configured path: ${CREDENTIALS_DIRECTORY}/x expanded, relative ones put below the file's
 * folder. */
KT_MUST_USE enum kt_status kt_yaml_path(const struct kt_yaml *y, struct kt_str s, const char **ret,
                                        struct kt_error *err);
KT_MUST_USE enum kt_status kt_yaml_load_within(const struct kt_yaml_bounds *bounds,
                                               const char *path, struct kt_yaml **ret,
                                               struct kt_error *err);
const uint8_t *kt_yaml_digest(const struct kt_yaml *y); /* SHA-256 of the text */

/* Calls for keys that are in neither list: the error with the nearest known name. */
KT_MUST_USE enum kt_status kt_option_unknown(const struct kt_yaml *y, const struct kt_node *key,
                                             const struct kt_option *table,
                                             const char *const *beside, struct kt_error *err);
/* KEYTRAIL_SECTION__KEY of the environment over what the file says, for single values. */
KT_MUST_USE enum kt_status kt_options_env(const struct kt_yaml *y, const struct kt_option *table,
                                          const char *section, void *out, struct kt_error *err);
/* kt_options_print of the keys that `given` has; NULL prints all. */
void kt_options_print_given(const struct kt_option *table, const void *values,
                            const struct kt_node *given, unsigned indent, bool with_help,
                            struct kt_buf *out);

/* A key file that must not exist, synced with its folder. */
KT_MUST_USE enum kt_status kt_key_write_new(const char *path, struct kt_str text,
                                            struct kt_error *err);

/* Agents' and instances' names: 1 to KT_NAME_MAX of A-Z a-z 0-9 . _ - */
bool kt_conf_name_ok(struct kt_str name);
/* The time under key, if it is there: a date, with or without a clock time and zone. */
KT_MUST_USE enum kt_status kt_conf_time(const struct kt_yaml *y, const struct kt_node *map,
                                        const char *key, bool is_until, kt_time_ns *ret,
                                        struct kt_error *err);

/* "key: value" lines of a map as it was read, values in flow style. */
void kt_node_print_members(const struct kt_node *map, unsigned indent, struct kt_buf *out);
void kt_node_print(const struct kt_node *n, struct kt_buf *out);
/* A scalar as YAML: plain when nobody could misread it. */
void kt_yaml_scalar_add(struct kt_buf *b, struct kt_str s);
void kt_yaml_list_add(struct kt_buf *b, struct kt_strings list);
