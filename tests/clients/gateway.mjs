// SPDX-License-Identifier: ISC
//
// A gateway for one test file, started by the launcher; see launcher.c.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before } from "node:test";

// rules: what the mock is to do, see tools/mock/control.h.
export function startGateway(rules = "") {
    const gateway = { baseURL: "", openaiURL: "", key: "", mockURL: "", ctl: null, mock: null, heal: null };
    let child, lines;

    before(async () => {
        child = spawn(process.env.RELAYOS_LAUNCHER, { stdio: ["pipe", "pipe", "inherit"] });
        lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
        const start = JSON.parse((await lines.next()).value);
        gateway.baseURL = `http://127.0.0.1:${start.port}`;
        gateway.openaiURL = `${gateway.baseURL}/v1`;
        gateway.key = start.key;
        gateway.mockURL = `http://127.0.0.1:${start.mock_port}`;
        gateway.ctl = async (words) => {
            child.stdin.write(words + "\n");
            return JSON.parse((await lines.next()).value);
        };
        await fetch(`${gateway.mockURL}/mock/control`, { method: "POST", body: rules });
        gateway.mock = async () => {
            const reply = await fetch(`http://127.0.0.1:${start.mock_port}/mock/stats`);
            return reply.json();
        };
        // Credentials that an upstream has refused, or told to wait, are good again.
        gateway.heal = async () => {
            for (const route of (await gateway.ctl("route list")).routes)
                await gateway.ctl(`route enable ${route.id}`);
        };
    });
    after(async () => {
        const ended = new Promise((resolve) => child.on("exit", resolve));
        child.stdin.end();
        const status = await ended;
        if (status !== 0) throw new Error(`relayosd ended with ${status}`);
    });
    return gateway;
}

// Every call that the mock has got is in the list, whole, at the first try, for what was reported.
export async function expectCharged(gateway) {
    const { requests: total } = await gateway.mock();
    const { requests } = await gateway.ctl("request list --limit 1000");
    assert.ok(total > 0);
    assert.equal(requests.length, total);
    for (const request of requests) {
        const told = JSON.stringify(request);
        assert.equal(request.status, 200, told);
        assert.equal(request.category, "none", told);
        assert.equal(request.provenance, "reported", told);
        assert.equal(request.n_attempts, 1, told);
        assert.ok(request.charge_nusd > 0, told);
    }
}

// What each tool schema in these tests looks like, and what the mock answers to it.
export const weather = {
    name: "get_weather",
    description: "Weather of a city",
    schema: {
        type: "object",
        properties: { city: { type: "string" }, days: { type: "integer" } },
        required: ["city"],
    },
    arguments: { city: "value 1", days: 1 },
};

export const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
