/* SPDX-License-Identifier: ISC
 *
 * first_touch - something happens just when a page is first looked at: a test's way into the gap
 * between two loads of the code under test.
 */
#ifndef TESTS_FIRST_TOUCH_H
#define TESTS_FIRST_TOUCH_H

#include <criterion/criterion.h>

#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIRST_TOUCH_PAGE 4096 /* the tables of a segment begin on such */

static struct {
    char *page;
    void (*act)(void);
    int n;
} first_touch;

/* The load is made again after us: it finds what `act` has left. Any other fault is a real one. */
static inline void
first_touch_on_fault(int signo, siginfo_t *info, void *context)
{
    char *at = info->si_addr;
    struct sigaction usual = {.sa_handler = SIG_DFL};

    (void)context;
    (void)sigaction(signo, &usual, NULL);
    if (at < first_touch.page || at >= first_touch.page + FIRST_TOUCH_PAGE)
        return;
    (void)mprotect(first_touch.page, FIRST_TOUCH_PAGE, PROT_READ | PROT_WRITE);
    first_touch.n++;
    first_touch.act();
}

/* Once, at the next load or store in the page where `at` is. */
static inline void
first_touch_then(const void *at, void (*act)(void))
{
    struct sigaction action = {.sa_sigaction = first_touch_on_fault, .sa_flags = SA_SIGINFO};

    if (sysconf(_SC_PAGESIZE) != FIRST_TOUCH_PAGE)
        cr_skip_test("larger pages: other tables share this one");
    first_touch.page = (char *)((uintptr_t)at & ~(uintptr_t)(FIRST_TOUCH_PAGE - 1));
    first_touch.act = act;
    first_touch.n = 0;
    cr_assert_eq(sigaction(SIGSEGV, &action, NULL), 0);
    cr_assert_eq(mprotect(first_touch.page, FIRST_TOUCH_PAGE, PROT_NONE), 0);
}

#endif
