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
  what: "the server is restarted, and the client sends keepalives once a minute",
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
  tool: "conntrack -D",
  isTold: false,
  event: (tunnel) => tunnel.sh("nat", `conntrack -D -p udp --orig-port-dst ${PORT}`),
});

let hosts: EtcHosts;
const NEXT = "192.0.2.9";

row({
  what: "the server's name gets another address, as the server does",
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
