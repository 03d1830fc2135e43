/* SPDX-License-Identifier: ISC
 *
 * capture - where what a key's calls said is kept: a file for each request, named by its id, one
 * JSON object and a line feed. One that does not end so was never whole.
 */
#ifndef RELAYOS_MODEL_CAPTURE_H
#define RELAYOS_MODEL_CAPTURE_H

#define CAPTURE_DIRECTORY "captures"                     /* below data_dir */
#define CAPTURE_MOST_US   (INT64_C(24) * 3600 * 1000000) /* that it may be asked for at a time */

#endif
