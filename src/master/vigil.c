/* SPDX-License-Identifier: ISC */
#include "vigil.h"

#include "relayos/base/log.h"
#include "state.h"

void
vigil_work(struct master *master, int64_t now_us)
{
    for (uint32_t slot = 0; slot < proc_slot_count(master->segment); slot++) {
        struct proc_view view;

        proc_slot_view(master->segment, slot, &view);
        switch (vigil_look(&master->vigils[slot], &view, now_us)) {
        case VIGIL_SILENT:
            log_error("child.silent", "role=%s slot=%u child=%d seconds=%d",
                      proc_role_name(view.role), slot, (int)view.pid,
                      (int)((now_us - view.heartbeat_us) / 1000000));
            break;
        case VIGIL_SPEAKS:
            log_warn("child.speaks", "role=%s slot=%u child=%d", proc_role_name(view.role), slot,
                     (int)view.pid);
            break;
        case VIGIL_NOTHING:
            break;
        }
    }
}

enum vigil_news
vigil_look(struct vigil *vigil, const struct proc_view *view, int64_t now_us)
{
    bool is_alive = view->pid != 0 && view->state != PROC_VACANT && view->state != PROC_DEAD;

    if (!is_alive || vigil->generation != view->generation) {
        *vigil = (struct vigil){.generation = view->generation};
        return VIGIL_NOTHING;
    }
    if (now_us - view->heartbeat_us <= VIGIL_SILENT_US) {
        bool was_reported = vigil->is_reported;

        vigil->suspect_us = 0;
        vigil->is_reported = false;
        return was_reported ? VIGIL_SPEAKS : VIGIL_NOTHING;
    }
    if (vigil->suspect_us == 0)
        vigil->suspect_us = now_us;
    if (vigil->is_reported || now_us - vigil->suspect_us < VIGIL_AGAIN_US)
        return VIGIL_NOTHING;
    vigil->is_reported = true;
    return VIGIL_SILENT;
}
