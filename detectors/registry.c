/*
 * registry: every detector that can run, in the order in which they run (DETECTION §4).
 */
#include "detectors/detector.h"

#define KT_DETECTORS(X)                                                                            \
    X(unexpected_ip) X(volume_spike) X(new_secrets) X(failed_attempts) X(signatures)

#define DECLARE(name) extern const struct kt_detector kt_detector_##name;
#define ENTRY(name)   &kt_detector_##name,
KT_DETECTORS(DECLARE)
const struct kt_detector *const kt_detectors[] = { KT_DETECTORS(ENTRY) NULL };

unsigned kt_detectors_count(void)
{
    return (unsigned)KT_ARRAY_LEN(kt_detectors) - 1;
}
