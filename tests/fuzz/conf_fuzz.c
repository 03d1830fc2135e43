/* SPDX-License-Identifier: ISC
 *
 * Any text is refused with a place and a reason, or is a configuration that, shown and read again,
 * is the same.
 */
#include <assert.h>
#include <string.h>

#include "relayos/conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char *
fuzz_env(const char *name)
{
    (void)name;
    return "provider-key";
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct conf *conf = NULL, *again = NULL;
    struct errmsg why = {""};
    struct buf shown, changes;
    size_t n_restart;

    if (memmem(bytes, len, "file", 4) != NULL)
        return 0; /* not to read what happens to be on this machine */
    if (conf_parse("fuzz", slice_of(bytes, len), fuzz_env, &conf, &why) != 0) {
        assert(conf == NULL && strncmp(why.text, "fuzz:", 5) == 0);
        return 0;
    }
    buf_init(&shown, 64 << 20);
    buf_init(&changes, 64 << 20);
    conf_show(conf, &shown);
    assert(conf_parse("shown", buf_slice(&shown), fuzz_env, &again, &why) == 0);
    assert(conf_diff(conf, again, &changes, &n_restart) == 0);
    conf_free(&conf);
    conf_free(&again);
    buf_fini(&shown);
    buf_fini(&changes);
    return 0;
}
