import { row } from "./row.ts";
import type { Tunnel } from "./tunnel.ts";

const on = (host: "server" | "client", script: string) => (tunnel: Tunnel) => tunnel.sh(host, script);

for (const host of ["server", "client"] as const) {
  row({
    what: `the ${host}'s tunnel device is deleted`,
    tool: "ip link delete",
    isTold: true,
    event: on(host, "ip link delete dev ipipou1"),
  });
  row({
    what: `the ${host}'s tunnel device is renamed`,
    tool: "ip link set name",
    isTold: true,
    event: on(
      host,
      "ip link set dev ipipou1 down; ip link set dev ipipou1 name other; ip link set dev other up",
    ),
  });
  row({
    what: `the ${host}'s inner address is deleted`,
    tool: "ip address flush",
    isTold: true,
    event: on(host, "ip address flush dev ipipou1"),
  });
  row({
    what: `the ${host}'s FOU port is deleted`,
    tool: "ip fou del",
    isTold: false,
    event: on(
      host,
      `ip fou del port 10001 ipproto 4 local ${host === "server" ? "192.0.2.1" : "10.0.1.2"}`,
    ),
  });
}
