/* cli: what every command of keytrail shares: the table of commands, options, output of rows, exit
 * codes (INTERFACE §1). */
#pragma once
#include "core/answer/rows.h"
#include "core/base/err.h"
#include "core/base/time.h"

enum kt_exit {
    KT_EXIT_OK = 0,
    KT_EXIT_NO = 1, /* the question's answer is no */
    KT_EXIT_USAGE = 2,
    KT_EXIT_CONFIG = 3,
    KT_EXIT_STORE = 4, /* missing, locked, damaged, or no room */
    KT_EXIT_UNREACHABLE = 5,
    KT_EXIT_DENIED = 6,
    KT_EXIT_PARTIAL = 7,
    KT_EXIT_INTERRUPTED = 130,
};

#define KT_CONFIG_SYSTEM "/etc/keytrail/keytrail.yaml"
#define KT_CONFIG_AGENT  "/etc/keytrail/agent.yaml"

/* ---- options: one table is parser and --help ---- */
enum kt_flag_type {
    KT_FLAG_BOOL,
    KT_FLAG_STRING,
    KT_FLAG_UINT,
    KT_FLAG_MANY /* repeatable string */
};
struct kt_flag {
    const char *name; /* "--since" */
    char letter;      /* 'n', 0 = none */
    enum kt_flag_type type;
    const char *value; /* "TIME" */
    const char *help;
    void *to;          /* bool *, const char **, uint64_t *, struct kt_flag_many * */
    const char *alias; /* "--from" */
};
#define KT_FLAGS_MAX_MANY 64
struct kt_flag_many {
    const char *at[KT_FLAGS_MAX_MANY];
    unsigned n;
};
/* A word behind a command: "ack" of "alerts ack". */
struct kt_verb {
    const char *name;
    const char *args; /* what stands behind it: "ALERT…"; NULL: its own command says */
    const char *summary;
    int (*run)(int argc, char **argv); /* it has options of its own; NULL: those of its command */
    const char *group;                 /* a heading above it; NULL: it belongs to the one before */
};
/*
 * A command and the words of its arguments. args is read by completion and by the manual too: a
 * word in capitals stands for a value, "ALERT|SECRET" for one of two, "ALERT…" for several, and
 * what it stands for is in cli/complete.c's table.
 */
struct kt_command {
    const char *name, *args, *summary, *example;
    const char *program;         /* NULL = keytrail; its name stands before the command's */
    const struct kt_verb *verbs; /* up to one without a name; NULL: it has none */
};
/* Parses argv[1…]; positional arguments are moved to the front of argv[1…] and counted. --help
 * prints and sets *ret_done with exit 0; a wrong flag prints the nearest one and sets *ret_done
 * with exit 2. Returns the exit code. */
int kt_flags_parse(const struct kt_command *cmd, const struct kt_flag *flags, int argc, char **argv,
                   int *ret_n, bool *ret_done);
/* The same for a command that takes just n words, in argv[1…n]: with others its usage is said.
 * False: the command is over, with *ret_code; else that is KT_EXIT_OK. */
bool kt_flags_just(const struct kt_command *cmd, const struct kt_flag *flags, int argc, char **argv,
                   int n, int *ret_code);
/* Runs the verb at argv[1] when it is one with options of its own; false: it is none. */
bool kt_verb_run(const struct kt_command *cmd, int argc, char **argv, int *ret_code);
/* A command that only has such verbs: runs one; --help prints them; else the nearest word is named.
 * Returns the exit code. */
int kt_verbs_main(const struct kt_command *cmd, int argc, char **argv);
/* Names the nearest verb on stderr; returns KT_EXIT_USAGE. */
int kt_verb_unknown(const struct kt_command *cmd, const char *word);
/* For an argument that is wrong: what the command takes, on stderr; returns KT_EXIT_USAGE. */
int kt_flags_usage(const struct kt_command *cmd);
/* "help search …" as "search --help …", in place: --help stands in front of all options, so that
 * none takes it for its value and the command never runs. */
void kt_flags_help_first(int argc, char **argv);
/* "keytrail search", "keytrail-agent". Returns ret. */
const char *kt_command_name(const struct kt_command *cmd, char ret[64]);

/* Hands a command and its options to `to` without running it: run() is called as argv[0] = name
 * alone and gets no further than its kt_flags_parse. Both live during the call of `to` only, which
 * may describe the command's verbs in turn. */
typedef void kt_describe(void *self, const struct kt_command *cmd, const struct kt_flag *flags);
void kt_flags_describe(int (*run)(int argc, char **argv), const char *name, kt_describe *to,
                       void *self);

/* Rows on stdout (core/answer/rows.h). */
struct kt_rows *kt_rows_new(enum kt_output how, const struct kt_column *columns, unsigned n,
                            bool header);
void kt_cli_put(void *self, struct kt_str bytes); /* kt_rows_put: to stdout; self is not used */

/* Prints "keytrail <cmd>: text" on stderr and gives the exit code of err's cause. */
int kt_cli_fail(const char *cmd, const struct kt_error *err);
/* The last thing that a program does: an answer of which a part could not be written (a full disk
 * behind an export) is said on stderr and is no success. Returns the exit code. */
int kt_printed(const char *program, int code);
/* There is no KT_CONFIG_SYSTEM. One that may not be read is there: reading it says what is wrong.
 */
bool kt_cli_no_config(void);
/* The store to ask: --db, else -c CONFIG's store.path, else /etc/keytrail/keytrail.yaml's. */
KT_MUST_USE enum kt_status kt_cli_store_path(const char *db, const char *config, char *ret,
                                             size_t n, struct kt_error *err);
/* Who gives an order: --by, else the user behind sudo, else the user, by name or number. */
const char *kt_cli_who(const char *by);
/* The collector to ask: --server unix:PATH, else -c CONFIG's collector.control, else the system's.
 */
KT_MUST_USE enum kt_status kt_cli_control_path(const char *server, const char *config, char *ret,
                                               size_t n, struct kt_error *err);
/* Asks that collector; a refusal ({"error":…}) is KT_E_INPUT with its sentence. */
KT_MUST_USE enum kt_status kt_cli_ask(const char *server, const char *config, struct kt_str request,
                                      struct kt_buf *answer, struct kt_error *err);
#define KT_CLI_ID_TEXT 80
/* The same of what gets an id: ret_id has it, for a sentence to people; where how is no table the
 * answer is printed as it came, for programs, and ret_id is empty. */
KT_MUST_USE enum kt_status kt_cli_ask_id(const char *server, const char *config,
                                         struct kt_str request, enum kt_output how,
                                         char ret_id[KT_CLI_ID_TEXT], struct kt_error *err);
