import fc from "fast-check";
import type { Peer, Settings } from "../../../lib/settings/settings.ts";
import { ed25519 } from "../auth/vectors.ts";
import { hubOf, IMPOSSIBLE, peersOf, PORT, schemeOf } from "./world.ts";

/** One event of a walk: its name, then its arguments. Node 0 is the server, nodes 1 to 3 are the clients. */
export type Event =
  | readonly ["pass", seconds: number]
  | readonly ["NAT forgets" | "NAT renumbers", nat: number]
  | readonly ["NAT swaps"]
  | readonly ["NAT loses", nat: number, packets: number]
  | readonly ["authenticate", client: number]
  | readonly ["data", client: number, length: number]
  | readonly ["reload", settings: number]
  | readonly ["reload with a mistake"]
  | readonly ["kill" | "start" | "stop" | "lose news" | "uplink down" | "uplink up", node: number]
  | readonly ["orphan" | "fail" | "hang", node: number, program: "ip" | "nft", after: number]
  | readonly ["uplink MTU", node: number, mtu: number]
  | readonly ["flush ruleset"]
  | readonly ["delete rule" | "delete chain" | "delete set" | "delete element", number: number]
  | readonly [
    | "delete device"
    | "lower"
    | "rename"
    | "remark"
    | "move"
    | "flush addresses"
    | "set header"
    | "set MTU"
    | "move elsewhere",
    node: number,
    tunnel: number,
  ]
  | readonly ["refuse", node: number, tunnel: number, what: number]
  | readonly ["relent", node: number]
  | readonly [
    | "delete route"
    | "delete FOU port"
    | "add address"
    | "renew address"
    | "change rule"
    | "add device of a tunnel's name",
    node: number,
  ]
  | readonly ["add table" | "names gone" | "queue overflows"]
  | readonly ["clock jumps", node: number, seconds: number]
  | readonly ["junk", port: number, length: number]
  | readonly ["forged auth packet", client: number, source: string]
  | readonly ["claimed place" | "good-bye from another's place", client: number, other: number]
  | readonly ["settle"];

/** Events that someone else causes. They may change what is foreign. */
export const BY_SOMEONE_ELSE: ReadonlySet<string> = new Set([
  ...["uplink down", "uplink up", "flush ruleset", "remark", "rename", "add address", "renew address"],
  ...["add device of a tunnel's name", "add table", "delete device", "lower", "move", "flush addresses"],
  "move elsewhere",
  ...["uplink MTU"],
]);
/** Events that need a tunnel device. */
export const NEED_TUNNEL: ReadonlySet<string> = new Set([
  "lower",
  "rename",
  "remark",
  "move",
  "flush addresses",
  "move elsewhere",
  "set header",
  "set MTU",
]);
/** Events that may remove the marks by which FOU ports and private addresses are known, until they are repaired. */
export const UNMARKING: ReadonlySet<string> = new Set([
  ...[
    "flush ruleset",
    "delete rule",
    "delete chain",
    "delete set",
    "delete device",
    "remark",
    "rename",
    "move",
    "move elsewhere",
  ],
]);
/** Events that may damage the gate, until it is repaired. */
export const DAMAGING: ReadonlySet<string> = new Set([
  ...["flush ruleset", "delete rule", "delete chain", "delete set", "delete element"],
]);

/** What the kernel may refuse of a tunnel device. */
export const REFUSALS: readonly ((device: string) => RegExp)[] = [
  (device) => RegExp(`^link add name ${device} `),
  (device) => RegExp(`^link set dev ${device} .*type`),
  (device) => RegExp(`^link set dev ${device} (alias|group|up)`),
  (device) => RegExp(`^(address|route) .* dev ${device}\\b`),
  (device) => RegExp(`^add element .* \\{ "${device}"`),
  () => /^(fou|address) add .*172\.29\./,
  () => /^add element (remotes|endpoints)-.* 40001\b/,
];

/** A name that one of the settings has for a client. */
export const HUB_NAME = "c2.example";

function havingTunnel(peer: Peer, tunnel: Partial<Peer["tunnel"]>): Peer {
  return { ...peer, tunnel: { ...peer.tunnel, ...tunnel } };
}

/** Settings that the server is reloaded with, all for the same hub. */
export const VARIANTS: readonly Settings[] = (() => {
  const [first, second, third] = peersOf() as [Peer, Peer, Peer];
  const secret = ed25519({ secret: "another", remotePublicKey: null, privateKey: null });
  const other = {
    ...schemeOf(0, "server"),
    ...{ secret: (secret as { secret: string }).secret },
  } as Peer["scheme"];
  return [
    hubOf([first, second, third]),
    hubOf([first, third]),
    hubOf([first, second, third], { local: { ip: null, device: "eth0", ports: [PORT] } }),
    hubOf([{ ...first, scheme: other }, second, third]),
    hubOf([first, { ...second, lifetime: 90 }, { ...third, lifetime: 0 }]),
    hubOf([first, second, third], { queue: { number: 1, maxLength: 24 } }),
    hubOf([first, { ...second, routes: ["10.7.0.0/16"] }, { ...third, allowedIps: ["172.28.0.5/32"] }]),
    hubOf([first, second, third], { nft: { table: "ipipou", counter: false }, mssClamp: "auto" }),
    hubOf([
      first,
      havingTunnel(second, { mtu: 1300 }),
      havingTunnel(third, {
        header: { ttl: "inherit", tos: 0x20, pmtudisc: false },
      }),
    ], { mssClamp: 1200 }),
    hubOf([first, second, {
      ...third,
      byRemote: { ip: true, port: false },
      remote: { host: HUB_NAME, port: null },
    }]),
    hubOf([{ ...first, altIp: null }, { ...second, altIp: "172.29.0.7" }, third]),
  ];
})();

/** The settings in which the first peer has a different secret. */
export const OTHER_KEY = VARIANTS[3]!;

const node = fc.nat(3);
const client = fc.nat(2);
const number = fc.nat(20);
const program = fc.constantFrom("ip", "nft");

function named<const Name extends string, Args extends unknown[]>(
  names: readonly Name[],
  ...args: { [K in keyof Args]: fc.Arbitrary<Args[K]> }
) {
  return fc.tuple(fc.constantFrom(...names), ...args);
}

/** Any event, frequent ones more often. */
export const eventArbitrary: fc.Arbitrary<Event> = fc.oneof(
  { weight: 14, arbitrary: named(["pass"], fc.integer({ min: 0, max: 60 })) },
  { weight: 6, arbitrary: named(["NAT forgets", "NAT renumbers"], fc.nat(1)) },
  { weight: 3, arbitrary: named(["NAT swaps"]) },
  { weight: 2, arbitrary: named(["NAT loses"], fc.nat(1), fc.nat(5)) },
  { weight: 10, arbitrary: named(["authenticate"], client) },
  { weight: 5, arbitrary: named(["data"], client, fc.constantFrom(24, 73, 100, 1400)) },
  { weight: 8, arbitrary: named(["reload"], fc.nat(VARIANTS.length - 1)) },
  { weight: 2, arbitrary: named(["reload with a mistake"]) },
  { weight: 10, arbitrary: named(["kill", "start", "stop", "lose news", "uplink down", "uplink up"], node) },
  { weight: 10, arbitrary: named(["orphan", "fail", "hang"], node, program, fc.nat(12)) },
  { weight: 2, arbitrary: named(["flush ruleset"]) },
  { weight: 2, arbitrary: named(["uplink MTU"], node, fc.constantFrom(1400, 1500)) },
  { weight: 6, arbitrary: named(["delete rule", "delete chain", "delete set", "delete element"], number) },
  {
    weight: 12,
    arbitrary: named(
      [
        ...["delete device", "lower", "rename", "remark", "move", "flush addresses", "set header", "set MTU"],
        "move elsewhere",
      ] as const,
      node,
      client,
    ),
  },
  { weight: 4, arbitrary: named(["refuse"], node, client, fc.nat(REFUSALS.length - 1)) },
  { weight: 2, arbitrary: named(["relent"], node) },
  {
    weight: 6,
    arbitrary: named(
      ["delete route", "delete FOU port", "add address", "add device of a tunnel's name"],
      node,
    ),
  },
  { weight: 3, arbitrary: named(["renew address", "change rule"], node) },
  { weight: 4, arbitrary: named(["add table", "names gone", "queue overflows"]) },
  { weight: 2, arbitrary: named(["clock jumps"], node, fc.integer({ min: -100_000, max: 100_000 })) },
  {
    weight: 4,
    arbitrary: named(["junk"], fc.integer({ min: 40_000, max: 40_005 }), fc.constantFrom(24, 73, 79, 80)),
  },
  { weight: 2, arbitrary: named(["forged auth packet"], client, fc.constantFrom(...IMPOSSIBLE)) },
  { weight: 4, arbitrary: named(["claimed place", "good-bye from another's place"], client, client) },
  { weight: 4, arbitrary: named(["settle"]) },
) as fc.Arbitrary<unknown> as fc.Arbitrary<Event>;
