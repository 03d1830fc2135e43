/* SPDX-License-Identifier: ISC
 *
 * assets - what browsers load: the files of src/console/assets, in the program itself. Below
 * /assets/HASH/ they never change; every other path that is none of the API's is a page's, and all
 * pages are index.html.
 */
#ifndef CONSOLE_ASSETS_H
#define CONSOLE_ASSETS_H

#include "call.h"

void assets_answer(struct call *call);

#endif
