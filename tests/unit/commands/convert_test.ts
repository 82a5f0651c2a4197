import assert from "node:assert/strict";
import { convert } from "../../../lib/commands/convert.ts";
import type { WriteOptions } from "../../../lib/settings/files.ts";
import { filesInMemory } from "../settings/memory_files.ts";

const FILES = {
  "/etc/ipipou/a.conf": "# of a\nserver\nauth-token x\n",
  "/etc/ipipou/b.conf": "server\nfou-dev eth0\n",
  "/etc/ipipou/b.toml": "",
  "/etc/ipipou/bad.conf": "server\n\nnumber x\n",
  "/root/c.conf": "client\n",
  "/root/c": "client\n",
};
const TOML_OF_A = '# of a\nserver = true\nauth.token = "x"\n';

/** What was printed, and the files that were written. */
function outcomeOf(
  names: string[],
  { hub = null as string | null, write = false, force = false, taken = false, mode = 0o644 } = {},
) {
  const written: (WriteOptions & { path: string; text: string })[] = [];
  const put = (path: string, text: string, options: WriteOptions) => {
    if (!taken) written.push({ path, text, ...options });
    return !taken;
  };
  let text: string | null = null;
  let refusal: string | null = null;
  try {
    text = convert({ names, hub, write, force }, filesInMemory(FILES, mode), put);
  } catch (error) {
    refusal = (error as Error).message;
  }
  return { text, refusal, written };
}

Deno.test("convert() prints a file of /etc/ipipou by name, with or without .conf, or by path", () => {
  for (const name of ["a", "a.conf", "/etc/ipipou/a.conf"]) {
    assert.deepEqual(outcomeOf([name]), { text: TOML_OF_A, refusal: null, written: [] });
  }
  for (const path of ["/root/c.conf", "/root/c"]) assert.equal(outcomeOf([path]).text, "client = true\n");
});

Deno.test("convert() writes TOML next to its source, readable only by its owner if it contains secrets", () => {
  assert.deepEqual(outcomeOf(["a", "b"], { write: true, force: true }), {
    text:
      "wrote /etc/ipipou/a.toml from /etc/ipipou/a.conf\nwrote /etc/ipipou/b.toml from /etc/ipipou/b.conf\n",
    refusal: null,
    written: [
      { path: "/etc/ipipou/a.toml", text: TOML_OF_A, mode: 0o600, replace: true },
      { path: "/etc/ipipou/b.toml", text: 'server = true\nfou.dev = "eth0"\n', mode: 0o644, replace: true },
    ],
  });
  assert.equal(outcomeOf(["a"], { write: true }).written[0]?.replace, false);
  const hidden = outcomeOf(["b"], { write: true, force: true, mode: 0o640 });
  assert.equal(hidden.written[0]?.mode, 0o600);
});

Deno.test("convert() replaces no file unless told to, and then writes none of several", () => {
  assert.deepEqual(outcomeOf(["a", "b"], { write: true }), {
    text: null,
    refusal: "Cannot write /etc/ipipou/b.toml: it already exists; give --force to replace it",
    written: [],
  });
  const { refusal } = outcomeOf(["a"], { write: true, taken: true });
  assert.equal(refusal, "Cannot write /etc/ipipou/a.toml: it already exists; give --force to replace it");
});

Deno.test("convert() writes none of several if one has an error", () => {
  const { refusal, written } = outcomeOf(["a", "bad"], { write: true });
  assert.match(refusal!, /^Cannot use "x" as -n\/--number at \/etc\/ipipou\/bad.conf:3: must be /);
  assert.deepEqual(written, []);
});

Deno.test("convert() writes only to /etc/ipipou", () => {
  for (const path of ["/root/c.conf", "/etc/ipipou/../../root/c.conf"]) {
    const files = { ...FILES, [path]: "client\n" };
    const run = () =>
      convert({ names: [path], hub: null, write: true, force: true }, filesInMemory(files), () => true);
    assert.throws(run, { message: /^Cannot write .*: --write only writes to \/etc\/ipipou\// });
  }
});

const HUB_FILES = {
  "/etc/ipipou/office.conf": "server\nnumber 1\nfou-dev eth0\nauth-token a\n",
  "/etc/ipipou/home.conf": "server\nnumber 2\nfou-dev eth0\nauth-token b\n",
};

Deno.test("convert() merges several files into one hub, written once and readable only by its owner", () => {
  const run = (force: boolean, files: Record<string, string> = HUB_FILES) => {
    const written: (WriteOptions & { path: string })[] = [];
    const put = (path: string, _text: string, options: WriteOptions) =>
      written.push({ path, ...options }) > 0;
    const options = { names: ["office", "home"], hub: "hub", write: true, force };
    return { text: convert(options, filesInMemory(files, 0o644), put), written };
  };
  const text = "wrote /etc/ipipou/hub.toml from /etc/ipipou/office.conf, /etc/ipipou/home.conf\n";
  assert.deepEqual(run(false), {
    text,
    written: [{ path: "/etc/ipipou/hub.toml", mode: 0o600, replace: false }],
  });
  const there = { ...HUB_FILES, "/etc/ipipou/hub.toml": "" };
  assert.throws(() => run(false, there), {
    message: /^Cannot write \/etc\/ipipou\/hub\.toml: it already exists/,
  });
  assert.equal(run(true, there).text, text);
});

Deno.test("convert() rejects a hub that conflicts with its folder of peers", () => {
  const files = {
    ...HUB_FILES,
    "/etc/ipipou/hub.peers/home.toml": "auth.token = 'c'\ntunl.peer-ip = '10.0.0.1'\n",
  };
  const run = () => {
    const options = { names: ["office", "home"], hub: "hub", write: false, force: false };
    convert(options, filesInMemory(files), () => true);
  };
  assert.throws(run, { message: /they have the same name/, exitCode: 2 });
});
