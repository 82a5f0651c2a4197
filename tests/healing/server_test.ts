import { ADDRESS } from "../lab/network.ts";
import { EtcHosts, PORT } from "../e2e/scenario.ts";
import { row } from "./row.ts";
import type { Tunnel } from "./tunnel.ts";

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  row({
    what: `the server is ${signal === "SIGTERM" ? "restarted" : "killed and started"}`,
    tool: signal,
    isTold: false,
    event: async (tunnel) => {
      await tunnel.server.kill(signal);
      await tunnel.startServer();
    },
  });
}

row({
  what: "the server is restarted, the client has a keepalive of a minute",
  tool: "SIGTERM",
  isTold: true,
  keepalive: 60,
  event: async (tunnel) => {
    await tunnel.server.kill();
    await tunnel.startServer();
  },
});

row({
  what: "the client is killed and started",
  tool: "SIGKILL",
  isTold: true,
  event: async (tunnel) => {
    await tunnel.client.kill("SIGKILL");
    await tunnel.startClient();
  },
});

row({
  what: "the NAT forgets the client",
  tool: "conntrack -F",
  isTold: false,
  event: (tunnel) => tunnel.scenario.network.remapNat(),
});

row({
  what: "the NAT forgets the client's mapping alone",
  tool: "conntrack -D",
  isTold: false,
  event: (tunnel) => tunnel.sh("nat", `conntrack -D -p udp -s ${ADDRESS.client} --orig-port-dst ${PORT}`),
});

row({
  what: "the NAT gives the client's port to another host",
  tool: "nft -f, conntrack -F",
  isTold: false,
  before: (tunnel) => tunnel.scenario.network.mapNat({ client: "21001-21001", client2: "22001-22001" }),
  event: (tunnel) => tunnel.scenario.network.mapNat({ client: "23001-23001", client2: "21001-21001" }),
});

/** Gives the NAT a second uplink, and fixed public addresses: unlike `masquerade`, `snat` keeps what it gave. */
const SECOND_UPLINK = `nft -f - << END
delete table ip nat
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat
    oifname wan snat to ${ADDRESS.nat}
    oifname wan2 snat to 198.51.101.2
  }
}
END
conntrack -F
ip link add wan2 type veth peer name nat2 netns $ROUTER
ip address add 198.51.101.2/24 dev wan2
ip link set dev wan2 addrgenmode none up
ip -n $ROUTER address add 198.51.101.254/24 dev nat2
ip -n $ROUTER link set dev nat2 addrgenmode none up
until ip link show dev wan2 | grep -q LOWER_UP; do sleep 0.1; done`;

/** Nothing passes by one uplink with the other's address, as with providers. */
const INGRESS = "add table ip ingress; " +
  "add chain ip ingress forward { type filter hook forward priority 0; }; " +
  `add rule ip ingress forward iifname nat2 ip saddr ${ADDRESS.nat} drop`;

row({
  what: "the NAT keeps a mapping to a dead uplink",
  tool: "ip route replace default, snat",
  isTold: false,
  before: async (tunnel) => {
    await tunnel.sh("nat", `ROUTER=${tunnel.scenario.network.ns("router")}\n${SECOND_UPLINK}`);
    await tunnel.sh("router", `nft '${INGRESS}'`);
  },
  event: (tunnel) =>
    tunnel.sh("nat", "ip link set dev wan down; ip route replace default via 198.51.101.254 dev wan2"),
});

let hosts: EtcHosts;
const NEXT = "192.0.2.9";

row({
  what: "the server moves to another address, and its name with it",
  tool: "/etc/hosts",
  isTold: false,
  remote: `server.test:${PORT}`,
  before: async () => {
    hosts = await EtcHosts.with(`${ADDRESS.server} server.test`);
  },
  event: async (tunnel: Tunnel) => {
    await hosts.restore();
    hosts = await EtcHosts.with(`${NEXT} server.test`);
    const commands = `ip address add ${NEXT}/24 dev eth0
ip address delete ${ADDRESS.server}/24 dev eth0
ip address show dev eth0 | grep -q ${NEXT} || ip address add ${NEXT}/24 dev eth0
ip route replace default via 192.0.2.254`;
    await tunnel.sh("server", commands);
  },
  check: () => hosts.restore(),
});
