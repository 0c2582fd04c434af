/*
 * report_text: see the header.
 *
 * Owns:  the words of README.txt.
 * Calls: core/base (enc, hash), core/event (JSON strings).
 */
#include "cli/report_text.h"

#include <inttypes.h>

#include "core/base/hash.h"
#include "core/event/line.h"

void kt_report_digest(struct kt_str text, char ret[65])
{
    uint8_t hash[32];
    kt_sha256_of(&text, 1, hash);
    kt_hex(ret, hash, sizeof hash);
}

/* ---- parameters ---- */

static void member(struct kt_buf *out, const char *name, const char *value)
{
    kt_buf_addf(out, "%s\"%s\": ", out->len > 0 ? ",\n  " : "{\n  ", name);
    if (value != NULL)
        kt_json_quote(out, kt_str_of(value));
    else
        kt_buf_addz(out, "null");
}

/* All that the content of a package depends on. */
static void inputs(const struct kt_report_facts *f, struct kt_buf *out)
{
    char since[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    KT_CLEANUP(kt_buf_done) struct kt_buf log = { 0 };
    kt_buf_add(&log, f->log_id);
    member(out, "report", f->report);
    member(out, "organisation", f->organisation);
    member(out, "from", kt_time_format(f->since, since));
    member(out, "until", kt_time_format(f->until, until));
    member(out, "zone", "UTC");
    member(out, "log", kt_buf_z(&log));
    kt_buf_addf(out, ",\n  \"size\": %" PRIu64, f->size);
    member(out, "root", f->root);
    member(out, "configuration", f->configuration);
    member(out, "controls_sha256", f->controls);
    member(out, "responses_sha256", f->responses);
    member(out, "samples_sha256", f->samples);
    member(out, "held_sha256", f->held);
    kt_buf_addf(out, ",\n  \"lines_hashed\": %s,\n  \"pseudonymised\": %s",
                f->hashed ? "true" : "false", f->hidden ? "true" : "false");
    member(out, "program", f->program);
    member(out, "key", f->key);
}

void kt_report_id(const struct kt_report_facts *f, char ret[KT_ID_TEXT])
{
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
    uint8_t id[16];
    inputs(f, &all);
    struct kt_str part = kt_buf_str(&all);
    kt_blake2b(&part, 1, id, sizeof id);
    (void)kt_id_format(id, ret);
}

void kt_report_parameters(const struct kt_report_facts *f, struct kt_buf *out)
{
    inputs(f, out);
    member(out, "package", f->package);
    kt_buf_addz(out, "\n}\n");
}

/* ---- names ---- */

/* Letters, digits and '-' of a name; of one in another script, "organisation". */
static void slug(const char *name, struct kt_buf *out)
{
    size_t start = out->len;
    for (; *name != '\0'; name++) {
        char c = *name;
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            kt_buf_byte(out, c);
        else if (out->len > start && out->at[out->len - 1] != '-')
            kt_buf_byte(out, '-');
        if (out->len - start == 40)
            break;
    }
    while (out->len > start && out->at[out->len - 1] == '-')
        out->len--;
    if (out->len == start)
        kt_buf_addz(out, "organisation");
}

static void day(kt_time_ns t, struct kt_buf *out)
{
    struct kt_civil c = kt_time_civil(t);
    kt_buf_addf(out, "-%04d%02d%02d", c.year, c.month, c.day);
}

void kt_report_folder(const struct kt_report_facts *f, struct kt_buf *out)
{
    kt_buf_addz(out, "evidence-");
    slug(f->organisation, out);
    day(f->since, out);
    day(f->until - 1, out);
}

/* ---- README ---- */

static const char readme_head[] =
    "Evidence on access to secrets, made by keytrail ("
    "%s"
    ").\n"
    "\n"
    "  report.html        the report; open it in a browser, it prints on A4 and Letter\n"
    "  csv/               every table of the report, whole; UTF-8, RFC 4180, times in UTC,\n"
    "                     spans in seconds, shares as fractions of 1\n"
    "  samples/           samples that were drawn, when there are any\n"
    "  queries/           how each table was asked for\n"
    "  parameters.json    what the content depends on: the same parameters give the same bytes\n"
    "  integrity/         checkpoints of the log, proofs, what retention removed, the verdict\n"
    "  manifest.json      every file: bytes, rows, SHA-256; who made the package, when and where\n"
    "\n"
    "In the tables a leading ' disarms what a spreadsheet would take for a formula, and "
    "characters\n"
    "that are not visible are written as escapes (\\x1b, \\u202e).\n"
    "\n"
    "How to check it, without keytrail and without a network\n"
    "\n"
    "1. Nothing was changed. Hold the signer's public key from before, not from this package:\n"
    "\n";
static const char readme_signed[] =
    "     minisign -Vm manifest.json -P YOUR-COPY-OF-THE-KEY\n"
    "     sha256sum -c SHA256SUMS\n"
    "\n"
    "   The package says that it was signed with the key below; a key inside a package proves\n"
    "   nothing, so compare it:\n"
    "     %s\n";
static const char readme_unsigned[] =
    "     (this package is not signed: nothing shows who made it)\n"
    "     sha256sum -c SHA256SUMS\n";
static const char readme_tail[] =
    "\n"
    "2. All of it at once: signature, every file, row counts, the report's totals, proofs of the\n"
    "   log. Take verify_bundle.py from the project rather than from this package; it is 300 "
    "lines\n"
    "   of Python's standard library and asks the openssl program (3.0 or newer) about "
    "signatures:\n"
    "\n"
    "     python3 verify_bundle.py . --key YOUR-COPY-OF-THE-KEY --checkpoint YOUR-CHECKPOINT\n"
    "\n"
    "   A checkpoint is a few lines that the log signed at some moment and that somebody outside\n"
    "   keeps: an agent, a witness, or you since your last visit. Without one, a log that was\n"
    "   rewritten as a whole, by whoever has its key, would look right; the verdict then says\n"
    "   \"unanchored\", never \"ok\".\n"
    "\n"
    "3. With keytrail: keytrail report verify . --key KEY --checkpoint FILE\n"
    "\n"
    "What the log's own verification said when this package was made (integrity/verify.txt):\n"
    "     ";

void kt_report_readme(const struct kt_report_facts *f, struct kt_buf *out)
{
    kt_buf_addf(out, readme_head, f->program);
    if (f->key != NULL)
        kt_buf_addf(out, readme_signed, f->key);
    else
        kt_buf_addz(out, readme_unsigned);
    kt_buf_addz(out, readme_tail);
    kt_buf_add(out, f->verdict);
    kt_buf_byte(out, '\n');
}
