/* progress: see the header. */
#include "cli/progress.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"

#define EVERY    256u /* records between two looks at the clock */
#define PATIENCE KT_NS_S
#define PACE     (KT_NS_S / 5)
#define CLEAR    "\r\x1b[K"

static const int stops[] = { SIGINT, SIGTERM };
static volatile sig_atomic_t stands; /* a line */

static bool on_terminal(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
}

/* Ctrl-C ends the program as it does anywhere, but for the line, which would stand before the
 * shell's next. */
static void on_stop(int signal)
{
    int saved = errno;
    ssize_t n = stands ? write(STDERR_FILENO, CLEAR, sizeof CLEAR - 1) : 0;
    (void)n; /* there is nobody to be told */
    (void)raise(signal);
    errno = saved;
}

static void clear_when_stopped(bool on)
{
    const struct sigaction handler = { .sa_handler = on_stop, .sa_flags = (int)SA_RESETHAND };
    const struct sigaction usual = { .sa_handler = SIG_DFL };
    struct sigaction now;
    for (size_t i = 0; i < KT_ARRAY_LEN(stops); i++)
        if (sigaction(stops[i], NULL, &now) == 0 &&
            now.sa_handler == (on ? usual.sa_handler : handler.sa_handler))
            (void)sigaction(stops[i], on ? &handler : &usual, NULL);
}

void kt_progress_begin(struct kt_progress *p, uint64_t total)
{
    *p = (struct kt_progress){ .to = on_terminal() ? stderr : NULL,
                               .clock = &kt_clock_real,
                               .total = total };
    p->began = p->clock->mono(p->clock->self);
    if (p->to != NULL)
        clear_when_stopped(true);
}

static void say(struct kt_progress *p, kt_time_ns now, kt_time_ns at)
{
    char text[KT_TIME_TEXT_MAX];
    uint64_t left = p->total > p->done ? p->total - p->done : 0;
    fprintf(p->to, CLEAR "%.10s  %llu records", kt_time_format(at, text),
            (unsigned long long)p->done);
    if (p->total > 0)
        fprintf(p->to, ", %.0f %%", 100 - 100 * (double)left / (double)p->total);
    kt_time_ns rest = 0;
    if (p->done > EVERY)
        rest = (kt_time_ns)((double)(now - p->counted) * (double)left / (double)(p->done - EVERY));
    if (rest >= KT_NS_S)
        fprintf(p->to, ", about %s to go", kt_duration_format(rest - rest % KT_NS_S, text));
    (void)fflush(p->to);
    kt_log_clears(CLEAR);
    stands = 1;
    p->said = now;
}

void kt_progress_step(struct kt_progress *p, kt_time_ns at)
{
    if (++p->done % EVERY != 0 || p->to == NULL)
        return;
    kt_time_ns now = p->clock->mono(p->clock->self);
    if (p->done == EVERY)
        p->counted = now;
    if (now - p->began >= PATIENCE && now - p->said >= PACE)
        say(p, now, at);
}

void kt_progress_end(struct kt_progress *p)
{
    if (p->to != NULL && p->said != 0) {
        fputs(CLEAR, p->to);
        fflush(p->to);
    }
    if (p->to != NULL) {
        kt_log_clears(NULL);
        stands = 0;
        clear_when_stopped(false);
    }
    p->said = 0;
}
