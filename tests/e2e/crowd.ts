import type { Endpoint } from "../../lib/packet.ts";
import { must } from "../../tools/command.ts";
import { type Host, Network } from "../lab/network.ts";
import { PORT } from "./scenario.ts";

const CROWD = new URL("crowd.py", import.meta.url).pathname;
const PYTHON = ["/usr/bin/python3", "-B", CROWD];
const SECRET = "crowd";

/** Where a crowd's members are: an address for each, or a port of one. */
export type Spread = "addresses" | "ports";

/** One client of a crowd. */
export interface Member {
  readonly number: number;
  readonly name: string;
  /** Its own address in the tunnel. */
  readonly ip: string;
  /** A token is its proof, else its key. */
  readonly token: string | null;
  /** Whether it is of version 0.1, which does not hint at its key. */
  readonly isOld: boolean;
  readonly publicKey: string;
}

/** Makes clients of which every fourth has a token and the others keys; every 250th is of version 0.1. */
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

/** The configuration of a hub that has these peers, with the server's address 172.28.63.1 in the tunnel. */
export function hubToml(members: readonly Member[]): string {
  const peers = members.map(({ name, ip, token, publicKey }) =>
    `[[peer]]\nname = "${name}"\ntunl.peer-ip = "${ip}"\n` +
    (token === null ? `auth.remote-pubkey-b64 = "${publicKey}"\n` : `auth.token = "${token}"\n`)
  );
  return `server = true\nnumber = 1\n[fou]\nlocal = "@eth0"\n[tunl]\nip = "172.28.63.1"\n` +
    `[auth]\nsecret = "${SECRET}"\n${peers.join("")}`;
}

/** Lets packets from all places of a crowd begin at `direct`. */
export async function openPlaces(network: Network): Promise<void> {
  await network.must("router", ["ip", "route", "add", "10.64.0.0/10", "via", "203.0.113.2"]);
}

/** Where a member is; each `move` is another place. */
export function placeOf({ number }: Member, spread: Spread, move = 0): Endpoint {
  return spread === "ports"
    ? { ip: "203.0.113.2", port: 20_000 + 2000 * move + number }
    : { ip: `10.${64 + move}.${number >> 8}.${number & 255}`, port: PORT };
}

/** Has all members send an auth packet at once, in an order that has nothing to do with their names. */
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
