import type { Endpoint } from "../../lib/packet.ts";
import { must } from "../../tools/command.ts";
import { type Host, Network } from "../lab/network.ts";
import { PORT } from "./scenario.ts";

const CROWD = new URL("crowd.py", import.meta.url).pathname;
const PYTHON = ["/usr/bin/python3", "-B", CROWD];
const SECRET = "crowd";

/** How a crowd's places differ: each member has its own address, or its own port of one address. */
export type Spread = "addresses" | "ports";

/** One client of a crowd. */
export interface Member {
  readonly number: number;
  readonly name: string;
  /** Its inner address. */
  readonly ip: string;
  /** Its token; null: it proves itself by its key. */
  readonly token: string | null;
  /** Whether it is of version 0.1, whose auth packets have no hint. */
  readonly isOld: boolean;
  readonly publicKey: string;
}

/** Makes clients. Every fourth has a token, the others have keys; every 250th is of version 0.1. */
export async function makeMembers(count: number): Promise<Member[]> {
  const keys = (await must([...PYTHON, "keys", String(count)])).trim().split("\n");
  return keys.map((publicKey, number) => ({
    number,
    name: `m${number}`,
    ip: `172.28.${64 + (number >> 8)}.${number & 255}`,
    isOld: number % 250 === 0,
    token: number % 4 === 3 ? `the token of member ${number}` : null,
    publicKey,
  }));
}

/** The settings file of a hub with these peers and the inner address 172.28.63.1. */
export function hubToml(members: readonly Member[]): string {
  const peers = members.map(({ name, ip, token, publicKey }) =>
    `[[peer]]\nname = "${name}"\ntunl.peer-ip = "${ip}"\n` +
    (token === null ? `auth.remote-pubkey-b64 = "${publicKey}"\n` : `auth.token = "${token}"\n`)
  );
  return `server = true\nnumber = 1\n[fou]\nlocal = "@eth0"\n[tunl]\nip = "172.28.63.1"\n` +
    `[auth]\nsecret = "${SECRET}"\n${peers.join("")}`;
}

/** Routes the addresses of all places of a crowd to the host `direct`. */
export async function openPlaces(network: Network): Promise<void> {
  await network.must("router", ["ip", "route", "add", "10.64.0.0/10", "via", "203.0.113.2"]);
}

/** Where a member sends from; each `move` gives another place. */
export function placeOf({ number }: Member, spread: Spread, move = 0): Endpoint {
  return spread === "ports"
    ? { ip: "203.0.113.2", port: 20_000 + 2000 * move + number }
    : { ip: `10.${64 + move}.${number >> 8}.${number & 255}`, port: PORT };
}

/** Makes every member send an auth packet at once, in an order unrelated to their names. */
export async function sendAll(
  network: Network,
  members: readonly Member[],
  spread: Spread,
  move = 0,
  host: Host = "direct",
): Promise<void> {
  const shuffled = members.toSorted((a, b) => turnOf(a) - turnOf(b));
  const lines = shuffled.map((member) => {
    const { ip, port } = placeOf(member, spread, move);
    const who = `${member.isOld ? "OLD/" : ""}${member.number}`;
    return `${who}@${ip}:${port}${member.token === null ? "" : `=${member.token}`}\n`;
  });
  const command = [...PYTHON, "send", "--secret", SECRET, "--to", `192.0.2.1:${PORT}`];
  await network.must(host, command, { stdin: lines.join("") });
}

function turnOf({ number }: Member): number {
  return number * 389 % 1009;
}
