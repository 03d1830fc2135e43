// SPDX-License-Identifier: ISC
//
// A new password, twice.

import { ApiError } from "./api.js";
import { field } from "./dom.js";

const LENGTH_MIN = 12;

export function passwordFields(name, label) {
    return [
        field({ label, name, type: "password", required: true, autocomplete: "new-password",
            hint: `At least ${LENGTH_MIN} characters; a few words make a good one.`,
                read: longEnough }),
        field({ label: `${label}, again`, name: `${name}_again`, type: "password", required: true,
            autocomplete: "new-password" }),
    ];
}

// The values without the second one, once they are the same.
export function sameTwice(all, name) {
    const { [`${name}_again`]: again, ...values } = all;
    if (values[name] !== again)
        throw new ApiError({ code: "invalid", field: `${name}_again`,
            message: "It is not the same." });
    return values;
}

// For an account that someone else is to use: five groups of five letters, 116 bits.
export function makePassword() {
    const letters = "abcdefghjkmnpqrstuvwxyz23";
    const limit = 256 - 256 % letters.length;
    let out = "";
    while (out.length < 25)
        for (const byte of crypto.getRandomValues(new Uint8Array(32)))
            if (byte < limit && out.length < 25)
                out += letters[byte % letters.length];
    return out.match(/.{5}/g).join("-");
}

export function longEnough(text) {
    if ([...text].length < LENGTH_MIN)
        throw new Error(`At least ${LENGTH_MIN} characters.`);
    return text;
}
