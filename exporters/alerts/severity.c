/* severity: the one map of EXPORTS §0 from our five words to everybody's numbers. */
#include "exporters/alerts/target.h"

const struct kt_severity_words kt_severity_words[KT_SEV_COUNT] = {
    [KT_SEV_INFO] = { "info", "#6B7280", "info", 1, 6, 2, 9, 21 },
    [KT_SEV_LOW] = { "low", "#2563EB", "info", 2, 5, 3, 10, 21 },
    [KT_SEV_MEDIUM] = { "medium", "#D97706", "warning", 3, 4, 6, 13, 47 },
    [KT_SEV_HIGH] = { "high", "#DC2626", "error", 4, 3, 8, 17, 73 },
    [KT_SEV_CRITICAL] = { "critical", "#7F1D1D", "critical", 5, 2, 10, 21, 99 },
};
