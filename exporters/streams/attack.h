/*
 * attack: what each detector finds, in the words of MITRE ATT&CK and of OCSF's analytics. The ids
 * stand here and nowhere else. [S: attack.mitre.org, Enterprise, v19]
 */
#pragma once
#include "core/base/str.h"

#define KT_ATTACK_VERSION "19.0"

enum kt_attack_analytic { /* OCSF 1.8.0, analytic.type_id */
                          KT_ATTACK_RULE = 1,
                          KT_ATTACK_BEHAVIORAL = 2,
                          KT_ATTACK_STATISTICAL = 3,
};
struct kt_attack_name {
    const char *id, *name; /* name NULL: not known, receivers have it */
};
struct kt_attack {
    const char *detector;
    enum kt_attack_analytic analytic;
    const struct kt_attack_name *tactic, *technique, *sub; /* NULL: says none */
};
/* Never NULL: a detector that is not known has a rule's entry without techniques. */
const struct kt_attack *kt_attack_of(const char *detector);
