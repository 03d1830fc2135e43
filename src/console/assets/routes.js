// SPDX-License-Identifier: ISC
//
// Every page, one row each: its path, its file in pages/, the least role that sees it (null:
// without sign-in), and, for those in the menu, label, group and the key after "g".

export const ROUTES = [
    { path: "/signin", file: "signin", role: null },
    { path: "/setup", file: "setup", role: null },
    { path: "/quickstart", file: "quickstart", role: "member", nav: "Quickstart",
      group: "Use", key: "q" },
    { path: "/keys", file: "keys", role: "member", nav: "API keys", group: "Use", key: "k" },
    { path: "/keys/{id}", file: "key", role: "member" },
    { path: "/models", file: "models", role: "member", nav: "Models", group: "Use", key: "m" },
    { path: "/requests", file: "requests", role: "member", nav: "Requests",
      group: "Use", key: "r" },
    { path: "/requests/{id}", file: "request", role: "member" },
    { path: "/usage", file: "usage", role: "member", nav: "Usage", group: "Use", key: "u" },
    { path: "/routes", file: "routes", role: "operator", nav: "Routes",
      group: "Operate", key: "o" },
    { path: "/routes/{id}", file: "route", role: "operator" },
    { path: "/explain", file: "explain", role: "operator", nav: "Explain",
      group: "Operate", key: "x" },
    { path: "/prices", file: "prices", role: "operator", nav: "Prices",
      group: "Operate", key: "p" },
    { path: "/status", file: "status", role: "operator", nav: "Status",
      group: "Operate", key: "s" },
    { path: "/config", file: "config", role: "operator", nav: "Config",
      group: "Operate", key: "c" },
    { path: "/users", file: "users", role: "admin", nav: "Users", group: "Administer", key: "e" },
    { path: "/admin-keys", file: "adminkeys", role: "admin", nav: "Admin keys", group: "Administer",
      key: "d" },
    { path: "/audit", file: "audit", role: "admin", nav: "Audit log",
      group: "Administer", key: "a" },
    { path: "/password", file: "password", role: "member" },
];

export const HOME = "/keys";

const RANK = { member: 1, operator: 2, admin: 3 };

export function roleCovers(role, needed) {
    return needed === null || RANK[role] >= RANK[needed];
}

// { route, params } of a path, or null.
export function matchRoute(path) {
    const parts = path.replace(/(.)\/+$/, "$1").split("/");
    for (const route of ROUTES) {
        const params = matchParts(route.path.split("/"), parts);
        if (params !== null)
            return { route, params };
    }
    return null;
}

function matchParts(pattern, parts) {
    const params = {};
    if (pattern.length !== parts.length)
        return null;
    for (const [at, part] of pattern.entries()) {
        if (part.startsWith("{"))
            params[part.slice(1, -1)] = decode(parts[at]);
        else if (part !== parts[at])
            return null;
    }
    return Object.values(params).includes("") ? null : params;
}

function decode(text) {
    try {
        return decodeURIComponent(text);
    } catch {
        return text;
    }
}
