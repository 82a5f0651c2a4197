import assert from "node:assert/strict";
import { addPeer, listPeers, type PeerSystem, removePeer, showPeer } from "../../../lib/commands/peer.ts";
import { parseInvocation } from "../../../lib/settings/command_line.ts";
import type { WriteOptions } from "../../../lib/settings/files.ts";
import { PRIVATE_KEY, PUBLIC_KEY } from "../settings/bases.ts";
import { filesInMemory, load } from "../settings/memory_files.ts";

/** A server with a network of tunnel addresses and no peers. */
export const HUB = `server = true
number = 1
fou.local = ":10001@eth0"
tunl.net = "172.28.16.0/24"
auth.secret-file = "hub.secret"
`;
export const SECRET = { "/etc/ipipou/hub.secret": "shared\n" };
export const EMPTY = { ...SECRET, "/etc/ipipou/hub.toml": HUB, "/etc/ipipou/hub.peers/": "" };
export const OFFICE = `tunl.peer-ip = "172.28.16.9"\nauth.remote-pubkey-b64 = "${PUBLIC_KEY}"\n`;
export const WITH_OFFICE = { ...EMPTY, "/etc/ipipou/hub.peers/office.toml": OFFICE };
export const ADD = `add hub office --auth-remote-pubkey-b64 ${PUBLIC_KEY} --endpoint vpn.example`;
/** The seed of generated keys. */
export const SEED = new Uint8Array(32).fill(7);

interface Written extends WriteOptions {
  readonly path: string;
  readonly text: string;
}

/** What a command printed, wrote and removed, and which process it told to reload. */
function outcomeOf(words: string, files: Readonly<Record<string, string>>, running: number | null = 123) {
  const written: Written[] = [];
  const removed: string[] = [];
  const told: string[] = [];
  const locks: string[] = [];
  const system: PeerSystem = {
    ...filesInMemory(files),
    write: (path, text, options) => {
      assert.deepEqual(locks, ["/etc/ipipou/"]);
      written.push({ path, text, ...options });
      return true;
    },
    remove: (path) => {
      assert.deepEqual(locks, ["/etc/ipipou/"]);
      removed.push(path);
    },
    lock: (folder) => {
      locks.push(folder);
      return { [Symbol.dispose]: () => void locks.pop() };
    },
    tellToReload: (path) => {
      told.push(path);
      return running;
    },
  };
  const invocation = parseInvocation(["peer", ...words.split(" ")]);
  const run = () => {
    switch (invocation.kind) {
      case "peer-add":
        return addPeer(invocation, system, SEED);
      case "peer-show":
        return showPeer(invocation, system);
      case "peer-remove":
        return removePeer(invocation, system);
      case "peer-list":
        return listPeers(invocation.hub, system);
      default:
        throw new TypeError(invocation.kind);
    }
  };
  return { run, written, removed, told, locks };
}

/** Runs a command that must succeed. */
export function succeed(
  words: string,
  files: Readonly<Record<string, string>>,
  running: number | null = 123,
) {
  const { run, ...rest } = outcomeOf(words, files, running);
  const outcome = run();
  assert.deepEqual(rest.locks, []);
  return { ...outcome, ...rest };
}

/** Runs a command that must fail and change nothing. */
export function refused(words: string, files: Readonly<Record<string, string>>, message: RegExp): void {
  const { run, written, removed, told, locks } = outcomeOf(words, files);
  assert.throws(run, (error) => {
    assert.ok(error instanceof Error);
    assert.match(error.message, message);
    assert.equal((error as { exitCode?: number }).exitCode, 2);
    return true;
  });
  assert.deepEqual([written, removed, told, locks], [[], [], [], []]);
}

/** The settings of a client's file, with the key of PUBLIC_KEY and other files next to it. */
export function clientOf(file: string, others: Readonly<Record<string, string>> = {}) {
  const all = { "hub.key": `${PRIVATE_KEY}\n`, ...others, "hub.toml": file };
  const files = Object.fromEntries(Object.entries(all).map(([name, text]) => [`/etc/ipipou/${name}`, text]));
  const { settings, warnings } = load(["--config", "hub"], files);
  assert.deepEqual(warnings, []);
  assert.equal(settings.mode, "client");
  return settings;
}
