/* report_cmd: what the files of `keytrail report` share. Each runs one of its words and gives the
 * exit code; argv[0] is the word. */
#pragma once

int kt_report_make(int argc, char **argv);    /* soc2 and the other reports */
int kt_report_keygen(int argc, char **argv);  /* a key pair that signs packages */
int kt_report_sample(int argc, char **argv);  /* draws from a population */
int kt_report_verify(int argc, char **argv);  /* checks a package */
extern const char kt_report_bundle_checker[]; /* verify_bundle.py, which goes into each package */
