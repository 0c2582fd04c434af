/*
 * conf_rollup: the top key `rollup` of keytrail.yaml: a file of sums for Grafana (docs/grafana.md).
 *
 * Owns:  its table.
 * Calls: conf.
 */
#include "core/config/conf.h"

#include <string.h>

#define EVERY_MIN KT_NS_MIN

#define AT(field) offsetof(struct kt_conf, rollup.field)
const struct kt_option kt_conf_rollup_table[] = {
    { "path", KT_OPT_PATH, "", AT(path),
      "file of hourly sums for Grafana, in a folder that it may read; none without", false, false },
    { "every", KT_OPT_DURATION, "15m", AT(every), "how often it is made anew", false, false },
    { "secret_names", KT_OPT_BOOL, "false", AT(secret_names),
      "true puts names of secrets and titles of alerts into it", false, false },
    KT_OPTIONS_END,
};
#undef AT

enum kt_status kt_conf_rollup_check(const struct kt_conf *c, struct kt_error *err)
{
    if (c->rollup.every < EVERY_MIN)
        return kt_conf_refuse(c, "rollup", "every", "at least 1m", err);
    if (c->rollup.path != NULL && strcmp(c->rollup.path, c->store_path) == 0)
        return kt_conf_refuse(c, "rollup", "path", "that is the store itself", err);
    return KT_OK;
}
