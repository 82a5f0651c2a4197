import { ADMIN_RULES } from "../lab/admin_rules.ts";
import { ADDRESS } from "../lab/network.ts";
import { INNER } from "../e2e/scenario.ts";
import type { Tunnel } from "./tunnel.ts";

/** A ruleset of an admin, which lets the tunnel in. */
export const RULES = `flush ruleset
${ADMIN_RULES}
`;

/** Makes the client's uplink anew. @param ns the NAT's namespace */
export function plug(ns: string): string {
  return `ip link add eth0 type veth peer name client netns ${ns}
ip -n ${ns} link set dev client master lan
ip -n ${ns} link set dev client addrgenmode none up
ip address add ${ADDRESS.client}/24 dev eth0
ip link set dev eth0 addrgenmode none up
ip route add default via 10.0.1.1`;
}

/** Takes the addresses from the server's uplink, its route with them, and gives them back. */
export const READDRESS =
  `ip address flush dev eth0; ip address add ${ADDRESS.server}/24 dev eth0; ip route add default via 192.0.2.254`;

/** What may happen to a tunnel. It ends as it began, but for what its programs are to put back. */
export type Event = (tunnel: Tunnel, random: (below: number) => number) => Promise<unknown>;

const GATE = "ip ipipou";
/** The client's address is one of these. */
const CLIENTS = 40;

function onTunnel(script: string): Record<string, Event> {
  return Object.fromEntries((["server", "client"] as const).map((host) => [
    `${host}: ${script}`,
    (tunnel: Tunnel) => tunnel.sh(host, script),
  ]));
}

function onServer(script: string, stdin?: string): Record<string, Event> {
  return { [`server: ${script.split("\n")[0]}`]: (tunnel) => tunnel.sh("server", script, stdin) };
}

/** Gives the client's uplink another address, as DHCP does. */
async function moveClient(tunnel: Tunnel, random: (below: number) => number): Promise<void> {
  const address = `10.0.1.${100 + random(CLIENTS)}`;
  await tunnel.sh(
    "client",
    `ip address flush dev eth0; ip address add ${address}/24 dev eth0; ip route add default via 10.0.1.1`,
  );
}

/** Takes a host's uplink down and up: with the device go its routes. */
async function bounce(tunnel: Tunnel, host: "server" | "client"): Promise<void> {
  const gateway = host === "server" ? "192.0.2.254" : "10.0.1.1";
  await tunnel.sh(
    host,
    `ip link set dev eth0 down; ip link set dev eth0 up; ip route add default via ${gateway}`,
  );
}

/** All events, by name. */
export const EVENTS: Readonly<Record<string, Event>> = {
  ...onServer("nft flush ruleset"),
  ...onServer("nft -f -", RULES),
  ...onServer(`nft delete table ${GATE}`),
  ...onServer(`nft flush chain ${GATE} fou-ipipou1`),
  ...onServer(`nft flush map ${GATE} remotes-ipipou1`),
  ...onServer(`nft insert rule ${GATE} fou-ipipou1 accept`),
  "server: eth0's addresses flushed and given back": (tunnel) => tunnel.sh("server", READDRESS),
  ...onTunnel("ip link delete dev ipipou1"),
  ...onTunnel("ip link set dev ipipou1 down"),
  ...onTunnel("ip link set dev ipipou1 down; ip link set dev ipipou1 name other"),
  ...onTunnel("ip address flush dev ipipou1"),
  ...onTunnel("ip link set dev ipipou1 alias ''"),
  ...onTunnel("ip address add 10.99.0.1/32 dev eth0; ip address delete 10.99.0.1/32 dev eth0"),
  ...onTunnel("ip route add 10.88.0.0/16 dev ipipou1; ip route delete 10.88.0.0/16"),
  "server: ip fou del": (tunnel) =>
    tunnel.sh("server", `ip fou del port 10001 ipproto 4 local ${ADDRESS.server}`),
  "client: ip fou del": (tunnel) =>
    tunnel.sh(
      "client",
      "ip fou del port 10001 ipproto 4 local $(ip -4 -o address show dev eth0 | sed 's,.*inet ,,; s,/.*,,')",
    ),
  "server: eth0 down, up": (tunnel) => bounce(tunnel, "server"),
  "client: eth0 down, up": (tunnel) => bounce(tunnel, "client"),
  "client: another address": moveClient,
  "client: eth0 deleted and made again": async (tunnel) => {
    await tunnel.sh("client", "ip link delete dev eth0");
    await tunnel.sh("client", plug(tunnel.scenario.network.ns("nat")));
  },
  "client: eth0 renamed and back": (tunnel) =>
    tunnel.sh(
      "client",
      "ip link set dev eth0 down; ip link set dev eth0 name wan; ip link set dev wan name eth0; ip link set dev eth0 up; ip route add default via 10.0.1.1",
    ),
  "NAT: another port": (tunnel) => tunnel.scenario.network.remapNat(),
  "NAT: conntrack -F": (tunnel) => tunnel.sh("nat", "conntrack -F"),
  "server: restart": async (tunnel) => {
    await tunnel.server.kill();
    await tunnel.startServer();
  },
  "server: SIGKILL, start": async (tunnel) => {
    await tunnel.server.kill("SIGKILL");
    await tunnel.startServer();
  },
  "client: restart": async (tunnel) => {
    await tunnel.client.kill();
    await tunnel.startClient();
  },
  "client: SIGKILL, start": async (tunnel) => {
    await tunnel.client.kill("SIGKILL");
    await tunnel.startClient();
  },
  "server: inner address again": (tunnel) =>
    tunnel.sh("server", `ip address replace ${INNER.server} peer ${INNER.client} dev ipipou1`),
};
