import { run } from "../../tools/command.ts";
import { RULES } from "./events.ts";
import { row } from "./row.ts";
import { SYSTEM_BUS } from "./tools.ts";
import type { Tunnel } from "./tunnel.ts";

/** Tables as iptables-save prints them. */
const SAVED = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p udp --dport 10001 -j ACCEPT
-A INPUT -i ipipou1 -j ACCEPT
COMMIT
`;

/** What Docker adds when it starts. */
const DOCKER = `*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
COMMIT
*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
`;

const UNIT = "/lib/systemd/system/nftables.service";

/** The script that does what systemd does to restart the service of nftables. */
const RESTART = `for word in ExecStop ExecStart; do
  sed -n "s/^$word=//p" ${UNIT} | while read -r line; do $line; done
done`;

/** New kernels have no tables but those of nftables. */
const hasLegacy =
  (await run(["sh", "-c", "modprobe iptable_filter && [ -e /proc/net/ip_tables_names ]"])).code === 0;

function writeRules(): Promise<void> {
  return Deno.writeTextFile("/etc/nftables.conf", `#!/usr/sbin/nft -f\n${RULES}`, { mode: 0o755 });
}

const onServer = (script: string, stdin = "") => (tunnel: Tunnel) => tunnel.sh("server", script, stdin);

row({
  what: "the server's ruleset is flushed",
  tool: "nft flush ruleset",
  isTold: true,
  event: onServer("nft flush ruleset"),
});

row({
  what: "the server gets a ruleset that begins with a flush",
  tool: "nft -f",
  isTold: true,
  event: onServer("nft -f -", RULES),
});

row({
  what: "the server's firewall is restarted",
  tool: "systemctl restart nftables",
  isTold: true,
  before: writeRules,
  event: onServer(RESTART),
});

row({
  what: "a ruleset from before the client moved is restored",
  tool: "nft list ruleset, nft -f",
  isTold: true,
  before: async (tunnel) => {
    // The NAT gives the stranger the place that the client has in the saved ruleset.
    await tunnel.scenario.network.mapNat({ client: "21001-21001", client2: "22001-22001" });
  },
  prepare: async (tunnel) => {
    await tunnel.sh("server", "{ echo flush ruleset; nft list ruleset; } > /run/saved.nft");
    await tunnel.scenario.network.mapNat({ client: "23001-23001", client2: "21001-21001" });
    await tunnel.server.waitForLine(/moved from .*:21001 to .*:23001/, 60_000);
  },
  event: onServer("nft -f /run/saved.nft"),
});

row({
  what: "the server's rules are restored by iptables",
  tool: "iptables-restore (nft)",
  isTold: true,
  event: onServer("iptables-nft-restore", SAVED),
});

row({
  what: "the server's rules are restored by old iptables",
  tool: "iptables-restore (legacy)",
  isTold: true,
  ignore: !hasLegacy,
  event: onServer("iptables-legacy-restore", SAVED),
});

row({
  what: "Docker starts on the server",
  tool: "Docker's rules by iptables-restore",
  isTold: true,
  event: onServer("ip link add docker0 type bridge; iptables-nft-restore", DOCKER),
});

const ALLOW =
  "firewall-offline-cmd --add-port=10001/udp; firewall-offline-cmd --zone=trusted --add-interface=ipipou1";
const FIREWALLD = `${SYSTEM_BUS}
firewalld --nofork --nopid > /run/firewalld.log 2>&1 &
until firewall-cmd -q --state 2> /dev/null; do sleep 0.2; done`;

row({
  what: "firewalld starts on the server",
  tool: "firewalld",
  isTold: true,
  before: onServer(ALLOW),
  event: onServer(FIREWALLD),
});

row({
  what: "firewalld is reloaded on the server",
  tool: "firewall-cmd --reload",
  isTold: true,
  before: onServer(ALLOW),
  prepare: onServer(FIREWALLD),
  // On a slow machine it waits for the answer in vain.
  event: onServer("firewall-cmd -q --reload || until firewall-cmd -q --state; do sleep 1; done"),
});

row({
  what: "ufw is enabled on the server",
  tool: "ufw enable",
  isTold: true,
  before: onServer("ufw allow 10001/udp; ufw allow in on ipipou1"),
  event: onServer("ufw --force enable"),
});

row({
  what: "ufw is reloaded on the server",
  tool: "ufw reload",
  isTold: true,
  before: onServer("ufw allow 10001/udp; ufw allow in on ipipou1; ufw --force enable"),
  event: onServer("ufw reload"),
});
