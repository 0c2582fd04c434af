/*
 * verify: re-derives every hash of the store from its lines and names what does not fit.
 *
 * Owns:  nothing.
 * Calls: core/store/read.h, collector/auth (agents' signing keys); stdout.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "collector/auth.h"
#include "core/base/enc.h"
#include "core/event/line.h"
#include "core/store/read.h"

struct verify {
    bool json;
    struct kt_auth *auth;
    struct kt_buf problems; /* JSON strings */
    unsigned n;
};

static void on_problem(void *self, enum kt_fault fault, const char *sentence)
{
    (void)fault;
    struct verify *v = self;
    v->n++;
    if (!v->json) {
        printf("problem    %s\n", sentence);
        return;
    }
    if (v->problems.len > 0)
        kt_buf_byte(&v->problems, ',');
    kt_json_quote(&v->problems, kt_str_of(sentence));
}

static unsigned signing_keys(void *self, struct kt_str agent, uint8_t (*ret)[32], unsigned max)
{
    struct verify *v = self;
    const struct kt_agent_entry *e = kt_auth_named(v->auth, agent);
    unsigned n = 0;
    for (; e != NULL && n < e->n_keys && n < max; n++)
        memcpy(ret[n], e->signing[n], 32);
    return n;
}

static enum kt_status open_auth(struct verify *v, const char *config, struct kt_error *err)
{
    struct kt_conf *conf = NULL;
    if (kt_conf_load(config, &conf, err) != KT_OK)
        return err->code;
    enum kt_status st = kt_auth_open(conf->agents_dir, &v->auth, err);
    kt_conf_free(conf);
    return st;
}

static void print(const struct verify *v, const struct kt_verify_result *r)
{
    char root[65];
    kt_hex(root, r->root, 32);
    if (v->json) {
        printf("{\"ok\":%s,\"records\":%llu,\"batches\":%llu,\"signed_batches\":%llu,\"signatures_"
               "checked\":%s,"
               "\"root\":\"%s\",\"anchored\":false,\"problems\":[" KT_STR_FMT "]}\n",
               r->ok ? "true" : "false", (unsigned long long)r->records,
               (unsigned long long)r->batches, (unsigned long long)r->signed_batches,
               v->auth != NULL ? "true" : "false", root, KT_STR_ARG(kt_buf_str(&v->problems)));
        return;
    }
    printf("tree       %s  %llu records, root %s\n", r->ok ? "ok      " : "TAMPERED",
           (unsigned long long)r->records, root);
    printf("batches    %s  %llu, ", r->ok ? "ok      " : "        ",
           (unsigned long long)r->batches);
    if (v->auth != NULL)
        printf("signatures of %llu checked\n", (unsigned long long)r->signed_batches);
    else
        printf("signatures not checked: that needs the agents' keys (-c CONFIG)\n");
    printf("anchor     none      verified but unanchored: no outside checkpoint covers these "
           "records\n");
}

int kt_cmd_verify(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "verify", "--db FILE [-c CONFIG] [-o json]",
        "re-derive every hash of the store and name what does not fit",
        "keytrail verify --db keytrail.db -c keytrail.yaml", NULL
    };
    const char *db = NULL, *config = NULL, *output = "table";
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store", &db, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE",
          "configuration: the store and the agents' signing keys", &config, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", "table or json", &output, NULL },
        { 0 },
    };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    struct verify v = { .json = strcmp(output, "table") != 0 };
    struct kt_error err = { 0 };
    struct kt_reader *reader = NULL;
    struct kt_verify_result result = { 0 };
    char path[4096];
    if ((config != NULL && open_auth(&v, config, &err) != KT_OK) ||
        kt_cli_store_path(db, config, path, sizeof path, &err) != KT_OK ||
        kt_reader_open(path, &reader, &err) != KT_OK ||
        kt_reader_verify(
            reader,
            &(struct kt_verify_options){ .problem = on_problem,
                                         .signing_key = v.auth != NULL ? signing_keys : NULL,
                                         .self = &v },
            &result, &err) != KT_OK) {
        code = kt_cli_fail("verify", &err);
    } else {
        print(&v, &result);
        code = result.ok ? KT_EXIT_OK : KT_EXIT_NO;
    }
    kt_reader_close(reader);
    kt_auth_free(v.auth);
    kt_buf_done(&v.problems);
    return code;
}
