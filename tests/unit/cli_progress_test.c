/* progress: one line on a terminal, not before a second, gone at the end; nowhere else a byte. */
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* after the others */
#include <cmocka.h>

#include "cli/progress.h"
#include "core/base/log.h"

#define DAY INT64_C(1772440000000000000) /* 2026-03-02 */

struct world {
    struct kt_clock_memory hands;
    struct kt_clock clock;
    struct kt_progress p;
    char *text;
    size_t len;
};

static void start(struct world *w, uint64_t total)
{
    *w = (struct world){ .hands = { .mono = KT_NS_S } };
    w->clock = kt_clock_memory(&w->hands);
    w->p = (struct kt_progress){ .to = open_memstream(&w->text, &w->len),
                                 .clock = &w->clock,
                                 .total = total,
                                 .began = KT_NS_S };
}

static void steps(struct world *w, unsigned n)
{
    while (n-- > 0)
        kt_progress_step(&w->p, DAY);
    (void)fflush(w->p.to);
}

static void stop(struct world *w)
{
    (void)fclose(w->p.to);
    free(w->text);
}

static void the_line_says_how_far_it_is_and_goes_away(void **state)
{
    (void)state;
    struct world w;
    start(&w, 4096);
    w.hands.mono += 10 * KT_NS_S;
    steps(&w, 1024);
    assert_string_equal(w.text, "\r\x1b[K2026-03-02  256 records, 6 %");
    w.hands.mono += 10 * KT_NS_S;
    steps(&w, 3072);
    assert_non_null(strstr(w.text, "\r\x1b[K2026-03-02  1280 records, 31 %, about 27 s to go"));
    size_t before = w.len;
    kt_progress_end(&w.p);
    assert_string_equal(w.text + before, "\r\x1b[K");
    stop(&w);
}

static void what_is_over_in_a_second_says_nothing(void **state)
{
    (void)state;
    struct world w;
    start(&w, 4096);
    w.hands.mono += KT_NS_S - 1;
    steps(&w, 4096);
    kt_progress_end(&w.p);
    assert_int_equal(w.len, 0);
    stop(&w);
}

static void more_records_than_there_were_are_all_of_them(void **state)
{
    (void)state;
    struct world w;
    start(&w, 100);
    w.hands.mono += 2 * KT_NS_S;
    steps(&w, 256);
    assert_string_equal(w.text, "\r\x1b[K2026-03-02  256 records, 100 %");
    stop(&w);
}

/* ---- on a terminal ---- */

/* A child with a terminal of its own, on which a line stands; then `then`. What the terminal got,
 * and how the child ended. */
static void on_a_terminal(void (*then)(struct kt_progress *p), char *text, size_t room, int *status)
{
    int terminal;
    size_t len = 0;
    (void)setenv("TERM", "xterm", 1);
    pid_t child = forkpty(&terminal, NULL, NULL, NULL);
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGINT, SIG_DFL); /* a job in the background inherits that it is ignored */
        struct kt_clock_memory hands = { .mono = KT_NS_S };
        const struct kt_clock clock = kt_clock_memory(&hands);
        struct kt_progress p;
        kt_progress_begin(&p, 4096);
        p.clock = &clock;
        p.began = hands.mono;
        hands.mono += 10 * KT_NS_S;
        for (unsigned i = 0; i < 256; i++)
            kt_progress_step(&p, DAY);
        then(&p);
        _exit(0);
    }
    for (ssize_t n; len + 1 < room && (n = read(terminal, text + len, room - 1 - len)) > 0;)
        len += (size_t)n; /* EIO: the child has ended */
    text[len] = '\0';
    assert_int_equal(waitpid(child, status, 0), child);
    (void)close(terminal);
}

#define STANDS "\r\x1b[K2026-03-02  256 records, 6 %"

static void interrupt(struct kt_progress *p)
{
    (void)p;
    (void)raise(SIGINT);
}

static void the_line_goes_away_at_ctrl_c(void **state)
{
    (void)state;
    char text[256];
    int status;
    on_a_terminal(interrupt, text, sizeof text, &status);
    assert_string_equal(text, STANDS "\r\x1b[K");
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

static void warn_and_end(struct kt_progress *p)
{
    kt_log(KT_LOG_WARN, "one");
    kt_log(KT_LOG_WARN, "two");
    kt_progress_end(p);
    kt_log(KT_LOG_WARN, "three");
    (void)raise(SIGINT); /* as before it began */
}

static void the_line_goes_away_before_a_warning(void **state)
{
    (void)state;
    char text[256];
    int status;
    (void)unsetenv("JOURNAL_STREAM");
    on_a_terminal(warn_and_end, text, sizeof text, &status);
    assert_string_equal(text, STANDS "\r\x1b[Kwarn: one\r\nwarn: two\r\n"
                                     "\r\x1b[Kwarn: three\r\n");
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

static void where_no_terminal_is_nothing_is_said(void **state)
{
    (void)state;
    struct kt_progress p;
    (void)unsetenv("TERM");
    kt_progress_begin(&p, 1);
    assert_null(p.to);
    kt_progress_step(&p, DAY);
    kt_progress_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_says_how_far_it_is_and_goes_away),
        cmocka_unit_test(what_is_over_in_a_second_says_nothing),
        cmocka_unit_test(more_records_than_there_were_are_all_of_them),
        cmocka_unit_test(the_line_goes_away_at_ctrl_c),
        cmocka_unit_test(the_line_goes_away_before_a_warning),
        cmocka_unit_test(where_no_terminal_is_nothing_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
