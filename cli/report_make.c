/*
 * report_make: `keytrail report soc2` and its like: asks, writes the document, and makes a package
 * of it.
 *
 * Owns:  what one report is made of.
 * Calls: exporters/reports, core/answer, cli/report_package, cli/report_proof; the clock, stderr.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/asking.h"
#include "cli/report_cmd.h"
#include "cli/report_detectors.h"
#include "cli/report_proof.h"
#include "cli/report_text.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/sys/clock.h"
#include "core/sys/fs.h"
#include "core/sys/fs_below.h"

#define PROGRAM       "keytrail " KT_VERSION
#define RESPONSES_MAX (256u << 10)
#define SAMPLE_MAX    (8u << 20)
#define OPERATOR_MAX  80u

struct making {
    const char *folder; /* the package's; NULL: made of what it is about */
    struct kt_asking asking;
    const char *out, *organisation, *maker, *key_file, *responses_file, *controls_file, *hide_file,
        *review_every;
    struct kt_held held;
    struct kt_flag_many sample_files;
    bool verify;
    /* found */
    const struct kt_report *report;
    struct kt_minisign_secret key;
    bool has_key;
    struct kt_buf key_text, responses, name;
    struct kt_auth *agents;
    struct kt_anchors anchors;
    struct kt_buf samples[KT_FLAGS_MAX_MANY];
    struct kt_controls *controls;
    struct kt_pseudonyms *hide;
    struct kt_coverage *coverage;
    struct kt_report_detectors *detectors;
    struct kt_report_evidence *evidence;
    struct kt_package *package;
    struct kt_doc *doc;
    struct kt_report_facts facts;
    char id[KT_ID_TEXT], root[65], configuration[65];
    char host[64];
    struct kt_error err; /* of files beside the document */
};

static void making_done(struct making *m)
{
    kt_doc_free(m->doc);
    kt_package_free(m->package);
    kt_report_evidence_free(m->evidence);
    kt_coverage_free(m->coverage);
    kt_pseudonyms_free(m->hide);
    kt_controls_free(m->controls);
    kt_report_detectors_free(m->detectors);
    kt_anchors_done(&m->anchors);
    kt_auth_free(m->agents);
    for (unsigned i = 0; i < KT_FLAGS_MAX_MANY; i++)
        kt_buf_done(&m->samples[i]);
    kt_buf_done(&m->key_text);
    kt_buf_done(&m->responses);
    kt_buf_done(&m->name);
    kt_wipe(&m->key, sizeof m->key);
}

/* ---- what it is made of ---- */

static enum kt_status read_key(struct making *m, struct kt_error *err)
{
    struct kt_buf file = { 0 };
    if (m->key_file == NULL)
        return KT_OK;
    enum kt_status status = kt_fs_read_secret(m->key_file, KT_MINISIGN_FILE_MAX, &file, err);
    if (status == KT_E_AGAIN)
        return kt_fail(err, KT_E_INPUT, "--key: there is no file '%s': keytrail report keygen %s",
                       m->key_file, m->key_file);
    if (status == KT_OK)
        status = kt_minisign_secret_read(kt_buf_str(&file), &m->key, err);
    if (file.at != NULL)
        kt_wipe(file.at, file.len);
    kt_buf_done(&file);
    if (status != KT_OK)
        return kt_wrap(err, "--key '%s'", m->key_file);
    m->has_key = true;
    kt_minisign_public_text(&m->key.open, &m->key_text);
    return KT_OK;
}

/* A key file that is not there is KT_E_AGAIN below, which here means: mend the option. */
static enum kt_status read_file(const char *flag, const char *path, size_t max, bool secret,
                                struct kt_buf *ret, struct kt_error *err)
{
    enum kt_status status =
        secret ? kt_fs_read_secret(path, max, ret, err) : kt_fs_read_all(path, max, ret, err);
    if (status == KT_E_AGAIN)
        return kt_fail(err, KT_E_INPUT, "%s: there is no file '%s'", flag, path);
    return status == KT_OK ? KT_OK : kt_wrap(err, "%s '%s'", flag, path);
}

static enum kt_status read_controls(struct making *m, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf csv = { 0 };
    struct kt_str text = kt_controls_default_csv();
    if (m->controls_file != NULL) {
        if (read_file("--controls", m->controls_file, KT_CONTROLS_BYTES, false, &csv, err) != KT_OK)
            return err->code;
        text = kt_buf_str(&csv);
    }
    kt_report_digest(text, m->facts.controls);
    return kt_controls_read(text, &m->controls, err) == KT_OK ? KT_OK : kt_wrap(err, "--controls");
}

/* All of them are part of what the package's id is made of. */
static enum kt_status read_samples(struct making *m, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
    if (m->hide_file != NULL && m->sample_files.n > 0)
        return kt_fail(
            err, KT_E_INPUT,
            "--sample goes into no package with --pseudonymise: what was drawn has names "
            "as they are, and a hash of them under the seed; hand it over apart");
    for (unsigned i = 0; i < m->sample_files.n; i++) {
        const char *path = m->sample_files.at[i];
        if (read_file("--sample", path, SAMPLE_MAX, false, &m->samples[i], err) != KT_OK)
            return err->code;
        kt_buf_str32(&all, kt_str_of(path));
        kt_buf_str32(&all, kt_buf_str(&m->samples[i]));
    }
    kt_report_digest(kt_buf_str(&all), m->facts.samples);
    return KT_OK;
}

static enum kt_status read_files(struct making *m, struct kt_error *err)
{
    struct kt_buf key = { 0 };
    enum kt_status status = KT_OK;
    if (m->responses_file != NULL && read_file("--responses", m->responses_file, RESPONSES_MAX,
                                               false, &m->responses, err) != KT_OK)
        return err->code;
    kt_report_digest(kt_buf_str(&m->responses), m->facts.responses);
    if (m->hide_file != NULL) {
        status = read_file("--pseudonymise", m->hide_file, KT_PSEUDONYM_KEY_MAX, true, &key, err);
        if (status == KT_OK)
            status = kt_pseudonyms_new(kt_buf_str(&key), &m->hide, err);
        if (key.at != NULL)
            kt_wipe(key.at, key.len);
        kt_buf_done(&key);
    }
    if (status != KT_OK || read_key(m, err) != KT_OK || read_controls(m, err) != KT_OK)
        return err->code;
    return read_samples(m, err);
}

/* What the log says of itself, and who runs it. */
static void take_facts(struct making *m)
{
    const struct kt_report_proof *proof = kt_report_evidence_proof(m->evidence);
    struct kt_head head = kt_report_evidence_head(m->evidence);
    const struct kt_conf *conf = m->asking.conf;
    struct kt_report_facts *f = &m->facts;
    kt_hex(m->root, head.root, 32);
    if (conf != NULL)
        kt_hex(m->configuration, conf->digest, 32);
    f->report = m->report->name;
    f->organisation = m->organisation;
    f->since = m->asking.ask.since;
    f->until = m->asking.ask.until;
    f->log_id = proof->log_id;
    f->size = head.size;
    f->root = m->root;
    f->configuration = conf != NULL ? m->configuration : NULL;
    f->hidden = m->hide != NULL;
    f->hashed = m->verify;
    f->program = PROGRAM;
    f->key = m->has_key ? kt_buf_z(&m->key_text) : NULL;
    f->verdict = proof->verdict;
    kt_report_id(f, m->id);
    f->package = m->id;
    if (m->folder != NULL)
        kt_buf_addz(&m->name, m->folder);
    else
        kt_report_folder(f, &m->name);
}

/* What is held is part of what the package's id is made of, too. */
static void digest_held(struct making *m)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
    const struct kt_anchors *a = &m->anchors;
    for (unsigned i = 0; i < a->n_keys; i++) {
        kt_buf_u32(&all, a->key[i].keeper);
        kt_buf_str32(&all, kt_str_of(a->key[i].key.name));
        kt_buf_add_bytes(&all, a->key[i].key.public_key, sizeof a->key[i].key.public_key);
    }
    for (unsigned i = 0; i < a->n; i++) {
        kt_buf_str32(&all, kt_report_anchor_name(&a->at[i]));
        kt_buf_str32(&all, kt_buf_str(&a->at[i].note));
    }
    kt_report_digest(kt_buf_str(&all), m->facts.held);
}

/* The allow-list counts where a configuration was named: what the log says of itself names none. */
static enum kt_status take_held(struct making *m, struct kt_error *err)
{
    if (m->asking.config != NULL &&
        kt_auth_open(m->asking.conf->agents_dir, &m->agents, err) != KT_OK)
        return err->code;
    if (kt_held_take(&m->held, KT_HELD_LOG_KEY, m->agents, &m->anchors, err) != KT_OK)
        return err->code;
    digest_held(m);
    return KT_OK;
}

static enum kt_status find_out(struct making *m, struct kt_error *err)
{
    struct kt_ask *ask = &m->asking.ask;
    char path[4096];
    if (kt_cli_store_path(m->asking.db, m->asking.config, path, sizeof path, err) != KT_OK)
        return err->code;
    const struct kt_report_proof_wish wish = { .store = path,
                                               .since = ask->since,
                                               .until = ask->until,
                                               .hash_all = m->verify,
                                               .hide = m->hide != NULL,
                                               .now = kt_clock_real.wall(kt_clock_real.self),
                                               .anchors = &m->anchors,
                                               .agents = m->agents };
    if (take_held(m, err) != KT_OK || kt_report_evidence_load(&wish, &m->evidence, err) != KT_OK)
        return err->code;
    ask->until_seq = kt_report_evidence_head(m->evidence).size;
    ask->recount = true; /* sums that are kept are nobody's evidence */
    if (m->organisation == NULL)
        m->organisation = m->asking.conf != NULL ? m->asking.conf->deployment : "organisation";
    take_facts(m);
    return kt_coverage_load(ask, &m->coverage, err);
}

/* ---- the document and the files beside it ---- */

static enum kt_status write_document(struct making *m, struct kt_error *err)
{
    const struct kt_conf *conf = m->asking.conf;
    const struct kt_doc_head head = { .title = m->report->title,
                                      .organisation = m->organisation,
                                      .framework = m->report->framework,
                                      .package = m->id,
                                      .key = m->facts.key,
                                      .program = PROGRAM,
                                      .since = m->facts.since,
                                      .until = m->facts.until };
    unsigned n_detectors;
    m->detectors = kt_report_detectors_new(conf);
    const struct kt_report_detector *detectors =
        kt_report_detectors_list(m->detectors, &n_detectors);
    kt_time_ns every = 0;
    if (m->review_every != NULL &&
        kt_duration_parse(kt_str_of(m->review_every), &every, err) != KT_OK)
        return kt_wrap(err, "--review-every");
    const struct kt_report_in in = { .ask = &m->asking.ask,
                                     .conf = conf,
                                     .coverage = m->coverage,
                                     .proof = kt_report_evidence_proof(m->evidence),
                                     .controls = m->controls,
                                     .hide = m->hide,
                                     .organisation = kt_str_of(m->organisation),
                                     .system = kt_str_of(conf != NULL ? conf->deployment : NULL),
                                     .detector = detectors,
                                     .n_detectors = n_detectors,
                                     .review_every = every,
                                     .responses = kt_buf_str(&m->responses) };
    const struct kt_doc_out out = kt_package_out(m->package);
    m->doc = kt_doc_new(&head, &out);
    if (kt_report_write(m->report, &in, m->doc, err) != KT_OK)
        return err->code;
    return kt_doc_end(m->doc, err);
}

/* "csv/05_totals.csv" was asked as queries/05_totals.txt says. */
static void take_file(void *self, const char *file, uint64_t bytes, int64_t rows,
                      const uint8_t sha256[32], const char *query)
{
    struct making *m = self;
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 }, text = { 0 };
    struct kt_str name = kt_str_of(file);
    (void)bytes;
    (void)sha256;
    kt_package_rows(m->package, file, rows);
    if (query == NULL || m->err.code != KT_OK)
        return;
    name = kt_str_from_index(name, (size_t)(kt_str_rfind_byte(name, '/') + 1));
    name = kt_str_sub(name, 0, name.len - (kt_str_ends(name, KT_STR(".csv")) ? 4 : 0));
    kt_buf_addf(&path, "queries/" KT_STR_FMT ".txt", KT_STR_ARG(name));
    kt_buf_addf(&text, "%s\n", query);
    (void)!kt_package_put(m->package, kt_buf_z(&path), kt_buf_str(&text), -1, &m->err);
}

/* Rows of a table as this program writes it, -1: it is none (a list, or what a spreadsheet saved).
 */
static int64_t rows_of(struct kt_str text)
{
    int64_t ends = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        quoted = quoted != (text.at[i] == '"');
        if (text.at[i] != '\n' || quoted)
            continue;
        if (i == 0 || text.at[i - 1] != '\r')
            return -1;
        ends++;
    }
    return kt_str_ends(text, KT_STR("\r\n")) ? ends - 1 : -1;
}

/* A sample that was drawn, as samples/<its name>. */
static enum kt_status write_sample(struct making *m, unsigned i, struct kt_error *err)
{
    struct kt_str name = kt_str_of(m->sample_files.at[i]), text = kt_buf_str(&m->samples[i]);
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
    name = kt_str_from_index(name, (size_t)(kt_str_rfind_byte(name, '/') + 1));
    kt_buf_addf(&path, "samples/" KT_STR_FMT, KT_STR_ARG(name));
    if (!kt_package_may(kt_buf_z(&path)))
        return kt_fail(err, KT_E_INPUT,
                       "--sample '%s': give it a name of letters, digits, '-', '_' and '.'",
                       m->sample_files.at[i]);
    return kt_package_put(m->package, kt_buf_z(&path), text, rows_of(text), err);
}

static enum kt_status write_beside(struct making *m, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf readme = { 0 }, parameters = { 0 };
    kt_doc_files(m->doc, take_file, m);
    if (m->err.code != KT_OK) {
        *err = m->err;
        return err->code;
    }
    for (unsigned i = 0; i < m->sample_files.n; i++)
        if (write_sample(m, i, err) != KT_OK)
            return err->code;
    kt_report_readme(&m->facts, &readme);
    kt_report_parameters(&m->facts, &parameters);
    if (kt_report_evidence_write(m->evidence, m->package, err) != KT_OK ||
        kt_package_put(m->package, "parameters.json", kt_buf_str(&parameters), -1, err) != KT_OK ||
        kt_package_put(m->package, "verify_bundle.py", kt_str_of(kt_report_bundle_checker), -1,
                       err) != KT_OK)
        return err->code;
    return kt_package_put(m->package, "README.txt", kt_buf_str(&readme), -1, err);
}

static enum kt_status seal(struct making *m, struct kt_error *err)
{
    const struct kt_report_proof *proof = kt_report_evidence_proof(m->evidence);
    if (gethostname(m->host, sizeof m->host - 1) != 0)
        m->host[0] = '\0';
    const struct kt_package_about about = { .package = m->id,
                                            .report = m->report->name,
                                            .organisation = m->organisation,
                                            .program = PROGRAM,
                                            .host = m->host,
                                            .operator_name = kt_cli_who(m->maker),
                                            .since = m->facts.since,
                                            .until = m->facts.until,
                                            .made = kt_clock_real.wall(kt_clock_real.self),
                                            .log_id = proof->log_id.at,
                                            .root = m->root,
                                            .first = proof->first_seq,
                                            .last = proof->last_seq,
                                            .size = m->facts.size,
                                            .configuration = m->facts.configuration };
    return kt_package_seal(m->package, &about, m->has_key ? &m->key : NULL, err);
}

static bool is_name(struct kt_str s)
{
    bool plain = s.len > 0 && s.len <= OPERATOR_MAX && kt_utf8_valid(s);
    for (size_t i = 0; i < s.len && plain; i++)
        plain = (unsigned char)s.at[i] >= ' ' && s.at[i] != 0x7f;
    return plain;
}

static enum kt_status make(struct making *m, struct kt_error *err)
{
    struct kt_ask *ask = &m->asking.ask;
    if (read_files(m, err) != KT_OK || kt_asking_open(&m->asking, 0, err) != KT_OK)
        return err->code;
    if (ask->since == 0 || ask->until == 0)
        return kt_fail(err, KT_E_INPUT,
                       "which period? --from 2025-10-01 --to 2026-09-30, --month or --quarter");
    if (m->folder != NULL &&
        (!kt_fs_name_ok(kt_str_of(m->folder)) || strchr(m->folder, '/') != NULL))
        return kt_fail(err, KT_E_INPUT, "--name is of letters, digits, dots, dashes, underscores");
    if (m->maker != NULL && !is_name(kt_str_of(m->maker)))
        return kt_fail(err, KT_E_INPUT, "--operator is a name of at most %u bytes, in one line",
                       OPERATOR_MAX);
    if (ask->until < ask->now)
        ask->now = ask->until; /* a period that is over looks the same whenever it is asked for */
    if (find_out(m, err) != KT_OK ||
        kt_package_begin(&kt_fs_real, m->out, kt_buf_z(&m->name), &m->package, err) != KT_OK ||
        write_document(m, err) != KT_OK || write_beside(m, err) != KT_OK)
        return err->code;
    return seal(m, err);
}

static void say_done(const struct making *m)
{
    unsigned open = kt_doc_alarms(m->doc);
    printf("%s\n", kt_package_path(m->package));
    if (m->asking.quiet)
        return;
    fprintf(stderr, "%u files; %u open points\ntree: " KT_STR_FMT "\n",
            kt_package_count(m->package), open, KT_STR_ARG(m->facts.verdict));
    if (m->has_key)
        fprintf(stderr, "signed; auditors check it with: minisign -Vm manifest.json -P %s\n",
                m->facts.key);
    else
        fprintf(stderr, "not signed: nothing shows who made it (--key, keytrail report keygen)\n");
}

int kt_report_make(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "report soc2",
        "--from DAY --to DAY --out DIR [--org NAME] [--key FILE]",
        "a report over a period, as a folder of page, tables, proofs and a signed manifest",
        "keytrail report soc2 --from 2025-10-01 --to 2026-09-30 --out evidence --org acme --key "
        "report.key",
        NULL,
        NULL
    };
    struct making m = { .asking = { .utc = true }, .out = NULL };
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store (or -c: the one of a configuration)",
          &m.asking.db, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration that names the store",
          &m.asking.config, NULL },
        KT_WINDOW_FLAGS(m.asking.window),
        { "--out", 0, KT_FLAG_STRING, "DIR", "folder that the package is put into", &m.out, NULL },
        { "--name", 0, KT_FLAG_STRING, "NAME",
          "of the package's own folder in it (evidence-ORG-FROM-TO)", &m.folder, NULL },
        { "--org", 0, KT_FLAG_STRING, "NAME", "who it is about (the configuration's deployment)",
          &m.organisation, NULL },
        { "--operator", 0, KT_FLAG_STRING, "NAME", "who makes it (the user who runs the command)",
          &m.maker, NULL },
        { "--key", 0, KT_FLAG_STRING, "FILE", "key that signs it (keytrail report keygen)",
          &m.key_file, NULL },
        { "--responses", 0, KT_FLAG_STRING, "FILE",
          "management's response to exceptions, as text, for the page", &m.responses_file, NULL },
        { "--review-every", 0, KT_FLAG_STRING, "TIME",
          "an access review of each kind is due so often (90d)", &m.review_every, NULL },
        { "--controls", 0, KT_FLAG_STRING, "FILE", "your own control matrix (CSV)",
          &m.controls_file, NULL },
        { "--pseudonymise", 0, KT_FLAG_STRING, "FILE",
          "names and addresses as hashes under the key in FILE (0600)", &m.hide_file, NULL },
        KT_HELD_FLAGS(m.held, KT_HELD_LOG_KEY),
        { "--sample", 0, KT_FLAG_MANY, "FILE", "a sample that was drawn, for samples/",
          &m.sample_files, NULL },
        { "--verify", 0, KT_FLAG_BOOL, NULL,
          "hash every line of the log again (as keytrail verify)", &m.verify, NULL },
        { "--quiet", 'q', KT_FLAG_BOOL, NULL, "no talk on stderr", &m.asking.quiet, NULL },
        { "--timeout", 0, KT_FLAG_STRING, "TIME", "give up after (1h)", &m.asking.timeout, NULL },
        { 0 },
    };
    struct kt_error err = { 0 };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    m.report = kt_report_of(kt_str_of(argv[0]));
    if (n != 0 || m.out == NULL) {
        fprintf(stderr, "keytrail report %s: where to? --out DIR\n", argv[0]);
        return KT_EXIT_USAGE;
    }
    if (m.asking.timeout == NULL)
        m.asking.timeout = "1h";
    if (make(&m, &err) == KT_OK)
        say_done(&m);
    code = kt_asking_end(&m.asking, "report", &err);
    making_done(&m);
    return code;
}
