/* SPDX-License-Identifier: ISC */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config.h"
#include "relayos/base/fdio.h"
#include "relayos/base/limits.h"

#define READ_SIZE   65536
#define RETRY_MS    20
#define PATIENCE_MS 60000 /* the longest that relayosd works on one command is some seconds */

static const char *const default_paths[] = {"./var/run/control.sock", "/run/relayos/control.sock"};
#define N_DEFAULT_PATHS (sizeof(default_paths) / sizeof(default_paths[0]))

static void write_who(struct frame_out *out);
static int connect_socket(struct client *client);
static int find_socket(struct client *client);
static int receive(struct client *client);
static int exit_of(int err);

void
client_init(struct client *client)
{
    *client = (struct client){.fd = -1, .out = frame_out_new()};
    buf_init(&client->wire, LIMIT_CONTROL_FRAME + READ_SIZE);
}

void
client_fini(struct client *client)
{
    fdio_close(&client->fd);
    frame_out_free(&client->out);
    frame_in_free(&client->in);
    buf_fini(&client->wire);
}

struct frame_out *
client_begin(struct client *client, enum command command)
{
    command_request_begin(client->out, 1, command_info(command)->name);
    if (command_info(command)->right == COMMAND_WRITE)
        write_who(client->out);
    return client->out;
}

/* Root by sudo is the person behind it. The daemon lets in nobody who could not lie anyway; of who
 * has no name it takes the number. */
static void
write_who(struct frame_out *out)
{
    const char *sudo = getuid() == 0 ? getenv("SUDO_USER") : NULL;
    const struct passwd *user = getpwuid(getuid());

    if (sudo != NULL && sudo[0] != '\0')
        frame_cstr(out, "who", sudo);
    else if (user != NULL)
        frame_cstr(out, "who", user->pw_name);
}

int
client_call(struct client *client, const struct frame_value **out_result)
{
    buf_clear(&client->wire);
    command_request_end(client->out, &client->wire);
    if (client->wire.overflow)
        return client_fail(CTL_USAGE, "the arguments are too long");
    int rc = client->fd < 0 ? connect_socket(client) : CTL_OK;
    if (rc != CTL_OK)
        return rc;
    rc = fdio_write_all(client->fd, client->wire.ptr, client->wire.len);
    if (rc == 0 && (rc = receive(client)) == ERR_BUSY)
        return client_fail(CTL_UNREACHABLE,
                           "relayosd has not answered for %d s; is it stopped (ps), or its disk?",
                           PATIENCE_MS / 1000);
    if (rc != 0)
        return client_fail(CTL_UNREACHABLE, "relayosd closed the connection");

    const struct frame_value *root = frame_root(client->in);
    if (frame_get_bool(root, "ok", false)) {
        *out_result = frame_get(root, "result");
        return CTL_OK;
    }
    struct slice error = frame_get_str(root, "error");
    (void)client_fail(0, "%.*s", (int)error.len, error.ptr);
    return exit_of(command_code_find(frame_get_str(root, "code")));
}

static int
connect_socket(struct client *client)
{
    const struct sockaddr_un *address = &client->address;
    int rc = find_socket(client);

    if (rc != CTL_OK)
        return rc;
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd >= 0 &&
        connect(client->fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
        return CTL_OK;
    int error = errno;
    fdio_close(&client->fd);
    return client_fail(CTL_UNREACHABLE, "%s: %s%s", address->sun_path, strerror(error),
                       error == EACCES ? "; only root and relayosd's own user may enter"
                                       : "; is relayosd running?");
}

/* -s, else what the config says, else the place of `make run` if there is one, else the usual.
 * Once: whatever has become of the file since, it is the same relayosd that is reached again. */
static int
find_socket(struct client *client)
{
    char configured[CONF_PATH_SIZE + 32];
    const char *path = client->socket_path;
    struct sockaddr_un *out = &client->address;

    if (out->sun_path[0] != '\0')
        return CTL_OK;
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (path == NULL && client->config_file != NULL) {
        int rc = config_socket_path(client->config_file, configured, sizeof(configured));
        if (rc != CTL_OK)
            return rc;
        path = configured;
    }
    for (size_t n = 0; path == NULL; n++) {
        if (n == N_DEFAULT_PATHS - 1 || access(default_paths[n], F_OK) == 0)
            path = default_paths[n];
    }
    int len = snprintf(out->sun_path, sizeof(out->sun_path), "%s", path);
    if (len < 0 || (size_t)len >= sizeof(out->sun_path)) {
        out->sun_path[0] = '\0'; /* half a path is another's */
        return client_fail(CTL_USAGE, "%s: too long for a socket's path", path);
    }
    return CTL_OK;
}

bool
client_ask(struct client *client, const struct frame_value **out_result)
{
    buf_clear(&client->wire);
    command_request_end(client->out, &client->wire);
    if (client->fd >= 0 && !client->wire.overflow &&
        send(client->fd, client->wire.ptr, client->wire.len, MSG_NOSIGNAL) ==
            (ssize_t)client->wire.len &&
        receive(client) == 0 && frame_get_bool(frame_root(client->in), "ok", false)) {
        *out_result = frame_get(frame_root(client->in), "result");
        return true;
    }
    fdio_close(&client->fd);
    return false;
}

bool
client_reconnect(struct client *client, int timeout_ms)
{
    const struct sockaddr_un *address = &client->address;

    if (find_socket(client) != CTL_OK)
        return false;
    for (; timeout_ms > 0; timeout_ms -= RETRY_MS) {
        fdio_close(&client->fd);
        client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (client->fd >= 0 &&
            connect(client->fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
            return true;
        (void)poll(NULL, 0, RETRY_MS);
    }
    fdio_close(&client->fd);
    return false;
}

static int
receive(struct client *client)
{
    int rc;

    buf_clear(&client->wire);
    frame_in_free(&client->in);
    while ((rc = frame_in_take(&client->wire, &client->in)) == ERR_INCOMPLETE) {
        char *room = buf_reserve(&client->wire, READ_SIZE);
        struct pollfd answer = {.fd = client->fd, .events = POLLIN};

        if (poll(&answer, 1, PATIENCE_MS) == 0)
            return ERR_BUSY;
        ssize_t n = room == NULL ? 0 : read(client->fd, room, READ_SIZE);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        buf_commit(&client->wire, (size_t)n);
    }
    return rc;
}

/* For an err that the daemon answered with. */
static int
exit_of(int err)
{
    if (err == ERR_MISSING || err == ERR_NOT_FOUND)
        return CTL_MISSING;
    if (err == ERR_CONFLICT || err == ERR_EXISTS || err == ERR_STALE)
        return CTL_CONFLICT;
    return CTL_REFUSED;
}

int
client_fail(int exit_status, const char *format, ...)
{
    va_list list;

    (void)fflush(stdout);
    fprintf(stderr, "relayosctl: ");
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return exit_status;
}
