import { planDevices } from "../../../lib/kernel/plan_devices.ts";
import { command, type Step } from "../../../lib/kernel/step.ts";
import { Picture } from "../../../lib/kernel/picture.ts";
import type { Transition } from "../../../lib/kernel/plan.ts";
import { EMPTY_STATE, type KernelState, type Tunnel } from "../../../lib/kernel/state.ts";
import type { DeviceChange, KernelChange } from "../../../lib/kernel_ports.ts";
import { sampleObserved, samplePeer, sampleSettings } from "../samples.ts";

export const SETTINGS = sampleSettings({ peers: [samplePeer({ name: "a" })] });
export const NOW = 1_000_000;
export const OUTSIDE = { ip: "192.0.2.1", device: "eth0" };

const TUNNEL: Tunnel = {
  name: "a",
  alias: "ipipou:hub",
  remote: { ip: "198.51.100.2", port: 1 },
  local: { ip: "192.0.2.1", port: 2 },
  checksum: null,
  header: "ttl 64 tos 0x00 pmtudisc",
  mtu: 1472,
  fwmark: 0,
  link: null,
  inner: { ip: "172.28.0.0", peerIp: "172.28.0.1" },
  up: true,
  routes: [],
};
const STANDING: Tunnel = { ...TUNNEL, name: "b", inner: { ip: "172.28.0.2", peerIp: "172.28.0.3" } };

function stateOf(...tunnels: Tunnel[]): KernelState {
  return { ...EMPTY_STATE, tunnels: new Map(tunnels.map((tunnel) => [tunnel.name, tunnel])) };
}

export const FROM = stateOf(STANDING);
export const TO = { ...stateOf(TUNNEL, STANDING), altAddresses: new Map([["172.29.0.0", "eth0"]]) };

export const INDEX = { a: 11, b: 12, eth0: 2, other: 9 } as const;
/** News of a device as our changes leave it, except for `fields`. */
export const device = (name: keyof typeof INDEX, fields: Partial<DeviceChange> = {}): DeviceChange => ({
  kind: "device",
  index: INDEX[name],
  name,
  isGone: false,
  isUp: true,
  alias: "ipipou:hub",
  mtu: 1472,
  outer: "192.0.2.1:2 198.51.100.2:1 ttl 64 tos 0x00 pmtudisc",
  ...fields,
});
export const address = (ip: string, index: number = INDEX.other, isGone = false): KernelChange => ({
  kind: "address",
  index,
  ip,
  isGone,
});
export const route = (protocol: number, network = "10.7.0.0/16", isGone = false): KernelChange => ({
  kind: "route",
  network,
  protocol,
  isGone,
});
export const TABLE: KernelChange = { kind: "table", chains: [], onlyRemoves: false };
export const UNKNOWN: KernelChange = { kind: "unknown", of: "others" };

const ALT = { altAddresses: new Map([["172.29.0.0", "eth0"]]), gate: null };
/** Steps that make the first tunnel, with a private address and a route. */
const MAKE = planDevices(FROM, { ...stateOf({ ...TUNNEL, routes: ["10.7.0.0/16"] }, STANDING), ...ALT }, 7);
/** Steps that remove the other one, and the private address. */
export const REMOVE = planDevices({ ...FROM, ...ALT }, EMPTY_STATE, 7);
/** Steps that remove a route of a tunnel that stays. */
export const UNROUTE = planDevices(stateOf({ ...STANDING, routes: ["10.7.0.0/16"] }), { ...FROM, ...ALT }, 7);

/** A plan with this many runs of `nft`. */
export function planOf(transactions: number, ip: readonly Step[] = MAKE): Transition {
  const [close, open] = [1, 2].map((least) => transactions >= least ? [command("a command")] : []);
  return { confirm: [], withdraw: [], close: close!, ip, open: open! };
}

/** The devices that there are. */
const LINKS = new Map(
  (["b", "eth0"] as const).map((name) => [INDEX[name], { name, mtu: 1500, isUp: true }]),
);

/** A picture of a kernel in which one tunnel was found. */
export function newPicture(own: KernelState = FROM, now = NOW): Picture {
  const picture = new Picture(SETTINGS);
  picture.beginLook(now);
  picture.handleLook(sampleObserved({ own, ownIndexes: new Set([INDEX.b]), links: LINKS }), NOW);
  return picture;
}

/** The picture after a change of ours, with this news during the change. */
export function afterChange(changes: readonly KernelChange[], plan: Transition): Picture {
  const picture = newPicture();
  picture.beginChange(plan);
  picture.handleNews(changes, NOW);
  picture.handleChange(TO, false, NOW);
  return picture;
}

export const OURS = [
  ...[device("a"), address("172.28.0.0", INDEX.a), address("172.29.0.0", INDEX.eth0)],
  ...[route(2), route(201)],
];
