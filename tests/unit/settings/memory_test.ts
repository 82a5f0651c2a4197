import assert from "node:assert/strict";
import { parseInvocation } from "../../../lib/settings/command_line.ts";
import type { Files } from "../../../lib/settings/files.ts";
import { loadSettings } from "../../../lib/settings/load.ts";
import { Memory } from "../../../lib/settings/memory.ts";
import type { Resolved } from "../../../lib/settings/resolve.ts";
import { PUBLIC_KEY } from "./bases.ts";
import { filesInMemory } from "./memory_files.ts";

const HUB = "/etc/ipipou/hub.toml";
const ABOVE = 'server = true\nfou.local = "192.0.2.1"\ntunl.net = "10.7.0.0/16"\nauth.secret-file = "s"\n';

function peer(name: string, more = ""): string {
  return `[[peer]]\nname = "${name}"\nauth.token = "token of ${name}"\n${more}`;
}

/** Loads settings of one file after the other, with one memory. */
class Loader {
  readonly #memory = new Memory();
  readonly #invocation = parseInvocation(["--config", "hub"]);

  load(files: Readonly<Record<string, string>>): Resolved {
    return this.loadFrom(filesInMemory({ "/etc/ipipou/s": "open sesame\n", ...files }));
  }

  loadFrom(files: Files): Resolved {
    if (this.#invocation.kind !== "run") throw new TypeError();
    return loadSettings(this.#invocation, files, this.#memory);
  }
}

/** Which of some files' peers are the very same in both. */
function kept(before: Resolved, after: Resolved): string[] {
  return after.settings.peers.filter((peer) => before.settings.peers.includes(peer)).map(({ name }) => name);
}

Deno.test("loadSettings() makes only those peers anew that changed, wherever they lie", () => {
  const files = (a: string, ...more: string[]) => ({
    [HUB]: [ABOVE, a, peer("b"), ...more].join(""),
    "/etc/ipipou/hub.peers/c.toml": 'auth.token = "c"\n',
  });
  const cases: [Readonly<Record<string, string>>, string[]][] = [
    [files(peer("a")), ["a", "b", "c"]],
    [files(peer("a", "auth.lifetime = 9\n")), ["b", "c"]],
    [files(`# moved\n\n${peer("a")}`), ["a", "b", "c"]],
    [files(""), ["b", "c"]],
    [files(peer("a"), peer("d")), ["a", "b", "c"]],
    [{ ...files(peer("a")), "/etc/ipipou/hub.peers/c.toml": 'auth.token = "d"\n' }, ["a", "b"]],
  ];
  for (const [changed, same] of cases) {
    const loader = new Loader();
    const first = loader.load(files(peer("a")));
    const next = loader.load(changed);
    assert.deepEqual(next, new Loader().load(changed));
    assert.deepEqual(kept(first, next), same);
  }
});

Deno.test("loadSettings() makes peers anew when what is said for all of them changes", () => {
  const loader = new Loader();
  const first = loader.load({ [HUB]: ABOVE + peer("a") });
  const next = loader.load({ [HUB]: `${ABOVE}auth.lifetime = 9\n${peer("a")}` });
  assert.deepEqual([next.settings.peers[0]!.lifetime, kept(first, next)], [9, []]);
});

Deno.test("loadSettings() makes a peer anew when a file that it names changes", () => {
  const withFile = `${ABOVE}[[peer]]\nname = "a"\nauth.token-file = "t"\n${peer("b")}`;
  const loader = new Loader();
  const load = (token: string) => loader.load({ [HUB]: withFile, "/etc/ipipou/t": token });
  const first = load("one");
  assert.deepEqual(kept(first, load("one")), ["a", "b"]);
  const next = load("two");
  assert.deepEqual(kept(first, next), ["b"]);
  assert.deepEqual(next.settings.peers[0]!.scheme, { kind: "token", token: new TextEncoder().encode("two") });
});

Deno.test("loadSettings() warns each time, and tells where something is now", () => {
  const loader = new Loader();
  const noted = peer("a", 'fou.remote = "192.0.2.9"\n');
  const warnings = (text: string) => loader.load({ [HUB]: text }).warnings;
  const [first, again, moved] = [ABOVE + noted, ABOVE + noted, `${ABOVE}\n${noted}`].map(warnings);
  assert.match(first!.join(), /hub\.toml:8:/);
  assert.deepEqual(again, first);
  assert.match(moved!.join(), /hub\.toml:9:/);
  loader.load({ [HUB]: ABOVE + peer("a") });
  assert.throws(
    () => loader.load({ [HUB]: `${ABOVE}\n\n${peer("a")}${peer("a")}` }),
    /hub\.toml:8:8.*hub\.toml:11:8/,
  );
});

Deno.test("loadSettings() tells the same text in another file, or in another's place, apart", () => {
  const load = (argv: string[], files: Readonly<Record<string, string>>) => {
    const invocation = parseInvocation(argv);
    if (invocation.kind !== "run") throw new TypeError();
    return loadSettings(invocation, filesInMemory(files));
  };
  const text = 'auth.secret-file = "s"\n';
  const { settings } = load(["--config", "/a/x.toml", "--config", "/b/x.toml", "--config", "hub"], {
    [HUB]: `${ABOVE.replace(/auth.*\n/, "")}[[peer]]\nname = "a"\nauth.remote-pubkey-b64 = "${PUBLIC_KEY}"\n`,
    "/a/x.toml": text,
    "/a/s": "of a\n",
    "/b/x.toml": text,
    "/b/s": "of b\n",
  });
  assert.equal((settings.peers[0]!.scheme as { secret: string }).secret, "of b");
  const inFolder = "/etc/ipipou/hub.peers/c.toml";
  assert.throws(
    () =>
      load(["--config", inFolder, "--config", "hub"], {
        [HUB]: ABOVE,
        [inFolder]: 'auth.token = "c"\nnft.table = "other"\n',
        "/etc/ipipou/s": "open sesame\n",
      }),
    /nft\.table at .*c\.toml:2:1 for one peer/,
  );
});
