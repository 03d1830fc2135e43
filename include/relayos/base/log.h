/* SPDX-License-Identifier: ISC
 *
 * log - logfmt lines with a stable event name: time level role pid event key=value ...
 *
 * error = an operator must act; warn = handled but degraded; info = lives and config; debug = per
 * request. No bodies, no keys: a caller formats only what may be read by an operator; the
 * formatter masks key-shaped strings (sk-..., Bearer ...) as the last line of defence.
 * Events are listed in relayosd(8) DIAGNOSTICS; repeats of one event are throttled (100 a second,
 * then a count of what was left out), but for those of the audit trail.
 *
 * Process: each; one line is one write(2), so lines of several processes do not mix.
 */
#ifndef RELAYOS_BASE_LOG_H
#define RELAYOS_BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* stderr until log_open(). role is kept by pointer ("master", "worker"). */
void log_init(const char *role, enum log_level level);
/* Append to path from now on (O_APPEND, 0640); 0 or -errno with the old sink kept. Also reopens. */
int log_open(const char *path);
void log_set_level(enum log_level level);
/* "error", "warn", "info", "debug" -> level, or -1. */
int log_level_parse(const char *name);

void log_error(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_warn(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_debug(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Another log's file, for whoever writes it: 0 or -errno. */
int log_make(const char *path);

#endif
