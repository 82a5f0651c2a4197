import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { must, run } from "../../tools/command.ts";
import { describeCommit } from "../../tools/commit.ts";
import { INPUTS } from "../../tools/executable.ts";
import { USUAL_PATH } from "../../lib/run_program.ts";
import config from "../../deno.json" with { type: "json" };

const ROOT = new URL("../..", import.meta.url).pathname;
const IPIPOU = `${ROOT}dist/ipipou`;

async function sha256Of(path: string): Promise<string> {
  return createHash("sha256").update(await Deno.readFile(path)).digest("hex");
}

/** The options that the executable was compiled with: the JSON that `deno compile` appends to the base binary. */
function metadataOf(bytes: Uint8Array): Record<string, unknown> {
  const text = new TextDecoder("latin1").decode(bytes.subarray(-4_000_000));
  return JSON.parse(/d3n0l4nd.{8}({"argv":.*"vfs_case_sensitivity":"."})/s.exec(text)![1]!);
}

Deno.test("--version prints version and commit", async () => {
  const commit = await describeCommit(ROOT, INPUTS);
  assert.equal(await must([IPIPOU, "--version"]), `ipipou ${config.version} (${commit})\n`);
});

Deno.test("the executable needs no environment: without PATH it looks for programs in the usual folders", async () => {
  assert.equal(await must(["env", "-i", IPIPOU, "--version"]), await must([IPIPOU, "--version"]));
  const tools = async (...environment: string[]) => {
    const { stdout } = await run(["env", "-i", ...environment, IPIPOU, "doctor"]);
    return stdout.split("\n").filter((line) => /^ {2}\S+ +tools /.test(line));
  };
  const usual = await tools(`PATH=${USUAL_PATH}`);
  assert.ok(usual.length > 0);
  assert.deepEqual(await tools(), usual);
  assert.match((await tools("PATH=/nowhere"))[0]!, /ip is not in PATH/);
});

Deno.test("describeCommit() names the commit, and marks it if files differ from it", async () => {
  const directory = await Deno.makeTempDir({ prefix: "ipipou-commit-" });
  const describe = () => describeCommit(directory, ["code", "more"]);
  const git = async (...args: string[]) => {
    const author = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
    return (await must(["git", ...author, "-C", directory, ...args])).trim();
  };
  try {
    await Deno.mkdir(`${directory}/below/code`, { recursive: true });
    await Deno.writeTextFile(`${directory}/code`, "1");
    assert.equal(await describe(), "unknown", "no checkout");
    await git("init", "--quiet");
    assert.equal(await describe(), "unknown", "no commit yet");
    await git("add", "code");
    await git("commit", "--quiet", "--message", "one");
    const commit = (await git("rev-parse", "HEAD")).slice(0, 7);
    assert.equal(await describe(), commit);
    assert.equal(await describeCommit(`${directory}/below`, ["code"]), "unknown", "below another checkout");
    await Deno.writeTextFile(`${directory}/other`, "");
    assert.equal(await describe(), commit, "a file that does not matter");
    await Deno.writeTextFile(`${directory}/more`, "");
    assert.equal(await describe(), `${commit}-dirty`, "a new file");
    await Deno.remove(`${directory}/more`);
    await Deno.writeTextFile(`${directory}/code`, "2");
    assert.equal(await describe(), `${commit}-dirty`, "a changed file");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("the same commit builds the same bytes in another folder at another time", async () => {
  const root = await Deno.makeTempDir({ prefix: "ipipou-elsewhere-" });
  // Neither as far from the root as this checkout, nor from Deno's cache.
  const directory = `${root}${ROOT.replaceAll("/", "/more/")}`;
  try {
    await Deno.mkdir(directory, { recursive: true });
    for (const name of [...INPUTS.filter((input) => !input.startsWith("tools/")), "tools", ".git"]) {
      await must(["cp", "-r", `${ROOT}${name}`, `${directory}/${name}`]);
    }
    const env = { TZ: "Asia/Kathmandu", LC_ALL: "C" };
    await must([Deno.execPath(), "run", "-A", "--no-check", `${directory}/tools/build.ts`], { env });
    assert.equal(await sha256Of(`${directory}/dist/ipipou`), await sha256Of(IPIPOU));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("$DENORT_BIN is used as the base binary instead of a download", async () => {
  const argv = [Deno.execPath(), "run", "-A", "--no-check", `${ROOT}tools/build.ts`];
  const { code, stderr } = await run(argv, { env: { DENORT_BIN: "/nonexistent/denort" } });
  assert.notEqual(code, 0);
  assert.match(stderr, /denort at '\/nonexistent\/denort'/);
});

Deno.test("the executable has only the permissions it needs, and nothing in it tells who built it", async () => {
  const bytes = await Deno.readFile(IPIPOU);
  const metadata = metadataOf(bytes);
  const permissions = Object.entries(metadata.permissions as object).filter(([, value]) => value !== null);
  assert.deepEqual(Object.fromEntries(permissions.filter(([name]) => name !== "allow_import")), {
    allow_env: [
      ...["PATH", "IPIPOU_LIBC", "IPIPOU_LIBNETFILTER_QUEUE"],
      ...["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"],
      ...["CREDENTIALS_DIRECTORY", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "JOURNAL_STREAM"],
    ],
    allow_ffi: [],
    allow_net: [],
    allow_read: [],
    allow_run: ["ip", "nft", "modprobe", "ss"],
    allow_write: [
      ...["/etc/ipipou", "/var/lib/ipipou", "/var/lib/private/ipipou", "/run/ipipou"],
      ...["/var/lib/prometheus/node-exporter", "/var/lib/node_exporter"],
    ],
    deny_import: [],
    prompt: false,
  });
  assert.deepEqual(metadata.env_vars_from_env_file, { PATH: USUAL_PATH });
  assert.ok((metadata.v8_flags as string[]).includes("--lite-mode"));
  const text = new TextDecoder("latin1").decode(bytes.subarray(-4_000_000));
  for (const name of [ROOT, Deno.env.get("HOME")!]) assert.ok(!text.includes(name), name);
});

Deno.test("what only looks, tells or exports is in files of its own, which a start does not read", async () => {
  const text = new TextDecoder("latin1").decode((await Deno.readFile(IPIPOU)).subarray(-4_000_000));
  const files = new Set([...text.matchAll(/"n":"(\w+)-[A-Z0-9]{8}\.js"/g)].map(([, name]) => name));
  for (const name of ["doctor", "dry_run", "export", "metrics", "status", "watch"]) {
    assert.ok(files.has(name), name);
  }
});

Deno.test("the executable runs nothing from the folder for temporary files", async () => {
  const directory = await Deno.makeTempDir({ prefix: "ipipou-tmp-" });
  try {
    // Deno would look for a code cache here, where others may write. Whoever opens this FIFO waits for ever.
    await must(["mkfifo", `${directory}/deno-compile-ipipou.cache`]);
    const version = await run(["timeout", "20", IPIPOU, "--version"], { env: { TMPDIR: directory } });
    assert.equal(version.code, 0);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
