/* alerts: what the files of `keytrail alerts` share. */
#pragma once
#include "cli/cli.h"
#include "core/store/read.h"

struct kt_alerts_cli {
    const char *db, *config, *server, *output, *since, *severity, *status;
    const char *note, *by, *to, *verdict, *lasts, *until;
    uint64_t limit;
    bool suppressed, all;
    enum kt_output how;
    char **args; /* what stands behind the verb */
    unsigned n_args;
};
KT_MUST_USE enum kt_status kt_alerts_reader(const struct kt_alerts_cli *a, struct kt_reader **ret,
                                            struct kt_error *err);
/* "head       text", escaped for a terminal; nothing when text is empty. */
void kt_alerts_line(const char *head, struct kt_str text);

/* Each is one verb and returns the exit code. */
int kt_alerts_list(const struct kt_alerts_cli *a);
int kt_alerts_show(const struct kt_alerts_cli *a);
int kt_alerts_explain(const struct kt_alerts_cli *a);
int kt_alerts_ack(const struct kt_alerts_cli *a);
int kt_alerts_assign(const struct kt_alerts_cli *a);
int kt_alerts_close(const struct kt_alerts_cli *a);
int kt_alerts_reopen(const struct kt_alerts_cli *a);
int kt_alerts_note(const struct kt_alerts_cli *a);
int kt_alerts_silence(const struct kt_alerts_cli *a);
int kt_alerts_link(int argc, char **argv); /* reads its flags itself */
