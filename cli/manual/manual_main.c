/*
 * manual: the program that writes the manual pages at build (`make man`). It is not installed.
 *
 * Owns:  the folder that it writes.
 * Calls: cli/manual.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/manual/pages.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/sys/fs.h"

enum kt_status kt_manual_write(struct kt_manual *m, const struct kt_roff_page *page,
                               struct kt_roff *r, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
    kt_buf_addf(&path, "%s/%s.%s", m->out, page->name, page->section);
    enum kt_status st = kt_fs_write_atomic(kt_buf_z(&path), kt_buf_str(&r->out), 0644, err);
    kt_buf_done(&r->out);
    m->pages += st == KT_OK;
    return st;
}

void kt_manual_exit_status(struct kt_roff *r)
{
    static const struct {
        enum kt_exit code;
        const char *what;
    } codes[] = {
        { KT_EXIT_OK, "done; also where nothing was found" },
        { KT_EXIT_NO, "the answer to the question is no" },
        { KT_EXIT_USAGE, "the command line is wrong" },
        { KT_EXIT_CONFIG, "the configuration is wrong" },
        { KT_EXIT_STORE, "the store is missing, locked, damaged or without room" },
        { KT_EXIT_UNREACHABLE, "the collector, an agent or a target does not answer" },
        { KT_EXIT_DENIED, "not allowed" },
        { KT_EXIT_PARTIAL, "the answer is a part of what there is" },
        { KT_EXIT_INTERRUPTED, "interrupted" },
    };
    kt_roff_section(r, "EXIT STATUS");
    for (size_t i = 0; i < KT_ARRAY_LEN(codes); i++) {
        char code[16];
        (void)snprintf(code, sizeof code, "%d", (int)codes[i].code);
        kt_roff_option(r, code, NULL, kt_str_of(codes[i].what));
    }
}

void kt_manual_files(struct kt_roff *r, bool agent)
{
    kt_roff_section(r, "FILES");
    if (agent) {
        kt_roff_tag(r, KT_STR("`/etc/keytrail/agent.yaml`"), KT_STR("keytrail-agent.yaml(5)"));
        kt_roff_tag(r, KT_STR("`/var/lib/keytrail-agent`"),
                    KT_STR("the spool: lines that are not acknowledged yet"));
        return;
    }
    kt_roff_tag(r, KT_STR("`/etc/keytrail/keytrail.yaml`"), KT_STR("keytrail.yaml(5)"));
    kt_roff_tag(r, KT_STR("`/etc/keytrail/keys`"), KT_STR("keys, 0600 in a folder 0700"));
    kt_roff_tag(r, KT_STR("`/var/lib/keytrail/keytrail.db`"), KT_STR("the store"));
    kt_roff_tag(r, KT_STR("`/run/keytrail/control.sock`"),
                KT_STR("how commands reach the running collector"));
}

int main(int argc, char **argv)
{
    struct kt_error err = { 0 };
    if (argc != 4) {
        fprintf(stderr, "usage: keytrail-manual OUT DOCS YYYY-MM-DD\n");
        return KT_EXIT_USAGE;
    }
    kt_alloc_init();
    kt_hash_init();
    struct kt_manual m = { .out = argv[1], .docs = argv[2], .date = argv[3] };
    if (kt_manual_commands(&m, &err) != KT_OK || kt_manual_configuration(&m, &err) != KT_OK ||
        kt_manual_documents(&m, &err) != KT_OK) {
        fprintf(stderr, "keytrail-manual: %s\n", err.text);
        return KT_EXIT_NO;
    }
    printf("%u pages in %s\n", m.pages, m.out);
    return KT_EXIT_OK;
}
