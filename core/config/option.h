/* option: one table is parser, validator, help, manual and sample configuration at once (EXAMPLES
 * §8). */
#pragma once
#include "core/base/err.h"
#include "core/base/str.h"
#include "core/base/time.h"

enum kt_option_type {
    KT_OPT_BOOL,        /* bool */
    KT_OPT_UINT,        /* uint64_t */
    KT_OPT_DOUBLE,      /* double */
    KT_OPT_DURATION,    /* kt_time_ns */
    KT_OPT_SIZE,        /* uint64_t bytes: 64MiB */
    KT_OPT_STRING,      /* const char *, owned by the config */
    KT_OPT_PATH,        /* const char * */
    KT_OPT_SECRET_FILE, /* const char *: path of a 0600 file; never shown with its content */
    KT_OPT_LIST, /* struct kt_strings: a YAML list of strings (a single string is a list of one) */
};
struct kt_strings {
    const char **at;
    unsigned n;
};
struct kt_option {
    const char *name;
    enum kt_option_type type;
    const char *dflt; /* as text; NULL = required; "" = absent is fine */
    size_t offset;    /* into the options struct */
    const char *help;
    bool reloadable;
    bool later; /* accepted, "not used yet" in config check */
};
#define KT_OPTIONS_END                                                                             \
    {                                                                                              \
        NULL, KT_OPT_BOOL, NULL, 0, NULL, false, false                                             \
    }
