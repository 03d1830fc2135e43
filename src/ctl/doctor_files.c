/* SPDX-License-Identifier: ISC
 *
 * doctor_files - what lies on disk: whose it is, who may touch it, whether there is room.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "doctor.h"
#include "relayos/base/text.h"
#include "relayos/store/store_audit.h"
#include "relayos/store/store_reader.h"

#define PATH_SIZE (CONF_PATH_SIZE + 32)

static uid_t expected_owner(const struct doctor *doctor);
static void check_secrets(struct doctor *doctor);
static void check_listener(struct doctor *doctor, const struct conf_listener *listener);
static void check_path(struct doctor *doctor, const char *check, const char *path, bool is_secret);
static void check_data_dir(struct doctor *doctor);
static void check_space(struct doctor *doctor, const char *path);

void
doctor_files_check(struct doctor *doctor)
{
    const struct conf *conf = doctor->conf;

    if (doctor->file[0] != '\0') /* else the built-in default */
        check_path(doctor, "config", doctor->file, false);
    if (conf == NULL)
        return;
    if (conf->keys_file[0] != '\0')
        check_path(doctor, "config", conf->keys_file, false);
    check_secrets(doctor);
    check_data_dir(doctor);
}

/* Of what children read: the user that they become, or who runs relayosd. */
static uid_t
expected_owner(const struct doctor *doctor)
{
    const struct passwd *user =
        doctor->conf == NULL || doctor->conf->user[0] == '\0' ? NULL : getpwnam(doctor->conf->user);
    int pid = (int)frame_get_int(doctor->status, "pid", 0);
    char path[64];
    struct stat st;

    if (user != NULL)
        return user->pw_uid;
    snprintf(path, sizeof(path), "/proc/%d", pid);
    if (pid > 0 && stat(path, &st) == 0 && st.st_uid != 0)
        return st.st_uid;
    return doctor->conf != NULL && stat(doctor->conf->data_dir, &st) == 0 ? st.st_uid : geteuid();
}

static void
check_secrets(struct doctor *doctor)
{
    const struct conf *conf = doctor->conf;
    char pepper[PATH_SIZE];

    snprintf(pepper, sizeof(pepper), "%s/pepper", conf->data_dir);
    check_path(doctor, "secrets", pepper, true);
    if (conf->master_key_file[0] != '\0')
        check_path(doctor, "secrets", conf->master_key_file, true);
    for (size_t n = 0; n < conf->n_upstreams; n++) {
        const struct conf_upstream *upstream = &conf->upstreams[n];

        for (uint32_t i = 0; i < upstream->n_credentials; i++) {
            if (upstream->credentials[i].file[0] != '\0')
                check_path(doctor, "secrets", upstream->credentials[i].file, true);
        }
    }
    for (size_t n = 0; n < conf->n_listeners; n++)
        check_listener(doctor, &conf->listeners[n]);
    check_listener(doctor, &conf->console);
}

static void
check_listener(struct doctor *doctor, const struct conf_listener *listener)
{
    for (uint32_t i = 0; i < listener->n_certificates; i++)
        check_path(doctor, "secrets", listener->certificates[i].key, true);
}

static void
check_path(struct doctor *doctor, const char *check, const char *path, bool is_secret)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        if (errno != ENOENT)
            doctor_tell(doctor, check, DOCTOR_WARN, "%s: %s; run this as root", path,
                        strerror(errno));
        return; /* not there: who needs it has said so, and a pepper is made at the first start */
    }
    const struct doctor_rights rights = {
        .mode = st.st_mode,
        .is_secret = is_secret,
        .is_ours = !is_secret || st.st_uid == 0 || st.st_uid == expected_owner(doctor),
    };
    enum doctor_state state = doctor_judge_rights(&rights);

    if (state == DOCTOR_OK && is_secret)
        doctor_tell(doctor, check, state, "%s: mode %04o", path, (unsigned)st.st_mode & 07777);
    else if (state != DOCTOR_OK && !rights.is_ours)
        doctor_tell(doctor, check, state, "%s: belongs to uid %u; run chown %u %s", path, st.st_uid,
                    expected_owner(doctor), path);
    else if (state != DOCTOR_OK)
        doctor_tell(doctor, check, state, "%s: mode %04o; run chmod %s %s", path,
                    (unsigned)st.st_mode & 07777, is_secret ? "600" : "go-w", path);
}

static void
check_data_dir(struct doctor *doctor)
{
    const char *path = doctor->conf->data_dir;
    struct stat st;

    if (stat(path, &st) != 0) {
        doctor_tell(doctor, "data_dir", DOCTOR_WARN, "%s: %s; relayosd makes it at its first start",
                    path, strerror(errno));
        return;
    }
    uid_t owner = expected_owner(doctor);
    if (!S_ISDIR(st.st_mode))
        doctor_tell(doctor, "data_dir", DOCTOR_FAIL, "%s: is no directory", path);
    else if (st.st_uid != owner)
        doctor_tell(doctor, "data_dir", DOCTOR_FAIL, "%s: belongs to uid %u; run chown -R %u %s",
                    path, st.st_uid, owner, path);
    else if ((st.st_mode & S_IWOTH) != 0)
        doctor_tell(doctor, "data_dir", DOCTOR_FAIL, "%s: mode %04o; run chmod 700 %s", path,
                    (unsigned)st.st_mode & 07777, path);
    else if ((st.st_mode & 077) != 0)
        doctor_tell(doctor, "data_dir", DOCTOR_WARN, "%s: mode %04o; run chmod 700 %s", path,
                    (unsigned)st.st_mode & 07777, path);
    else
        doctor_tell(doctor, "data_dir", DOCTOR_OK, "%s: mode %04o, uid %u", path,
                    (unsigned)st.st_mode & 07777, st.st_uid);
    check_space(doctor, path);
}

static void
check_space(struct doctor *doctor, const char *path)
{
    struct statvfs disk;
    char left[32];

    if (statvfs(path, &disk) != 0)
        return;
    int64_t free_bytes = (int64_t)(disk.f_bavail * disk.f_frsize);
    enum doctor_state state =
        doctor_judge_space(free_bytes, (int64_t)(disk.f_blocks * disk.f_frsize));

    text_size_format(free_bytes, left);
    doctor_tell(doctor, "disk", state, "%s left under %s%s", left, path,
                state == DOCTOR_OK ? "" : "; make room: a full disk stops admission");
}

void
doctor_files_check_database(struct doctor *doctor)
{
    struct store *store = NULL;
    char path[PATH_SIZE];
    struct errmsg why;

    if (doctor->conf == NULL)
        return;
    snprintf(path, sizeof(path), "%s/relayos.db", doctor->conf->data_dir);
    int rc = store_reader_open(path, STORE_READER_LIVE, &store, &why);
    if (rc == 0)
        rc = store_audit_pages(store, &why);
    if (rc == 0)
        doctor_tell(doctor, "database", DOCTOR_OK, "%s: every page is sound", path);
    else
        doctor_tell(doctor, "database", DOCTOR_FAIL,
                    "%s: %s; if it is damaged, restore a backup: relayosd(8), BACKUP", path,
                    why.text);
    if (store != NULL)
        store_close(&store);
}
