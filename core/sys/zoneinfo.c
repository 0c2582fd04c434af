/*
 * zoneinfo: the system's time zones.
 *
 * Owns:  nothing; reads /usr/share/zoneinfo.
 * Calls: core/base, core/sys/fs.
 */
#include "core/sys/zoneinfo.h"

#include <stdio.h>

#include "core/sys/fs.h"

#define FOLDER   "/usr/share/zoneinfo/"
#define FILE_MAX (256u << 10)

/* Parts of letters, digits and + - _ with '/' between: never a way out of the folder. */
static bool is_name(struct kt_str name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "+-_";
    struct kt_str rest = name, part;
    if (name.len == 0 || name.len > KT_ZONE_NAME_MAX)
        return false;
    while (kt_str_split(&rest, '/', &part)) {
        if (part.len == 0)
            return false;
        for (size_t i = 0; i < part.len; i++)
            if (memchr(allowed, part.at[i], sizeof allowed - 1) == NULL)
                return false;
    }
    return name.at[name.len - 1] != '/';
}

struct kt_str kt_zoneinfo_footer(struct kt_str file)
{
    bool tzif = file.len > 5 && kt_str_starts(file, KT_STR("TZif")) && file.at[4] >= '2';
    if (!tzif || file.at[file.len - 1] != '\n')
        return KT_STR_NONE;
    struct kt_str body = kt_str_sub(file, 0, file.len - 1);
    ptrdiff_t line = kt_str_rfind_byte(body, '\n');
    return line < 0 ? KT_STR_NONE : kt_str_from_index(body, (size_t)line + 1);
}

enum kt_status kt_zoneinfo_rule(struct kt_str name, struct kt_buf *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf file = { 0 };
    char path[sizeof FOLDER + KT_ZONE_NAME_MAX];
    if (!is_name(name))
        return kt_fail(err, KT_E_INPUT,
                       "'" KT_STR_FMT "' is no name of a time zone like "
                       "Europe/Berlin",
                       KT_STR_ARG(kt_str_sub(name, 0, KT_ZONE_NAME_MAX)));
    (void)snprintf(path, sizeof path, FOLDER KT_STR_FMT, KT_STR_ARG(name));
    if (kt_fs_read_all(path, FILE_MAX, &file, NULL) != KT_OK)
        return kt_fail(err, KT_E_INPUT,
                       "there is no time zone '" KT_STR_FMT "' in " FOLDER ": names are like "
                       "Europe/Berlin; they come with the package tzdata",
                       KT_STR_ARG(name));
    struct kt_str rule = kt_zoneinfo_footer(kt_buf_str(&file));
    if (rule.len == 0)
        return kt_fail(err, KT_E_INPUT, "'%s' is no file of a time zone with a rule for the future",
                       path);
    kt_buf_add(ret, rule);
    return KT_OK;
}
