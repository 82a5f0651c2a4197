import { type InstanceStatus, type Place, type Report, STATES, type TunnelStatus } from "./snapshot.ts";

/** Bytes a second through a tunnel. */
export interface Rate {
  readonly rx: number;
  readonly tx: number;
}

/** By `rateKey`. */
export type Rates = ReadonlyMap<string, Rate>;

const LABEL_WIDTH = 16;
const NONE = "-";

/** Key of a tunnel among those of all instances. */
export function rateKey({ name, pid }: InstanceStatus, tunnel: TunnelStatus): string {
  return [name, pid, tunnel.name].join(" ");
}

/** How fast data went between two looks. @param milliseconds between them */
export function ratesBetween(
  before: readonly Report[],
  after: readonly Report[],
  milliseconds: number,
): Map<string, Rate> {
  const earlier = new Map(countsIn(before));
  return new Map(
    countsIn(after).flatMap(([key, { rx, tx }]): [string, Rate][] => {
      const then = earlier.get(key);
      // A device that was made anew begins at 0.
      if (then === undefined || rx < then.rx || tx < then.tx || milliseconds <= 0) return [];
      const perSecond = (bytes: number) => Math.round(bytes * 1000 / milliseconds);
      return [[key, { rx: perSecond(rx - then.rx), tx: perSecond(tx - then.tx) }]];
    }),
  );
}

/** Bytes through each tunnel so far. */
function countsIn(reports: readonly Report[]): [string, Rate][] {
  return reports.flatMap(({ instance, tunnels }) =>
    tunnels.flatMap((tunnel): [string, Rate][] => {
      const { stats64 } = tunnel;
      if (stats64 === null) return [];
      return [[rateKey(instance, tunnel), { rx: stats64.rx.bytes, tx: stats64.tx.bytes }]];
    })
  );
}

/** Formats instances for people. @param isPart whether only some of a hub's peers are among them */
export function formatReports(reports: readonly Report[], rates: Rates, isPart = false): string {
  return reports.map((report) => formatReport(report, rates, isPart)).join("\n");
}

function formatReport(report: Report, rates: Rates, isPart: boolean): string {
  const { instance, tunnels } = report;
  const isTable = instance.hub && tunnels.length !== 1;
  const lines = [
    describeInstance(report, isPart),
    ...instance.ok || isSaidOf(tunnels, instance) ? [] : [`  ${stateOf(instance)}`, ...cureOf(instance)],
    ...describeFailedReload(instance),
    ...describeRefused(instance),
    ...isTable
      ? formatTable(report, rates)
      : tunnels.flatMap((tunnel) => formatTunnel(report, tunnel, rates)),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** Whether what is said of the instance is also said of its only tunnel. */
function isSaidOf([tunnel, ...others]: readonly TunnelStatus[], instance: InstanceStatus): boolean {
  return others.length === 0 && tunnel !== undefined && !instance.hub &&
    stateOf(tunnel) === stateOf(instance) && tunnel.cure === instance.cure;
}

/** The line that an instance begins with. @param isPart see `formatReports()` */
export function describeInstance(report: Report, isPart: boolean): string {
  const count = isPart ? null : countUp(report);
  return `${nameInstance(report.instance)}${count === null ? "" : `: ${count}`}`;
}

/** How many peers of a hub are up, in words. @returns null: it is no hub, or does not run */
export function countUp({ instance: { hub, uptime }, tunnels }: Report): string | null {
  if (!hub || uptime === null) return null;
  return `${tunnels.filter(({ ok }) => ok).length} of ${tunnels.length} peers up`;
}

/** What an instance is, where, and for how long. */
export function nameInstance({ name, config, role, local, dev, uptime, heals }: InstanceStatus): string {
  const title = config === null || config === name ? name : `${config} (${name})`;
  const where = local.length === 0 ? "" : ` at ${local.map(showPlace).join(", ")}`;
  const device = dev === null ? "" : ` by ${dev}`;
  const running = uptime === null ? "" : `, running for ${showDuration(uptime)}`;
  const repairs = !heals ? "" : `, ${heals} ${heals === 1 ? "repair" : "repairs"}`;
  return `${title}: ${role ?? "instance"}${where}${device}${running}${repairs}`;
}

/** The line about a reload that failed, if the last one did. */
export function describeFailedReload({ reload_failed: failed }: InstanceStatus): string[] {
  if (failed === null) return [];
  const { why, age } = failed;
  return [`  reload failed ${showDuration(age)} ago: ${why}; the settings from before it are in use`];
}

function describeRefused({ refused }: InstanceStatus): string[] {
  if (refused === null || refused.last === null) return [];
  const { count, last } = refused;
  const packets = count === 1 ? "1 auth packet" : `${count} auth packets`;
  return [
    `  ${packets} refused, the last ${showDuration(last.age)} ago from ${showPlace(last)}: ${last.why}`,
  ];
}

/** A tunnel with all that is known of it. */
function formatTunnel({ instance }: Report, tunnel: TunnelStatus, rates: Rates): string[] {
  const { name, ifname, address, peer, mtu, local, remote, stats64, moves } = tunnel;
  const rate = rates.get(rateKey(instance, tunnel));
  const device = name === ifname || !instance.hub ? ifname : `${name}, device ${ifname}`;
  const row = (label: string, text: string | null) => text === null ? [] : [labelled(label, text)];
  return [
    labelled("state", stateOf(tunnel)),
    ...row("cure", tunnel.cure),
    labelled("tunnel", `${device}: ${address} to ${peer}${mtu === null ? "" : `, MTU ${mtu}`}`),
    ...row("outside", describeEnds(local, remote)),
    // What a client sent is no proof that it is let in.
    ...row(instance.role === "client" ? "auth packet" : "authenticated", describeAuth(instance, tunnel)),
    ...row("received", stats64 && describeReceived(tunnel, stats64.rx.bytes, rate?.rx)),
    ...row("sent", stats64 && describeCounts(stats64.tx.bytes, rate?.tx, null)),
    ...!moves ? [] : [labelled("moves", String(moves))],
    ...row("shared address", describeShare(tunnel)),
  ];
}

function labelled(label: string, text: string): string {
  return `  ${label.padEnd(LABEL_WIDTH)}${text}`;
}

function cureOf({ cure }: { readonly cure: string | null }): string[] {
  return cure === null ? [] : [`  ${cure}`];
}

/** A state in words, with what brought it about. */
export function stateOf({ state, why }: Pick<TunnelStatus, "state" | "why">): string {
  return why === null ? state : `${state}: ${why}`;
}

function describeEnds(local: Place | null, remote: Place | null): string | null {
  if (remote === null) return null;
  return local === null ? showPlace(remote) : `${showPlace(local)} to ${showPlace(remote)}`;
}

function describeAuth({ role }: InstanceStatus, tunnel: TunnelStatus): string | null {
  const { auth_age: auth, reply_age: reply, expires_in: expires } = tunnel;
  const parts = [
    ...auth === null ? [] : [`${role === "client" ? "sent " : ""}${showDuration(auth)} ago`],
    ...reply === null ? [] : [`last reply ${showDuration(reply)} ago`],
    ...expires === null ? [] : [`expires in ${showDuration(expires)}`],
  ];
  return parts.length === 0 ? null : parts.join(", ");
}

/** A device that was made anew has received nothing yet. */
function describeReceived(
  { received_age: age }: TunnelStatus,
  bytes: number,
  rate: number | undefined,
): string {
  return describeCounts(bytes, rate, bytes === 0 ? null : age);
}

function describeCounts(bytes: number, rate: number | undefined, age: number | null): string {
  const speed = rate === undefined ? "" : `, ${showBytes(rate)}/s`;
  return `${showBytes(bytes)}${speed}${age === null ? "" : `, noticed ${showDuration(age)} ago`}`;
}

function describeShare({ private: address, sharing, shares_with: names }: TunnelStatus): string | null {
  if (sharing === 0) return address === null ? null : `private address ${address}`;
  const more = sharing > names.length ? ` and ${sharing - names.length} more` : "";
  return `with ${names.join(", ")}${more}${address === null ? "" : `; private address ${address}`}`;
}

const HEADINGS = ["PEER", "STATE", "INNER", "REMOTE", "AUTH", "RECEIVED", "SENT", "MOVES", "WHY"];

/** A line for each tunnel, those that need care first. */
function formatTable({ instance, tunnels }: Report, rates: Rates): string[] {
  const rows = byState(tunnels).map((tunnel) => {
    const rate = rates.get(rateKey(instance, tunnel));
    const { name, state, peer, remote, auth_age: auth, stats64, moves, why } = tunnel;
    const counts = (bytes: number | undefined, speed: number | undefined) =>
      bytes === undefined ? NONE : describeCounts(bytes, speed, null);
    return [
      ...[name, state, peer],
      ...[remote === null ? NONE : showPlace(remote), auth === null ? NONE : showDuration(auth)],
      ...[
        counts(stats64?.rx.bytes, rate?.rx),
        counts(stats64?.tx.bytes, rate?.tx),
        String(moves ?? NONE),
        why ?? "",
      ],
    ];
  });
  return rows.length === 0 ? [] : alignColumns([HEADINGS, ...rows]);
}

/** Those that need care in front; of one state by name. */
export function byState(tunnels: readonly TunnelStatus[]): TunnelStatus[] {
  const rank = ({ state }: TunnelStatus) => STATES.indexOf(state);
  const order = (a: string, b: string) => a < b ? -1 : 1;
  return [...tunnels].sort((a, b) => rank(a) - rank(b) || order(a.name, b.name));
}

/** Makes lines of rows, with columns as wide as they must be. All text is one cell a character. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd());
}

export function showPlace({ address, port }: Place): string {
  return `${address}:${port}`;
}

const UNITS = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]] as const;

/** A time in one unit or two: `12 s`, `3 min`, `2 h 5 min`. */
export function showDuration(seconds: number): string {
  const whole = Math.floor(seconds);
  const index = UNITS.findIndex(([size]) => whole >= size);
  if (index < 0) return "0 s";
  const [size, unit] = UNITS[index]!;
  const next = UNITS[index + 1];
  const rest = next === undefined ? 0 : Math.floor(whole % size / next[0]);
  // Seconds are of no use beside minutes.
  const more = rest === 0 || next![1] === "s" ? "" : ` ${rest} ${next![1]}`;
  return `${Math.floor(whole / size)} ${unit}${more}`;
}

const PREFIXES = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/** A number of bytes in three digits: `512 B`, `1.25 KiB`. */
export function showBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), PREFIXES.length);
  const value = bytes / 1024 ** power;
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${PREFIXES[power - 1]}`;
}
