import assert from "node:assert/strict";
import { ADD, clientOf, EMPTY, succeed } from "./peer_scene.ts";

Deno.test("addPeer() prints a command that writes the client's file, but never overwrites one", async () => {
  const { result } = succeed(`${ADD} --line`, EMPTY);
  assert.match(result, /^[^\n]{1,400}\n$/);
  await using shell = await Shell.create();
  assert.equal(await shell.run(result), 0);
  assert.equal(await shell.read(), succeed(ADD, EMPTY).result);
  assert.equal((await Deno.stat(`${shell.folder}/ipipou/hub.toml`)).mode! & 0o777, 0o600);
  assert.equal((await Deno.stat(`${shell.folder}/ipipou`)).mode! & 0o077, 0o777 & ~Deno.umask() & 0o077);
  await Deno.writeTextFile(`${shell.folder}/ipipou/hub.toml`, "mine");
  assert.notEqual(await shell.run(result), 0);
  assert.equal(await shell.read(), "mine");
});

Deno.test("addPeer() prints a command that works in any locale, whatever the secret", async () => {
  const secret = 'it\'s "a" \\n $HOME `id` !1 %s \t é 😀';
  const { result } = succeed(`${ADD} --line`, { ...EMPTY, "/etc/ipipou/hub.secret": secret });
  assert.match(result, /^[ -~]+\n$/);
  await using shell = await Shell.create();
  assert.equal(await shell.run(result), 0);
  const { scheme } = clientOf(await shell.read()).peers[0]!;
  assert.equal(scheme.kind === "ed25519" && scheme.secret, secret);
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

  /** The file that it wrote. */
  async read(): Promise<string> {
    return await Deno.readTextFile(`${this.folder}/ipipou/hub.toml`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}
