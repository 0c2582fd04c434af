/*
 * controls: which section of a report is evidence for which requirement of which framework
 * (EXPORTS §4.4), as a CSV file that people edit.
 *
 * Head: topic,evidence,soc2,iso27001,pci,hipaa,nist. evidence: names of parts of a report, blanks
 * between them ("access failed"). The other cells are for people.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"

#define KT_CONTROLS_BYTES (256u << 10)
#define KT_CONTROLS_ROWS  500u

enum kt_framework {
    KT_FRAMEWORK_SOC2,
    KT_FRAMEWORK_ISO27001,
    KT_FRAMEWORK_PCI,
    KT_FRAMEWORK_HIPAA,
    KT_FRAMEWORK_NIST,
    KT_FRAMEWORK_COUNT
};
struct kt_control {
    struct kt_str topic, evidence; /* UTF-8, at most 1,000 bytes a cell */
    struct kt_str in[KT_FRAMEWORK_COUNT];
};
struct kt_controls;
/* The file: RFC 4180, LF or CRLF, a byte order mark is passed over. KT_E_INPUT names the line and
 * what is wrong: another head, too few cells, an unknown part (with the nearest), a topic twice. */
KT_MUST_USE enum kt_status kt_controls_read(struct kt_str csv, struct kt_controls **ret,
                                            struct kt_error *err);
void kt_controls_free(struct kt_controls *c);
unsigned kt_controls_count(const struct kt_controls *c);
const struct kt_control *kt_controls_at(const struct kt_controls *c, unsigned i);
/* The file that comes along. */
struct kt_str kt_controls_default_csv(void);
