/*
 * af_unix_conf: where auditd's plugin listens, as its configuration says.
 *
 * Owns:  nothing.
 * Calls: core/base.
 */
#include "agents/inputs/af_unix_int.h"

static struct kt_str path_in(struct kt_str args)
{
    struct kt_str word;
    while (kt_str_split(&args, ' ', &word))
        if (word.len > 1 && word.at[0] == '/')
            return word;
    return KT_STR_NONE;
}

void kt_af_unix_conf(struct kt_str text, struct kt_af_unix_conf *ret)
{
    struct kt_str line;
    *ret = (struct kt_af_unix_conf){ .active = false };
    while (kt_str_split(&text, '\n', &line)) {
        struct kt_str rest = kt_str_trim(line), name;
        if (kt_str_starts(rest, KT_STR("#")) || kt_str_find_byte(rest, '=', 0) < 0 ||
            !kt_str_split(&rest, '=', &name))
            continue;
        name = kt_str_trim(name);
        rest = kt_str_trim(rest);
        if (kt_str_is(name, "args"))
            ret->path = path_in(rest);
        else if (kt_str_is(name, "active"))
            ret->active = kt_str_eq_nocase(rest, KT_STR("yes"));
    }
}
