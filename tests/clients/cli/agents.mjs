// SPDX-License-Identifier: ISC
//
// The coding agents, each run once without a terminal: in a home of its own, with no settings but
// those that its users write to reach a gateway, and with a proxy that is not there between it and
// everything else.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const packages = join(import.meta.dirname, "node_modules");
const nowhere = "http://127.0.0.1:9";
const ms_max = 120_000;

// binary, and run(home, {baseURL, key, model, prompt}): what is started with which environment.
export const agents = {
    "claude-code": {
        binary: join(packages, "@anthropic-ai/claude-code-linux-x64/claude"),
        run: (home, { baseURL, key, model, prompt }) => ({
            args: ["-p", prompt, "--model", model, "--allowedTools", "Read"],
            env: {
                ANTHROPIC_BASE_URL: baseURL,
                ANTHROPIC_AUTH_TOKEN: key,
                CLAUDE_CONFIG_DIR: join(home, ".claude"),
                CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
                DISABLE_AUTOUPDATER: "1",
                DISABLE_TELEMETRY: "1",
            },
        }),
    },
    codex: {
        binary: join(packages, "codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex"),
        // isBuiltIn: its own provider with another address, which it asks for a WebSocket first.
        run: (home, { baseURL, key, model, prompt, isBuiltIn }) => {
            const own = `
model_provider = "relayos"
[model_providers.relayos]
name = "relayos"
base_url = "${baseURL}/v1"
env_key = "RELAYOS_KEY"
wire_api = "responses"`;
            write(
                join(home, ".codex/config.toml"),
                `
model = "${model}"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
${isBuiltIn ? `openai_base_url = "${baseURL}/v1"` : own}
[analytics]
enabled = false`,
            );
            return {
                args: ["exec", "--skip-git-repo-check", prompt],
                env: {
                    CODEX_HOME: join(home, ".codex"),
                    [isBuiltIn ? "CODEX_API_KEY" : "RELAYOS_KEY"]: key,
                },
            };
        },
    },
    opencode: {
        binary: join(packages, "opencode-linux-x64-baseline/bin/opencode"),
        run: (home, { baseURL, key, model, prompt, npm = "@ai-sdk/openai-compatible" }) => {
            const provider = {
                npm,
                name: "relayos",
                options: { baseURL: `${baseURL}/v1`, apiKey: key },
                models: { [model]: { name: model } },
            };
            write(
                join(home, ".config/opencode/opencode.json"),
                JSON.stringify({
                    autoupdate: false,
                    share: "disabled",
                    permission: { "*": "allow" },
                    enabled_providers: ["relayos"],
                    small_model: `relayos/${model}`,
                    provider: { relayos: provider },
                }),
            );
            return {
                args: ["run", "-m", `relayos/${model}`, prompt],
                env: {
                    OPENCODE_DISABLE_AUTOUPDATE: "1",
                    OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
                    OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
                    OPENCODE_DISABLE_MODELS_FETCH: "1",
                },
            };
        },
    },
};

// Beside the file with the word.
export const picture = {
    name: "dot.png",
    base64: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
};

// Why this agent cannot run here, or false.
export function missing({ binary }) {
    return existsSync(binary) ? false : `${binary.slice(packages.length + 1)} is not of this platform's packages`;
}

// Run the agent in a directory with a file of that word and a picture: {code, output, told}, which is its
// exit status, stdout and stderr. ask(path of the file) is the prompt.
export async function runAgent(agent, { word, ask, ...how }) {
    const home = mkdtempSync(join(tmpdir(), "relayos-cli-"));
    const work = join(home, "work");
    try {
        write(join(work, "note.txt"), `${word}\n`);
        write(join(work, picture.name), Buffer.from(picture.base64, "base64"));
        const { args, env } = agent.run(home, { ...how, prompt: ask(join(work, "note.txt")) });
        return await started(agent.binary, args, {
            cwd: work,
            env: {
                HOME: home,
                LANG: "C.UTF-8",
                PATH: process.env.PATH,
                TERM: "dumb",
                TMPDIR: home,
                HTTPS_PROXY: nowhere,
                HTTP_PROXY: nowhere,
                NO_PROXY: "127.0.0.1",
                ...env,
            },
        });
    } finally {
        rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    }
}

function write(path, bytes) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
}

function started(binary, args, options) {
    return new Promise((resolve, reject) => {
        const child = spawn(binary, args, {
            ...options,
            stdio: ["ignore", "pipe", "pipe"],
            timeout: ms_max,
            killSignal: "SIGKILL",
        });
        let output = "",
            told = "";
        child.stdout.on("data", (bytes) => (output += bytes));
        child.stderr.on("data", (bytes) => (told += bytes));
        child.on("error", reject);
        child.on("close", (code) => resolve({ code, output, told }));
    });
}
