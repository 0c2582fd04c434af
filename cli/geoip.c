/*
 * geoip: `keytrail geoip status` and `geoip update`.
 *
 * Owns:  nothing.
 * Calls: cli/geoip_files, cli/geoip_update; stdout.
 */
#include "cli/geoip.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "core/sys/clock.h"
#include "core/sys/geo.h"

static const struct kt_column columns[] = {
    { "path", "FILE", 0, false },     { "holds", "KNOWS", 0, false },
    { "built", NULL, 0, false },      { "age", "AGE", 0, true },
    { "licence", "TERMS", 0, false }, { "problem", "PROBLEM", 0, false },
};

static int run_status(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "geoip status",
        "[-c FILE] [-o FORM]",
        "tables of addresses in use, in the order in which they are asked, their age and terms",
        "keytrail geoip status",
        NULL,
        NULL
    };
    const char *config = NULL, *output = "table";
    const struct kt_flag flags[] = {
        { "--config", 'c', KT_FLAG_STRING, "FILE",
          "configuration: geoip.databases (default: the system's)", &config, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &output, NULL },
        { 0 },
    };
    struct kt_geo_files all;
    struct kt_conf *conf = NULL;
    struct kt_error err = { 0 };
    enum kt_output how;
    int code;
    bool broken = false;
    if (!kt_flags_just(&cmd, flags, argc, argv, 0, &code))
        return code;
    if (!kt_output_of(output, &how))
        return kt_flags_usage(&cmd);
    if (config == NULL && access(KT_CONFIG_SYSTEM, F_OK) == 0)
        config = KT_CONFIG_SYSTEM; /* what its collector opens */
    if (config != NULL && kt_conf_load(config, &conf, &err) != KT_OK)
        return kt_cli_fail("geoip", &err);
    kt_geo_files_find(conf, &all);
    kt_conf_free(conf);
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    struct kt_rows *rows = kt_rows_new(how, columns, KT_ARRAY_LEN(columns), true);
    for (unsigned i = 0; i < all.n; i++) {
        const struct kt_geo_file *f = &all.at[i];
        char age[KT_TIME_TEXT_MAX] = "";
        if (f->built != 0)
            (void)kt_duration_format(now > f->built ? now - f->built : 0, age);
        broken = broken || f->problem[0] != '\0';
        const struct kt_cell cells[] = {
            kt_cell_str(kt_str_of(f->path)),
            kt_cell_str(kt_str_of(f->holds)),
            kt_cell_time(f->built),
            kt_cell_str(kt_str_of(age)),
            kt_cell_str(kt_str_of(f->licence)),
            kt_cell_str(kt_str_of(f->problem)),
        };
        kt_rows_add(rows, cells);
    }
    kt_rows_end(rows);
    if (!all.has_country || !all.has_network)
        fprintf(stderr,
                "%s: keytrail geoip update --provider dbip (no account) or --provider maxmind\n",
                !all.has_country ? "countries are not known" : "networks (ASN) are not known");
    return broken ? KT_EXIT_NO : KT_EXIT_OK;
}

static int run_update(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "geoip update",
        "[--provider NAME] [options]",
        "fetches tables of addresses, checks them and puts them in the old ones' place",
        "keytrail geoip update --provider maxmind --account-id 123456 --license-key-file "
        "/etc/keytrail/keys/maxmind.key",
        NULL,
        NULL
    };
    struct kt_geoip_args a = { .provider = "dbip",
                               .dir = KT_GEO_FETCHED,
                               .now = kt_clock_real.wall(kt_clock_real.self) };
    const struct kt_flag flags[] = {
        { "--provider", 0, KT_FLAG_STRING, "PROVIDER",
          "dbip (no account; the default), maxmind (a free account), iptoasn (came along)",
          &a.provider, NULL },
        { "--kind", 0, KT_FLAG_MANY, "TABLE",
          "city, country or asn; may be given twice (city and asn)", &a.kinds, NULL },
        { "--dir", 0, KT_FLAG_STRING, "DIR", "where they go (" KT_GEO_FETCHED ")", &a.dir, NULL },
        { "--account-id", 0, KT_FLAG_STRING, "N", "maxmind: the account's number", &a.account,
          NULL },
        { "--license-key-file", 0, KT_FLAG_STRING, "FILE", "maxmind: file (0600) with its key",
          &a.key_file, NULL },
        { "--url", 0, KT_FLAG_STRING, "URL", "a mirror, in the place of the provider's own host",
          &a.url, NULL },
        { "--ca-file", 0, KT_FLAG_STRING, "FILE", "certificates to trust instead of the system's",
          &a.ca_file, NULL },
        { "--proxy", 0, KT_FLAG_STRING, "URL", "http://host:port", &a.proxy, NULL },
        { "--allow-private", 0, KT_FLAG_BOOL, NULL,
          "the mirror has a private address (http on loopback alone)", &a.allow_private, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE",
          "the configuration whose collector opens them (default: the system's)", &a.config, NULL },
        { "--quiet", 'q', KT_FLAG_BOOL, NULL, "no talk, for a timer", &a.quiet, NULL },
        { 0 },
    };
    struct kt_error err = { 0 };
    int code;
    if (!kt_flags_just(&cmd, flags, argc, argv, 0, &code))
        return code;
    return kt_geoip_update(&a, &err) == KT_OK ? KT_EXIT_OK : kt_cli_fail("geoip update", &err);
}

int kt_cmd_geoip(int argc, char **argv)
{
    static const struct kt_verb verbs[] = {
        { "status", NULL, "which are in use, how old they are, and their terms", run_status, NULL },
        { "update", NULL, "fetches newer ones", run_update, NULL },
        { 0 },
    };
    static const struct kt_command cmd = { "geoip",
                                           "VERB [options]",
                                           "tables of addresses: countries, cities, networks",
                                           "keytrail geoip status",
                                           NULL,
                                           verbs };
    return kt_verbs_main(&cmd, argc, argv);
}
