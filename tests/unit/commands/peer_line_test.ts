import assert from "node:assert/strict";
import type { Settings } from "../../../lib/settings/settings.ts";
import { ADD, clientOf, EMPTY, succeed } from "./peer_scene.ts";

Deno.test("addPeer() prints a command that writes the client's file and its secret, but never overwrites any", async () => {
  const { result } = succeed(`${ADD} --line`, EMPTY);
  assert.match(result, /^[^\n]{1,600}\n$/);
  await using shell = await Shell.create();
  assert.equal(await shell.run(result), 0);
  assert.deepEqual(await shell.settings(), clientOf(succeed(ADD, EMPTY).result));
  // A service, which is not root, reads the one, and gets the other as a credential.
  assert.deepEqual([await shell.modeOf("hub.toml"), await shell.modeOf("hub.secret")], [0o644, 0o600]);
  assert.doesNotMatch(await shell.read("hub.toml"), /shared/);
  assert.equal((await Deno.stat(`${shell.folder}/ipipou`)).mode! & 0o077, 0o777 & ~Deno.umask() & 0o077);
  for (const name of ["hub.toml", "hub.secret"]) {
    await using other = await Shell.create();
    await Deno.mkdir(`${other.folder}/ipipou`);
    await Deno.writeTextFile(`${other.folder}/ipipou/${name}`, "mine");
    assert.notEqual(await other.run(result), 0);
    assert.equal(await other.read(name), "mine");
    assert.equal(other.names.length, 1, other.names.join());
  }
});

Deno.test("addPeer() prints a command that works in any locale, whatever the secret", async () => {
  const secret = 'it\'s "a" \\n $HOME `id` !1 %s \t é 😀';
  const { result } = succeed(`${ADD} --line`, { ...EMPTY, "/etc/ipipou/hub.secret": secret });
  assert.match(result, /^[ -~]+\n$/);
  await using shell = await Shell.create();
  assert.equal(await shell.run(result), 0);
  const { scheme } = (await shell.settings()).peers[0]!;
  assert.equal(scheme.kind === "ed25519" && scheme.secret, secret);
});

Deno.test("addPeer() prints a command that writes a key or token into a file of its own, unless it is no text", async () => {
  const cases: [words: string, names: string[], mode: number][] = [
    ["--make-key", ["hub.key", "hub.secret", "hub.toml"], 0o644],
    ["--auth-token s3cret", ["hub.token", "hub.toml"], 0o644],
    ["--auth-token-b64 /wAB", ["hub.toml"], 0o600],
  ];
  for (const [words, names, mode] of cases) {
    const add = `add hub a --endpoint h ${words}`;
    await using shell = await Shell.create();
    assert.equal(await shell.run(succeed(`${add} --line`, EMPTY).result), 0);
    assert.deepEqual(shell.names, names);
    assert.equal(await shell.modeOf("hub.toml"), mode, words);
    for (const name of names.filter((name) => name !== "hub.toml")) {
      assert.equal(await shell.modeOf(name), 0o600, name);
    }
    assert.deepEqual(await shell.settings(), clientOf(succeed(add, EMPTY).result));
  }
});

/** A shell like a router's, without base64, and with a folder in place of /etc. */
class Shell implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<Shell> {
    const folder = await Deno.makeTempDir();
    await Deno.symlink("/usr/bin/mkdir", `${folder}/mkdir`);
    return new Shell(folder);
  }

  /** Runs a line. @returns its exit code */
  async run(line: string): Promise<number> {
    const args = ["-c", line.replaceAll("/etc/ipipou", `${this.folder}/ipipou`)];
    const env = { PATH: this.folder };
    return (await new Deno.Command("/bin/sh", { args, env, stderr: "null" }).output()).code;
  }

  /** The names of the files that it wrote. */
  get names(): string[] {
    return [...Deno.readDirSync(`${this.folder}/ipipou`)].map(({ name }) => name).sort();
  }

  async modeOf(name: string): Promise<number> {
    return (await Deno.stat(`${this.folder}/ipipou/${name}`)).mode! & 0o777;
  }

  async read(name: string): Promise<string> {
    return await Deno.readTextFile(`${this.folder}/ipipou/${name}`);
  }

  /** The settings that a client has by these files. */
  async settings(): Promise<Settings> {
    const texts = await Promise.all(this.names.map(async (name) => [name, await this.read(name)]));
    const { "hub.toml": file, ...others } = Object.fromEntries(texts);
    return clientOf(file, others);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}
