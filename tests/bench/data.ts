import type { Network } from "../lab/network.ts";
import { PATIENCE } from "../e2e/scenario.ts";

const PPS = ["/usr/bin/python3", "-B", new URL("pps.py", import.meta.url).pathname];
const PORT = "7002";
const UDP_SECONDS = "0.5";
const TCP_SECONDS = "1";
const PINGS = "1000";

/** A tunnel between the hosts `server` and `direct`. */
export interface Link {
  readonly network: Network;
  /** The device at each end, and the inner address there. */
  readonly server: { readonly device: string; readonly ip: string };
  readonly direct: { readonly device: string; readonly ip: string };
}

/** What a link does: packets a second, microseconds, bits a second. */
export interface Data {
  readonly "UDP packets to the server": number;
  readonly "UDP packets from the server": number;
  readonly "round trip": number;
  readonly "TCP to the server": number;
  readonly "TCP from the server": number;
}

/** Starts what the measurements of links of this network need. */
export async function serveData(network: Network): Promise<void> {
  for (const host of ["server", "direct"] as const) {
    await network.spawn(host, [...PPS, "hold", PORT]).waitForLine(/holding/, PATIENCE);
  }
  await network.spawn("server", ["iperf3", "-s", "--forceflush"]).waitForLine(/Server listening/, PATIENCE);
}

/** Measures a link once. */
export async function measureData(link: Link): Promise<Data> {
  return {
    "UDP packets to the server": await packetRate(link, "direct", "server"),
    "UDP packets from the server": await packetRate(link, "server", "direct"),
    "round trip": await roundTrip(link),
    "TCP to the server": await tcpRate(link),
    "TCP from the server": await tcpRate(link, "-R"),
  };
}

type End = "server" | "direct";

/** Small UDP packets that come out of the tunnel in a second, while as many as possible are sent. */
async function packetRate(link: Link, from: End, to: End): Promise<number> {
  const { network } = link;
  const before = await received(link, to);
  const seconds = Number(await network.must(from, [...PPS, "send", link[to].ip, PORT, UDP_SECONDS]));
  return (await received(link, to) - before) / seconds;
}

async function received({ network, ...link }: Link, end: End): Promise<number> {
  const [{ stats64 }] = JSON.parse(
    await network.must(end, ["ip", "-j", "-s", "link", "show", link[end].device]),
  );
  return stats64.rx.packets;
}

/** @returns microseconds */
async function roundTrip({ network, server }: Link): Promise<number> {
  const report = await network.must("direct", ["ping", "-qf", "-c", PINGS, server.ip]);
  return 1000 * Number(/= [\d.]+\/([\d.]+)\//.exec(report)![1]);
}

/** @returns bits a second */
async function tcpRate({ network, server }: Link, ...args: string[]): Promise<number> {
  const run = ["iperf3", "-J", "-c", server.ip, "-t", TCP_SECONDS, ...args];
  return JSON.parse(await network.must("direct", run)).end.sum_received.bits_per_second;
}
