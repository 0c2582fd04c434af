/*
 * report_checker: verify_bundle.py as bytes of this program, for each package.
 *
 * Owns:  nothing.
 * Calls: nothing.
 */
#include "cli/report_cmd.h"

/* The Makefile names the script as a prerequisite of this object. */
__asm__(".section .rodata\n"
        ".global kt_report_bundle_checker\n"
        ".hidden kt_report_bundle_checker\n"
        "kt_report_bundle_checker:\n"
        ".incbin \"exporters/reports/verify_bundle.py\"\n"
        ".byte 0\n"
        ".previous\n");
