import assert from "node:assert/strict";
import { CLOCK } from "../../../lib/clock.ts";
import { EXIT, IpipouError } from "../../../lib/errors.ts";
import { Instance } from "../../../lib/kernel/instance.ts";
import type { LookOptions } from "../../../lib/kernel/look.ts";
import { EMPTY_STATE } from "../../../lib/kernel/state.ts";
import { Log } from "../../../lib/log.ts";
import type { KernelReader } from "../../../lib/kernel_ports.ts";
import type { Surroundings } from "../../../lib/ports.ts";
import { newExecutor, newRunner, readerOf, USUAL_SURROUNDINGS } from "./fake_programs.ts";

const TUNNEL = {
  ...{ ifindex: 5, ifname: "ipipou1", flags: ["UP"], mtu: 1472, "link_type": "ipip" },
  ...{ ifalias: "ipipou:ipipou1", "addr_info": [] },
  linkinfo: {
    "info_kind": "ipip",
    "info_data": {
      ...{ remote: "198.51.100.2", local: "192.0.2.1" },
      encap: { type: "fou", sport: 10_001, dport: 40_001, csum: false },
    },
  },
};
const USUAL: LookOptions = { nft: "needed", routes: false, needsFou: true };

/** What is refused by the kernel. */
function refusal(code: string): Error {
  return Object.assign(new Error(`Cannot read it: ${code}`), { code });
}

function newInstance(
  options: Partial<LookOptions>,
  reader: Partial<KernelReader> = {},
  { lines = [], hasNft = true, ...surroundings }: Partial<Surroundings> & {
    lines?: string[];
    hasNft?: boolean;
  } = {},
): Instance {
  const identity = {
    name: "ipipou1",
    table: "ipipou",
    devices: new Set(["ipipou1"]),
    ports: new Set([10001]),
    queue: 1,
    made: new Set<string>(),
  };
  const lock = () => Promise.resolve(new DisposableStack());
  const write = (line: string) => lines.push(line);
  const log = new Log({ verbosity: 3, time: false, pid: null, write, now: () => new Date() });
  const runner = newRunner(null, { lines });
  return new Instance(identity, { ...USUAL, ...options }, {
    ...{ runner, executor: newExecutor(runner), lock, clock: CLOCK, log, hasProgram: () => hasNft },
    surroundings: { ...USUAL_SURROUNDINGS, ...surroundings },
    reader: { ...readerOf(), ...reader },
  });
}

Deno.test("Instance.remove() does nothing when there is nothing, and runs no program", async () => {
  assert.deepEqual(await newInstance({}).remove(), EMPTY_STATE);
});

Deno.test("Instance.look() says what it reads", async () => {
  const lines: string[] = [];
  await newInstance({}, {}, { lines }).look();
  await newInstance({ nft: "none", routes: true }, {}, { lines }).look();
  assert.deepEqual(lines, [
    "reading the kernel's devices, FOU ports, table ip ipipou",
    "reading the kernel's devices, FOU ports, routes",
  ]);
});

Deno.test("Instance.look() goes without nftables only as far as it may", async () => {
  const unsupported = { table: () => null };
  const refused = {
    table: () => {
      throw refusal("EPERM");
    },
  };
  const hasNft = async (nft: LookOptions["nft"], reader: Partial<KernelReader>, isInstalled = true) =>
    (await newInstance({ nft }, reader, { hasNft: isInstalled }).look()).hasNft;
  assert.equal(await hasNft("none", {}), false);
  assert.equal(await hasNft("if-usable", {}), true);
  for (const reader of [unsupported, refused]) assert.equal(await hasNft("if-usable", reader), false);
  assert.equal(await hasNft("if-usable", {}, false), false);
  assert.equal(await hasNft("if-installed", {}), true);
  assert.equal(await hasNft("if-installed", {}, false), false);
  assert.equal(await hasNft("if-installed", unsupported), false);
  await assert.rejects(hasNft("needed", {}, false), {
    message: "Cannot run nft: not found in PATH; install the package nftables",
    exitCode: EXIT.nft,
  });
  const permission = "Cannot read it: EPERM; run as root, or with CAP_NET_ADMIN";
  for (const nft of ["if-installed", "needed"] as const) {
    await assert.rejects(hasNft(nft, refused), { message: permission, exitCode: EXIT.nft });
  }
  await assert.rejects(hasNft("needed", unsupported), {
    message: "Cannot use nftables: this kernel has none; " +
      "load the module nf_tables, or use a kernel that was built with it",
    exitCode: EXIT.nft,
  });
});

Deno.test("Instance.look() treats a kernel without FOU as one without FOU ports, unless FOU is needed", async () => {
  const reader = { fouPorts: () => null };
  assert.deepEqual((await newInstance({ needsFou: false }, reader).look()).own, EMPTY_STATE);
  const known = await newInstance({}).look();
  for (
    const look of [() => newInstance({}, reader).look(), () => newInstance({}, reader).lookAtListeners(known)]
  ) {
    await assert.rejects(look, {
      message: "Cannot use FOU: this kernel has none; load the modules: modprobe -a fou ipip " +
        "(if it does not find them after an upgrade of the kernel, reboot)",
      exitCode: EXIT.modprobe,
    });
  }
});

Deno.test("Instance.look() says what to do where the kernel refuses to be read", async () => {
  const refuse = () => {
    throw refusal("EPERM");
  };
  await assert.rejects(newInstance({}, { lists: refuse }).look(), {
    message: "Cannot read it: EPERM; run as root, or with CAP_NET_ADMIN",
    exitCode: EXIT.ipAddress,
  });
  const isInnerUserNamespace = () => true;
  await assert.rejects(newInstance({}, { fouPorts: refuse }, { isInnerUserNamespace }).look(), {
    message: /: EPERM; FOU ports need CAP_NET_ADMIN in the first user namespace, .* ip fou add port PORT /,
    exitCode: EXIT.ipFou,
  });
  const outcome = await newInstance({}, { lists: refuse }).remove().catch((error: unknown) => error);
  assert.ok(outcome instanceof IpipouError);
  assert.equal(outcome.exitCode, EXIT.cleanup);
  assert.match(outcome.message, /^Cannot clean up: Cannot read it: EPERM; run as root/);
});

Deno.test("Instance.look() lists routes if asked to", async () => {
  const routes = [
    { dst: "10.1.0.0/16", dev: "ipipou1", protocol: 201 },
    { dst: "10.2.0.0/16", dev: "ipipou1", protocol: 4 },
  ];
  const reader = readerOf({ devices: [TUNNEL], routes });
  const { own, foreign } = await newInstance({ routes: true }, reader).look();
  assert.deepEqual(own.tunnels.get("ipipou1")?.routes, ["10.1.0.0/16"]);
  assert.deepEqual([...foreign.routes.keys()], ["10.2.0.0/16"]);
  assert.equal((await newInstance({ routes: false }, reader).look()).foreign.routes.size, 0);
});

Deno.test("Instance.look() asks for no set that strangers fill, and for none of another instance", async () => {
  const wanted: string[] = [];
  const names = ["remotes-ipipou1", "sources-ipipou1", "limits-ipipou1", "places-ipipou1", "remotes-other"];
  const table = (_name: string, isWanted: (set: string) => boolean) => {
    wanted.push(...names.filter(isWanted));
    return null;
  };
  await newInstance({ nft: "if-installed" }, { table }).look();
  assert.deepEqual(wanted, ["remotes-ipipou1", "sources-ipipou1"]);
});
