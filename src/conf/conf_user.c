/* SPDX-License-Identifier: ISC */
#include <pwd.h>
#include <unistd.h>

#include "conf_yaml.h"
#include "relayos/conf/conf.h"

int
conf_check_user(const struct conf *conf, struct errmsg *why)
{
    struct conf_yaml yaml;

    if (geteuid() != 0 || conf->user[0] == '\0' || getpwnam(conf->user) != NULL)
        return 0;
    errmsg_set(why, "user: there is no user %s", conf->user);
    if (conf_yaml_parse(conf->file, (struct slice){conf->text, conf->text_len}, &yaml, NULL) != 0)
        return ERR_CONFIG;
    const struct conf_node *node = conf_yaml_child(yaml.root, "user");
    if (node != NULL)
        errmsg_set(why, "%s:%u:%u: 'user': there is no user %s", conf->file, node->line,
                   node->column, conf->user);
    conf_yaml_free(&yaml);
    return ERR_CONFIG;
}
