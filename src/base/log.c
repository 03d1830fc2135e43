/* SPDX-License-Identifier: ISC
 *
 * log - see the header. Its sink is one of the few globals of the program.
 */
#include "relayos/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "relayos/base/clock.h"
#include "relayos/base/fdio.h"
#include "relayos/base/hash.h"

#define BODY_SIZE     4096
#define N_EVENTS      64  /* events whose repeats are counted at the same time */
#define EVENT_REPEATS 100 /* lines of one event a second */
#define AUDIT_EVENTS  "audit"
#define KEY_MIN_SIZE  8 /* shorter than this after "sk-" is a word, not a key */

/* Lines of one event in the current second. A slot is taken over by the next event that needs it.
 */
struct event_count {
    uint64_t hash;
    int64_t second;
    unsigned n_lines, n_dropped;
};

static struct {
    int fd;
    enum log_level level;
    const char *role;
    struct event_count events[N_EVENTS];
} sink = {.fd = STDERR_FILENO, .level = LOG_INFO, .role = "main"};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static int open_file(const char *path);
static void log_event(enum log_level level, const char *event, const char *format, va_list args);
static bool event_may_pass(const char *event, enum log_level level);
static void report_dropped(const char *event, unsigned n, enum log_level level);
static void write_line(int fd, enum log_level level, const char *event, const char *body);
static size_t mask_keys(char *line, size_t len);
static size_t key_prefix_size(const char *line, size_t at);
static bool is_key_char(char c);
static bool is_alnum(char c);

void
log_init(const char *role, enum log_level level)
{
    sink.role = role;
    sink.level = level;
}

void
log_set_level(enum log_level level)
{
    sink.level = level;
}

int
log_level_parse(const char *name)
{
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
        if (strcmp(level_names[i], name) == 0)
            return i;
    }
    return -1;
}

int
log_open(const char *path)
{
    int opened = open_file(path);

    if (opened < 0)
        return opened;
    if (sink.fd > STDERR_FILENO)
        fdio_close(&sink.fd);
    sink.fd = opened;
    return 0;
}

int
log_make(const char *path)
{
    int opened = open_file(path);

    if (opened < 0)
        return opened;
    fdio_close(&opened);
    return 0;
}

static int
open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);

    return fd < 0 ? -errno : fd;
}

void
log_error(const char *event, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_event(LOG_ERROR, event, format, args);
    va_end(args);
}

void
log_warn(const char *event, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_event(LOG_WARN, event, format, args);
    va_end(args);
}

void
log_info(const char *event, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_event(LOG_INFO, event, format, args);
    va_end(args);
}

void
log_debug(const char *event, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_event(LOG_DEBUG, event, format, args);
    va_end(args);
}

static void
log_event(enum log_level level, const char *event, const char *format, va_list args)
{
    char body[BODY_SIZE];

    if (level > sink.level || !event_may_pass(event, level))
        return;
    vsnprintf(body, sizeof(body), format, args);
    write_line(sink.fd, level, event, body);
}

/* The audit trail is held against what stands here: no line of it may be missing. */
static bool
event_may_pass(const char *event, enum log_level level)
{
    if (strncmp(event, AUDIT_EVENTS, sizeof(AUDIT_EVENTS) - 1) == 0)
        return true;
    uint64_t hash = hash_table64(slice_str(event));
    struct event_count *count = &sink.events[hash % N_EVENTS];
    int64_t second = clock_mono_us() / 1000000;

    if (count->hash != hash || count->second != second) {
        unsigned n_dropped = count->hash == hash ? count->n_dropped : 0;

        *count = (struct event_count){.hash = hash, .second = second};
        if (n_dropped > 0)
            report_dropped(event, n_dropped, level);
    }
    if (count->n_lines == EVENT_REPEATS) {
        count->n_dropped++;
        return false;
    }
    count->n_lines++;
    return true;
}

static void
report_dropped(const char *event, unsigned n, enum log_level level)
{
    char body[128];

    snprintf(body, sizeof(body), "of=%s dropped=%u", event, n);
    write_line(sink.fd, level, "log.throttled", body);
}

/* One write(2), so that lines of several processes do not mix. errno is the caller's: kept. */
static void
write_line(int fd, enum log_level level, const char *event, const char *body)
{
    int saved_errno = errno;
    char now[32], line[BODY_SIZE + 256];

    clock_format_utc(clock_real_us(), 6, now);

    int n = snprintf(line, sizeof(line) - 1, "%s %s %s %d %s %s", now, level_names[level],
                     sink.role, (int)getpid(), event, body);
    size_t len = (size_t)n < sizeof(line) - 1 ? (size_t)n : sizeof(line) - 2;

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' '; /* nobody's input begins a line of its own */
    }
    len = mask_keys(line, len);
    line[len++] = '\n';

    int ignored = fdio_write_all(fd, line, len); /* a full disk must not stop the service */

    (void)ignored;
    errno = saved_errno;
}

/* "sk-prod-3f9a..." -> "sk-***", "Bearer eyJ..." -> "Bearer ***". Returns the new length. */
static size_t
mask_keys(char *line, size_t len)
{
    size_t to = 0;

    line[len] = '\0';
    for (size_t from = 0; from < len;) {
        size_t prefix = key_prefix_size(line, from);
        size_t end = from + prefix;

        while (prefix > 0 && is_key_char(line[end]))
            end++;
        if (prefix > 0 && end - from - prefix >= KEY_MIN_SIZE) {
            memmove(line + to, line + from, prefix);
            memcpy(line + to + prefix, "***", 3);
            to += prefix + 3;
            from = end;
        } else {
            line[to++] = line[from++];
        }
    }
    return to;
}

/* Length of the words that announce a key at line[at], 0 if none does. */
static size_t
key_prefix_size(const char *line, size_t at)
{
    static const struct slice prefixes[] = {
        {"sk-", 3}, {"Bearer ", 7}, {"bearer ", 7}, {"AIza", 4}};

    if (at > 0 && is_alnum(line[at - 1]))
        return 0; /* inside a word: "task-list-of-today" */
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(line + at, prefixes[i].ptr, prefixes[i].len) == 0)
            return prefixes[i].len;
    }
    return 0;
}

static bool
is_key_char(char c)
{
    return is_alnum(c) || (c != '\0' && strchr("-_.~+/", c) != NULL);
}

static bool
is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}
