/*
 * regex: RE2 behind four C functions.
 *
 * Owns:  the compiled expression.
 * Calls: RE2. Throws nothing: a bad pattern is a state of the object.
 * Holds: no pattern takes more than linear time, nor more memory than is said here.
 */
#include "core/base/regex.h"

#include <re2/re2.h>

#include <new>

namespace
{
constexpr int64_t memory_max = 256 << 10; // for the program and the states that matching makes
}

struct kt_regex {
    RE2 re;
    kt_regex(const re2::StringPiece &pattern, const RE2::Options &o) : re(pattern, o)
    {
    }
};

enum kt_status kt_regex_new(struct kt_str pattern, unsigned flags, struct kt_regex **ret,
                            struct kt_error *err)
{
    RE2::Options o;
    o.set_log_errors(false);
    o.set_never_capture(true);
    o.set_max_mem(memory_max);
    o.set_case_sensitive((flags & KT_REGEX_ANY_CASE) == 0);
    o.set_dot_nl((flags & KT_REGEX_DOT_LINES) != 0);
    std::string text(pattern.len > 0 ? pattern.at : "", pattern.len);
    if ((flags & KT_REGEX_LINES) != 0)
        text.insert(0, "(?m)");
    struct kt_regex *re = new (std::nothrow) kt_regex(text, o);
    if (re == nullptr)
        return kt_fail(err, KT_E_LIMIT, "no memory for this expression");
    if (!re->re.ok()) {
        bool large = re->re.error_code() == RE2::ErrorPatternTooLarge;
        enum kt_status st = kt_fail(err, large ? KT_E_LIMIT : KT_E_INPUT, "%s",
                                    large ? "the expression is too large: repeat less in it"
                                          : re->re.error().c_str());
        delete re;
        return st;
    }
    *ret = re;
    return KT_OK;
}

bool kt_regex_find(const struct kt_regex *re, struct kt_str text)
{
    return RE2::PartialMatch(re2::StringPiece(text.len > 0 ? text.at : "", text.len), re->re);
}

void kt_regex_free(struct kt_regex *re)
{
    delete re;
}
