/* SPDX-License-Identifier: ISC */
#include "meaning.h"

struct meaning
meaning_of(enum upstream_result result, int status)
{
    if (result != UPSTREAM_OK)
        return (struct meaning){.is_ok = false};
    if (status == 0)
        return (struct meaning){.is_ok = true};
    if (status >= 200 && status < 300)
        return (struct meaning){.is_ok = true, .credential = MEANING_ACCEPTED};
    switch (status) {
    case 401:
    case 402:
        return (struct meaning){.is_ok = true, .credential = MEANING_REFUSED};
    case 403:
        return (struct meaning){.is_ok = true, .credential = MEANING_FORBIDDEN};
    case 429:
        return (struct meaning){.is_ok = true, .credential = MEANING_LIMITED};
    case 408:
        return (struct meaning){.is_ok = false};
    default:
        /* 404 and the like: it has no such list, but it answers. A redirect would not be followed
         * for a request either. */
        return (struct meaning){.is_ok = status >= 400 && status < 500};
    }
}

bool
meaning_heals(int refused_status)
{
    return refused_status != 402 && refused_status != 429;
}
