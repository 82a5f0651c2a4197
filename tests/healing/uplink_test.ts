import { ADDRESS } from "../lab/network.ts";
import { eventually, PATIENCE } from "../e2e/scenario.ts";
import type { Process } from "../lab/process.ts";
import { plug, READDRESS } from "./events.ts";
import { row } from "./row.ts";
import type { Tunnel } from "./tunnel.ts";

const on = (host: "server" | "client", script: string) => (tunnel: Tunnel) => tunnel.sh(host, script);

/** The NAT's DHCP server, which gives a client this address, and another one once it is told to. */
class DhcpServer {
  readonly #tunnel: Tunnel;
  readonly #path: string;

  constructor(tunnel: Tunnel) {
    this.#tunnel = tunnel;
    this.#path = `${tunnel.scenario.directory}/dhcp-host`;
  }

  async start(): Promise<void> {
    await this.give("10.0.1.20");
    const options = [
      ...["--conf-file=/dev/null", "--no-daemon", "--user=root", "--port=0", "--interface=lan"],
      ...["--dhcp-authoritative", "--dhcp-range=10.0.1.10,static,255.255.255.0,2m"],
      ...["--dhcp-option=3,10.0.1.1", `--dhcp-hostsfile=${this.#path}`],
      ...[`--dhcp-leasefile=${this.#path}.leases`, "--log-dhcp"],
    ];
    const { network } = this.#tunnel.scenario;
    const server = network.spawn("nat", ["dnsmasq", ...options]);
    await server.waitForLine(/DHCP, static leases only|DHCP, sockets bound/, PATIENCE);
    this.#reload = () => server.signal("SIGHUP");
  }

  /** Gives the client this address from now on. */
  async give(address: string): Promise<void> {
    const mac = (await this.#tunnel.sh("client", "cat /sys/class/net/eth0/address")).trim();
    await Deno.writeTextFile(this.#path, `${mac},${address}\n`);
    this.#reload();
  }

  #reload = () => {};
}

let dhcp: DhcpServer;

async function withDhcp(tunnel: Tunnel): Promise<void> {
  dhcp = new DhcpServer(tunnel);
  await dhcp.start();
}

/** What busybox's client runs, as Debian's package has it in /etc. */
const UDHCPC_SCRIPT = "/etc/udhcpc/default.script";
const UDHCPC = `busybox udhcpc -i eth0 -f -R -s ${UDHCPC_SCRIPT} -t 20 -T 1 -A 1`;
const DHCLIENT = "dhclient -d -v -lf $DIR/leases -pf $DIR/pid eth0";

row({
  what: "the client gets another address by DHCP (busybox)",
  tool: "busybox udhcpc",
  isTold: true,
  before: async (tunnel) => {
    await withDhcp(tunnel);
    await tunnel.sh("client", "ip address flush dev eth0");
    const { network } = tunnel.scenario;
    const client = network.spawn("client", UDHCPC.split(" "));
    await client.waitForLine(/lease of 10\.0\.1\.20 obtained/, PATIENCE);
    renew = async () => {
      await dhcp.give("10.0.1.21");
      client.signal("SIGUSR2");
      client.signal("SIGUSR1");
      await client.waitForLine(/lease of 10\.0\.1\.21 obtained/, PATIENCE);
    };
  },
  event: () => renew(),
});

let renew: () => Promise<void>;

row({
  what: "the client gets another address by DHCP (dhclient)",
  tool: "dhclient",
  isTold: true,
  before: async (tunnel) => {
    await withDhcp(tunnel);
    await tunnel.sh("client", "ip address flush dev eth0");
    const { network, directory } = tunnel.scenario;
    const start = () => network.spawn("client", ["env", `DIR=${directory}`, "sh", "-c", `exec ${DHCLIENT}`]);
    const first = start();
    await first.waitForLine(/bound to 10\.0\.1\.20/, PATIENCE);
    renew = async () => {
      await dhcp.give("10.0.1.21");
      await first.kill("SIGKILL");
      await start().waitForLine(/bound to 10\.0\.1\.21/, PATIENCE);
    };
  },
  event: () => renew(),
});

const INTERFACES = `auto eth0
iface eth0 inet static
  address ${ADDRESS.client}/24
  gateway 10.0.1.1
`;

row({
  what: "the client's uplink is taken down and up",
  tool: "ifdown, ifup",
  isTold: true,
  before: async (tunnel) => {
    await Deno.writeTextFile("/etc/network/interfaces", INTERFACES);
    await tunnel.sh("client", "rm -f /run/network/ifstate; ip address flush dev eth0; ifup eth0");
  },
  event: on("client", "ifdown eth0; ifup eth0"),
});

/** Starts networkd as it runs without udev, which a container has not: with /sys read-only. */
const NETWORKD =
  "mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp; chown -R systemd-network: /run/systemd/netif; " +
  "mount -o remount,ro /sys; exec /lib/systemd/systemd-networkd";
function networkOf(address: string): string {
  return `[Match]
Name=eth0
[Network]
Address=${address}/24
Gateway=10.0.1.1
`;
}

/** Starts networkd, which gives the client's uplink this address. */
async function startNetworkd(tunnel: Tunnel, address: string): Promise<Process> {
  await Deno.mkdir("/run/systemd/network", { recursive: true });
  await Deno.writeTextFile("/run/systemd/network/10-eth0.network", networkOf(address));
  const networkd = tunnel.scenario.network.spawn("client", ["sh", "-ec", NETWORKD]);
  await eventually("networkd has set the address", async () => {
    return (await tunnel.sh("client", "ip address show dev eth0")).includes(` ${address}/`);
  });
  return networkd;
}

for (const next of [ADDRESS.client, "10.0.1.30"]) {
  row({
    what: `the client's uplink is configured anew, ${
      next === ADDRESS.client ? "as before" : "with another address"
    }`,
    tool: "systemd-networkd restarts",
    isTold: true,
    before: async (tunnel) => {
      const networkd = await startNetworkd(tunnel, ADDRESS.client);
      renew = async () => {
        await networkd.kill();
        await tunnel.sh("client", "ip address flush dev eth0");
        await startNetworkd(tunnel, next);
      };
    },
    event: () => renew(),
  });
}

row({
  what: "the client's uplink device comes back as another one",
  tool: "ip link delete, ip link add",
  isTold: true,
  event: async (tunnel) => {
    await tunnel.sh("client", "ip link delete dev eth0");
    await tunnel.sh("client", plug(tunnel.scenario.network.ns("nat")));
  },
});

row({
  what: "the server's uplink loses its addresses and gets them back",
  tool: "ip address flush, ip address add",
  isTold: true,
  event: on("server", READDRESS),
});

row({
  what: "the same, with a client at a private address",
  tool: "ip address flush, ip address add",
  isTold: true,
  server: ["--force-fou-local-ip-alt"],
  event: on("server", READDRESS),
});

row({
  what: "the client's uplink device is renamed and named back",
  tool: "ip link set name",
  isTold: true,
  event: on(
    "client",
    // Before 6.2 the kernel renames none that is up, and does that before it sets it down.
    "ip link set dev eth0 down; ip link set dev eth0 name wan; ip link set dev wan up; ip link set dev wan down; " +
      "ip link set dev wan name eth0; ip link set dev eth0 up; ip route add default via 10.0.1.1",
  ),
});

row({
  what: "the client's uplink loses the first of several addresses",
  tool: "ip address add, ip address delete",
  isTold: true,
  event: on(
    "client",
    `ip address add 10.0.1.50/24 dev eth0; ip address add 10.0.1.51/24 dev eth0; ` +
      `ip address delete ${ADDRESS.client}/24 dev eth0; ip address replace 10.0.1.52/24 dev eth0; ` +
      "ip route replace default via 10.0.1.1",
  ),
});

/** A second uplink of the client, on a network of its own behind the same NAT. */
const SECOND = `ip link add eth1 type veth peer name client-b netns $NAT
ip -n $NAT address add 10.0.9.1/24 dev client-b
ip -n $NAT link set dev client-b addrgenmode none up
ip address add 10.0.9.2/24 dev eth1
ip link set dev eth1 addrgenmode none up
until ip link show dev eth1 | grep -q LOWER_UP; do sleep 0.1; done`;

for (const local of [ADDRESS.client, null]) {
  row({
    what: `the client's default route moves to another uplink${
      local === null ? ", without --fou-local" : ""
    }`,
    tool: "ip route replace default",
    isTold: true,
    local,
    prepare: (tunnel) => tunnel.sh("client", `NAT=${tunnel.scenario.network.ns("nat")}\n${SECOND}`),
    event: on("client", "ip route replace default via 10.0.9.1 dev eth1"),
  });
}
