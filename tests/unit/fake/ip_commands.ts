import { ANY_ADDRESS } from "../../../lib/kernel/state.ts";
import { type FakeAddress, type FakeDevice, type Links, type Outer, USUAL_HEADER } from "./links.ts";
import type { Fib } from "./fib.ts";
import type { FouPorts } from "./fou_ports.ts";
import { Refused } from "./refused.ts";

/** The state that `ip` commands change. */
export interface IpTargets {
  readonly links: Links;
  readonly fib: Fib;
  readonly fou: FouPorts;
  /** Whether an address is one of this host's. */
  readonly isLocal: (ip: string) => boolean;
}

/** Carries out one line of `ip -batch`. @throws {Refused} @throws {TypeError} at a word that no plan has */
export function runIpCommand(targets: IpTargets, line: string): void {
  const [object, verb, ...rest] = line.split(" ");
  const words = new Words(rest, line);
  switch (`${object} ${verb}`) {
    case "link add":
      return addLink(targets, words);
    case "link set":
      return setLink(targets, words);
    case "link delete":
      return deleteLinks(targets, words);
    case "route add":
    case "route replace":
    case "route delete":
      return changeRoute(targets, verb!, words);
    case "address add":
    case "address delete":
      return changeAddress(targets, verb!, words);
    case "fou add":
    case "fou del":
      return changeFou(targets, verb!, words);
  }
  throw new TypeError(`Unknown command: ip ${line}`);
}

/** The words of a command after its verb: perhaps an unnamed one, then names with values, and flags. */
class Words {
  readonly #words: readonly string[];
  readonly #line: string;

  constructor(words: readonly string[], line: string) {
    this.#words = words;
    this.#line = line;
  }

  get first(): string {
    return this.#words[0] ?? this.fail("a word is missing");
  }

  /** Reads the words from index `from` on. @throws {TypeError} at one that is neither a name nor a flag */
  read(from: number, names: readonly string[], flags: readonly string[] = []): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (let at = from; at < this.#words.length; at++) {
      const word = this.#words[at]!;
      if (flags.includes(word)) found.set(word, "");
      else if (names.includes(word)) found.set(word, this.#words[++at] ?? this.fail(`no value of "${word}"`));
      else this.fail(`unknown word "${word}"`);
    }
    return found;
  }

  value(found: ReadonlyMap<string, string>, name: string): string {
    return found.get(name) ?? this.fail(`no "${name}"`);
  }

  fail(why: string): never {
    throw new TypeError(`Unknown command, ${why}: ip ${this.#line}`);
  }
}

const OUTER_NAMES = [
  "type",
  "remote",
  "local",
  "ttl",
  "tos",
  "encap",
  "encap-sport",
  "encap-dport",
  "fwmark",
];
const OUTER_FLAGS = ["encap-csum", "noencap-csum", "pmtudisc", "nopmtudisc"];

function addLink({ links, fib }: IpTargets, words: Words): void {
  const found = words.read(0, ["name", "mtu", "mode", "dev", ...OUTER_NAMES], OUTER_FLAGS);
  const dev = found.get("dev");
  const under = dev === undefined ? null : links.byName.get(dev);
  if (under === undefined) throw new Refused(`Cannot find device "${dev}"`, { isFatal: true, code: 255 });
  if (found.has("mode") && found.get("mode") !== "ipip") words.fail("unknown mode");
  const outer = readOuter(words, found, null);
  const way = under ?? links.byIndex(fib.lookup(outer.remote)?.device ?? 0);
  const mtu = Number(found.get("mtu") ?? (way?.mtu ?? 1500) - (outer.encap === null ? 20 : 28));
  links.add(words.value(found, "name"), { kind: "ipip", outer, mtu, link: under?.index ?? null });
}

function setLink({ links }: IpTargets, words: Words): void {
  const names = ["dev", "mtu", "alias", "group", "name", ...OUTER_NAMES];
  const found = words.read(0, names, ["up", "down", ...OUTER_FLAGS]);
  const device = links.find(words.value(found, "dev"));
  const [alias, group, name, mtu] = ["alias", "group", "name", "mtu"].map((word) => found.get(word));
  if (found.has("type") && device.outer === null) throw new Refused("Failed to get existing tunnel info.");
  links.set(device, {
    ...(found.has("type") ? { outer: readOuter(words, found, device.outer) } : {}),
    ...(alias === undefined ? {} : { alias }),
    ...(group === undefined ? {} : { group: Number(group) }),
    ...(name === undefined ? {} : { name }),
    ...(mtu === undefined ? {} : { mtu: Number(mtu) }),
    ...(found.has("up") ? { up: true } : found.has("down") ? { up: false } : {}),
  });
}

function readOuter(words: Words, found: ReadonlyMap<string, string>, before: Outer | null): Outer {
  if (found.get("type") !== "ipip") words.fail("unknown type");
  const port = (name: string) => Number(words.value(found, name));
  const encap = found.get("encap") === "none"
    ? null
    : found.has("encap")
    ? { type: found.get("encap")!, sport: port("encap-sport"), dport: port("encap-dport") }
    : before?.encap ?? null;
  const csum = found.has("encap-csum") || !found.has("noencap-csum") && (before?.csum ?? false);
  const header = readHeader(words, found, before?.header ?? USUAL_HEADER);
  const fwmark = Number(found.get("fwmark") ?? before?.fwmark ?? 0);
  const [remote, local] = ["remote", "local"].map((name) => words.value(found, name));
  return { remote: remote!, local: local!, encap, csum, header, fwmark };
}

function readHeader(words: Words, found: ReadonlyMap<string, string>, before: string): string {
  const [, ttl = "", tos = "", flag = ""] = /^ttl (\S+) tos (\S+) (\S+)$/.exec(before)!;
  const flags = ["pmtudisc", "nopmtudisc"].filter((flag) => found.has(flag));
  const header = [found.get("ttl") ?? ttl, found.get("tos") ?? tos, flags[0] ?? flag] as const;
  if (!/^(inherit|0x[0-9a-f]{2})$/.test(header[1])) words.fail("unknown TOS");
  if (header[0] !== "inherit" && header[2] === "nopmtudisc") {
    throw new Refused("ttl != 0 and nopmtudisc are incompatible", { isFatal: true, code: 255 });
  }
  return `ttl ${header[0]} tos ${header[1]} ${header[2]}`;
}

function deleteLinks({ links }: IpTargets, words: Words): void {
  const found = words.read(0, ["dev", "group"]);
  const name = found.get("dev");
  if (name !== undefined) return links.delete([links.find(name)]);
  const group = Number(words.value(found, "group"));
  const devices = [...links.byName.values()].filter((device) => device.group === group);
  if (devices.length === 0) throw Refused.answer("No such device");
  links.delete(devices);
}

function changeRoute({ links, fib }: IpTargets, verb: string, words: Words): void {
  if (words.first === "local") {
    const found = words.read(0, ["local", "dev", "proto", "table"]);
    const ip = words.value(found, "local");
    const device = links.find(words.value(found, "dev"));
    if (found.get("proto") !== "kernel" || found.get("table") !== "local") words.fail("another route");
    if (verb !== "delete" && !device.up) throw new Refused("Error: Device for nexthop is not up.");
    if (!device.addresses.some(({ local }) => local === ip)) words.fail("no address of the device");
    return fib.changeLocalRoute(verb, ip);
  }
  const found = words.read(1, ["dev", "proto", "metric", "via", "mtu"]);
  const { index } = links.find(words.value(found, "dev"));
  const [protocol, metric, via] = ["proto", "metric", "via"].map((name) => found.get(name));
  const dst = words.first === "0.0.0.0/0" ? "default" : words.first.replace(/\/32$/, "");
  const route = {
    dst,
    device: index,
    protocol: readProtocol(protocol ?? "boot"),
    metric: metric === undefined ? null : Number(metric),
    via: via ?? null,
    source: null,
    mtu: found.has("mtu") ? Number(found.get("mtu")) : null,
  };
  if (verb === "delete") fib.deleteRoute(route);
  else fib.addRoute(links, route, verb === "replace");
}

/** The names that `ip` has for route protocols. */
export const PROTOCOLS: readonly string[] = ["unspec", "redirect", "kernel", "boot", "static"];

function readProtocol(text: string): number {
  return PROTOCOLS.includes(text) ? PROTOCOLS.indexOf(text) : Number(text);
}

function changeAddress({ links, fib }: IpTargets, verb: string, words: Words): void {
  const found = words.read(1, ["peer", "dev", "scope"]);
  const device = links.find(words.value(found, "dev"));
  const scope = found.get("scope") === "host" ? "host" : "global";
  const address = { ...readAddress(words.first, found.get("peer")), scope } as const;
  if (verb === "add") return fib.addAddress(device, address);
  if (!words.first.includes("/") && !found.has("peer")) words.fail("deletes whatever there is");
  fib.deleteAddress(device, address);
}

function readAddress(text: string, peerText = text): Omit<FakeAddress, "isSecondary"> {
  const [local, length = "32"] = text.split("/");
  const [peer, peerLength = length] = peerText.split("/");
  return { local: local!, peer: peer!, length: Number(peerLength), scope: "global" };
}

function changeFou({ links, fou, isLocal }: IpTargets, verb: string, words: Words): void {
  const found = words.read(0, ["port", "ipproto", "local", "dev"]);
  if (found.get("ipproto") !== "4") words.fail("unknown ipproto");
  const dev = found.get("dev");
  const device: FakeDevice | null | undefined = dev === undefined ? null : links.byName.get(dev);
  if (device === undefined) throw new Refused("fou: unknown device name", { isFatal: true });
  const listener = {
    ip: found.get("local") ?? ANY_ADDRESS,
    port: Number(words.value(found, "port")),
    device: device?.index ?? null,
  };
  if (verb === "add") fou.add(listener, isLocal);
  else fou.delete(listener);
}
