// SPDX-License-Identifier: ISC
//
// A new key's secret on its way to Quickstart: kept in memory, for one taker.

let held = null;

export function handSecret(made) {
    held = made;
}

export function takeSecret() {
    const made = held;
    held = null;
    return made;
}
