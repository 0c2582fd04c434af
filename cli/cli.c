/*
 * cli: exit codes, and the store or the collector that a command asks.
 *
 * Owns:  nothing.
 * Calls: core/base, core/config, collector/control; stdout, stderr.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/config/config.h"
#include "core/event/json.h"
#include "core/wire/control_client.h"

void kt_cli_put(void *self, struct kt_str bytes)
{
    (void)self;
    (void)fwrite(bytes.at, 1, bytes.len, stdout);
    (void)fflush(stdout); /* what is said on stderr behind it stands behind it in one file, too */
}

struct kt_rows *kt_rows_new(enum kt_output how, const struct kt_column *columns, unsigned n,
                            bool header)
{
    return kt_rows_to(how, columns, n, header, kt_cli_put, NULL);
}

int kt_cli_fail(const char *cmd, const struct kt_error *err)
{
    static const enum kt_exit codes[] = {
        [KT_OK] = KT_EXIT_OK,           [KT_E_AGAIN] = KT_EXIT_STORE,
        [KT_E_INPUT] = KT_EXIT_USAGE,   [KT_E_LIMIT] = KT_EXIT_PARTIAL,
        [KT_E_CONFIG] = KT_EXIT_CONFIG, [KT_E_IO] = KT_EXIT_UNREACHABLE,
        [KT_E_CORRUPT] = KT_EXIT_STORE, [KT_E_DENIED] = KT_EXIT_DENIED,
    };
    fprintf(stderr, "keytrail %s: %s\n", cmd, err->text);
    if (err->code == KT_E_IO && (err->sys_errno == EACCES || err->sys_errno == EPERM))
        return KT_EXIT_DENIED;
    if (err->code == KT_E_IO && (err->sys_errno == ENOSPC || err->sys_errno == EDQUOT))
        return KT_EXIT_STORE;
    return (int)codes[err->code];
}

bool kt_cli_no_config(void)
{
    return access(KT_CONFIG_SYSTEM, F_OK) != 0 && errno == ENOENT;
}

/* One path out of a configuration: the named one, else the system's. */
static enum kt_status from_config(const char *config, const char *wanted, size_t member, char *ret,
                                  size_t n, struct kt_error *err)
{
    if (config == NULL && kt_cli_no_config())
        return kt_fail(err, KT_E_CONFIG, "%s or -c CONFIG (there is no " KT_CONFIG_SYSTEM ")",
                       wanted);
    struct kt_conf *conf = NULL;
    enum kt_status st = kt_conf_load(config != NULL ? config : KT_CONFIG_SYSTEM, &conf, err);
    if (st == KT_OK)
        kt_str_copyz(ret, n, kt_str_of(*(const char *const *)((const char *)conf + member)));
    kt_conf_free(conf);
    return st;
}

enum kt_status kt_cli_store_path(const char *db, const char *config, char *ret, size_t n,
                                 struct kt_error *err)
{
    if (db == NULL)
        return from_config(config, "which store? Give --db FILE",
                           offsetof(struct kt_conf, store_path), ret, n, err);
    kt_str_copyz(ret, n, kt_str_of(db));
    return KT_OK;
}

enum kt_status kt_cli_control_path(const char *server, const char *config, char *ret, size_t n,
                                   struct kt_error *err)
{
    const struct kt_str scheme = KT_STR("unix:");
    if (server == NULL)
        return from_config(config, "which collector? Give --server unix:PATH",
                           offsetof(struct kt_conf, control), ret, n, err);
    if (!kt_str_starts(kt_str_of(server), scheme))
        return kt_fail(err, KT_E_INPUT, "--server takes unix:PATH");
    kt_str_copyz(ret, n, kt_str_from_index(kt_str_of(server), scheme.len));
    return KT_OK;
}

enum kt_status kt_cli_ask(const char *server, const char *config, struct kt_str request,
                          struct kt_buf *answer, struct kt_error *err)
{
    char path[4096];
    if (kt_cli_control_path(server, config, path, sizeof path, err) != KT_OK)
        return err->code;
    return kt_control_order(path, request, answer, err);
}

enum kt_status kt_cli_ask_id(const char *server, const char *config, struct kt_str request,
                             enum kt_output how, char ret_id[KT_CLI_ID_TEXT], struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    struct kt_jval root;
    unsigned repaired;
    ret_id[0] = '\0';
    if (kt_cli_ask(server, config, request, &answer, err) != KT_OK)
        return err->code;
    if (how != KT_OUT_TABLE) {
        fputs(kt_buf_z(&answer), stdout);
        return KT_OK;
    }
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    enum kt_status st =
        kt_json_parse(json, kt_str_trim(kt_buf_str(&answer)), &root, &repaired, err);
    if (st == KT_OK)
        kt_str_copyz(ret_id, KT_CLI_ID_TEXT, kt_json_str_at(root, "id"));
    kt_json_free(json);
    return st == KT_OK ? KT_OK : kt_wrap(err, "the collector's answer");
}
