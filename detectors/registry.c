/*
 * registry: every detector that can run, in the order in which they run (DETECTION §4).
 */
#include "detectors/detector.h"

#define KT_DETECTORS(X)                                                                            \
    X(unexpected_ip)                                                                               \
    X(impossible_travel)                                                                           \
    X(volume_spike)                                                                                \
    X(new_secrets)                                                                                 \
    X(unusual_time)                                                                                \
    X(failed_attempts)                                                                             \
    X(ai_agent)                                                                                    \
    X(env_file)                                                                                    \
    X(signatures)                                                                                  \
    X(sigma)                                                                                       \
    X(grant_then_read)                                                                             \
    X(dormant)                                                                                     \
    X(silent_source)                                                                               \
    X(shared_network)                                                                              \
    X(salt_change)

#define DECLARE(name) extern const struct kt_detector kt_detector_##name;
#define ENTRY(name)   &kt_detector_##name,
KT_DETECTORS(DECLARE)
const struct kt_detector *const kt_detectors[] = { KT_DETECTORS(ENTRY) NULL };

unsigned kt_detectors_count(void)
{
    return (unsigned)KT_ARRAY_LEN(kt_detectors) - 1;
}

/* The pages are part of this object; the Makefile says so where no depfile can. */
#define PAGE(name)                                                                                 \
    __asm__(".section .rodata\n"                                                                   \
            ".global kt_detector_page_" #name "\n"                                                 \
            ".hidden kt_detector_page_" #name "\n"                                                 \
            "kt_detector_page_" #name ":\n"                                                        \
            ".incbin \"detectors/" #name ".md\"\n"                                                 \
            ".byte 0\n"                                                                            \
            ".previous\n");                                                                        \
    extern const char kt_detector_page_##name[];
#define PAGE_ENTRY(name) kt_detector_page_##name,
KT_DETECTORS(PAGE)
static const char *const pages[] = { KT_DETECTORS(PAGE_ENTRY) };

const char *kt_detector_page(unsigned i)
{
    return pages[i];
}
