// SPDX-License-Identifier: ISC
//
// The configuration in force, with every value; what a reload would change; and the reload.

import { api } from "../api.js";
import { button, codeBlock, confirm, count, errorView, facts, h, notice, plural, put, section,
    toast, when } from "../dom.js";

const PATIENCE_MS = 60000;

export const page = {
    title: "Config",
    async render(ctx) {
        const verdict = h("div", { class: "stack", role: "status" });
        const yaml = h("div");
        const checker = button("Check the file", () => run(check));
        const reloader = button("Reload …", () => run(reload), { class: "primary" });

        async function run(work) {
            checker.disabled = reloader.disabled = true;
            try {
                await work();
            } catch (error) {
                put(verdict, error.status === 422 ? failure(error) : errorView(error));
            }
            checker.disabled = reloader.disabled = false;
        }
        async function ask() {
            put(verdict, h("p", { class: "muted" }, "Checking …"));
            return api.post("/config/check", {}, { signal: ctx.signal, patienceMs: PATIENCE_MS });
        }
        async function check() {
            const answer = await ask();
            put(verdict, answer.is_ok ? changesView(answer, "A reload would change nothing.",
                `A reload would make ${plural(answer.n_changes, "change")}.`) :
                    failure({ message: answer.error }));
        }
        async function reload() {
            const answer = await ask();
            if (!answer.is_ok)
                return put(verdict, failure({ message: answer.error }));
            put(verdict);
            const isSure = await confirm({ title: "Reload the configuration?", action: "Reload",
                body: changesView(answer,
                    "The file has not changed; a reload reads secrets and keys anew.",
                    `It makes ${plural(answer.n_changes, "change")}. ` +
                    "Requests in flight go on as they began.") });
            if (!isSure)
                return;
            const done = await api.post("/reload", {},
                { signal: ctx.signal, patienceMs: PATIENCE_MS });
            toast("The configuration is reloaded.");
            put(verdict, changesView(done, "Reloaded: the configuration is as it was.",
                `Reloaded: ${plural(done.n_changes, "change")}.`, "good"));
            await load();
        }
        async function load() {
            const config = await api.get("/config", { signal: ctx.signal });
            const hasFile = Boolean(config.file);
            ctx.head({ title: page.title, about: hasFile ?
                "It is changed in its file; secrets are never shown. What the last reload has " +
                "changed, relayosctl config rollback takes back." :
                "There is no file: relayosd runs on its built-in default. Start it with -c FILE " +
                "to change what is below.", actions: hasFile ? [checker, reloader] : [] });
            put(yaml, section("In force", facts([
                ["File", config.file || "none"],
                config.loaded_us ? ["Loaded", when(config.loaded_us)] : null,
                hasFile && config.sha256 ? ["SHA-256 of the file", h("code",
                    { title: config.sha256 }, `${config.sha256.slice(0, 16)}…`)] : null,
            ]), h("div", { class: "yaml" }, codeBlock(config.yaml, "the configuration"))));
        }
        await load();
        put(ctx.root, verdict, yaml);
    },
};

function changesView({ changes = "", n_changes: n = 0, n_restart: nRestart = 0 }, none, some,
    kind = "info") {
    const lines = changes.split("\n").filter((line) => line !== "");
    return h("div", { class: "stack" },
        notice(n === 0 ? "info" : kind, h("p", {}, h("strong", {}, n === 0 ? none : some)),
            nRestart > 0 &&
                h("p", {}, `${count(nRestart)} of them wait for a restart of relayosd.`)),
        lines.length > 0 && h("div", { class: "diff", tabindex: 0, role: "region",
            "aria-label": "Changes" }, h("ul", {}, lines.map(changeView))));
}

// "retention.traces: 30d -> 14d (needs a restart)", or "models.x: added".
function changeView(line) {
    const match = /^(.+?): (.*?) -> (.*)$/.exec(line);
    if (match === null)
        return h("li", { class: "mono" }, line);
    return h("li", { class: "mono" }, h("strong", {}, `${match[1]}: `),
        h("del", {}, match[2]), " → ", h("ins", {}, match[3]));
}

function failure(error) {
    const lines = String(error.message).trimEnd();
    return notice("bad", h("p", {}, h("strong", {},
        "The file is not valid; what is in force stays in force.")),
        h("pre", { class: "mono wrap", tabindex: 0 }, lines));
}
