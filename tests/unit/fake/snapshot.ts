import type { FakeKernel } from "./kernel.ts";
import type { FakeDevice } from "./links.ts";
import { type FakeTable, liveElements } from "./nft_tables.ts";

/** Everything in a fake kernel, as sorted lines, without the numbers that the kernel assigns. */
export function snapshot(kernel: FakeKernel): string[] {
  return [
    ...[...kernel.devices.values()].flatMap((device) => describeDevice(kernel, device)),
    ...kernel.fib.routes.map(({ dst, device, protocol, metric, via }) =>
      `route ${dst} dev ${kernel.links.nameOf(device)} proto ${protocol}${word("via", via)}${
        word("metric", metric)
      }`
    ),
    ...[...kernel.listeners].map(([key, device]) => `fou ${key}${word("dev", device)}`),
    ...[...kernel.tables].flatMap(([name, table]) => describeTable(name, table, kernel.now)),
  ].sort();
}

function describeDevice({ links }: FakeKernel, device: FakeDevice): string[] {
  const { name, kind, alias, mtu, outer, link, up, group, addresses } = device;
  const under = link === null ? null : links.nameOf(link);
  const outside = outer === null
    ? ""
    : ` ${outer.local}${port(outer.encap?.sport)} to ${outer.remote}${port(outer.encap?.dport)}` +
      (outer.csum ? " csum" : "") + ` ${outer.header}`;
  return [
    `device ${name}${word("kind", kind || null)}${outside}${word("dev", under)} ${up ? "up" : "down"}` +
    ` mtu ${mtu}` +
    `${word("group", group || null)}${word("alias", alias)}`,
    ...addresses.map(({ local, peer, length }) => `address ${local} peer ${peer}/${length} dev ${name}`),
  ];
}

function describeTable(name: string, { chains, sets }: FakeTable, now: number): string[] {
  return [
    `table ${name}`,
    ...[...chains].flatMap(([chain, { hook, rules }]) => [
      `chain ${name} ${chain}${hook === null ? "" : ` ${Object.values(hook).join(" ")}`}`,
      ...rules.map(({ text }, index) => `rule ${name} ${chain} ${String(index).padStart(3, "0")} ${text}`),
    ]),
    ...[...sets].flatMap(([set, fields]) => [
      `set ${name} ${set} ${fields.type.join(" . ")}${word(":", fields.data)}`,
      ...liveElements(fields, now).map(({ key, data, timeout }) =>
        `element ${name} ${set} ${key}${timeout === null ? "" : " timed"}${word(":", data)}`
      ),
    ]),
  ];
}

function port(number: number | undefined): string {
  return number === undefined ? "" : `:${number}`;
}

function word(name: string, value: string | number | null): string {
  return value === null ? "" : ` ${name} ${value}`;
}
