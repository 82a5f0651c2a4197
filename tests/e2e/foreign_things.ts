import type { Host } from "../lab/network.ts";
import type { Scenario } from "./scenario.ts";

/** Makes foreign things on a host that look like ours. */
export async function makeForeignThings(scenario: Scenario, host: Host): Promise<void> {
  const rules = `table ip others {
  set some { type ipv4_addr; elements = { 192.0.2.77 } }
  chain input { type filter hook input priority 0; ip saddr @some counter drop; }
}
table inet ipipou { chain unrelated { }; }
`;
  await scenario.network.must(host, ["nft", "-f", "-"], { stdin: rules });
  const commands = [
    "fou add port 5555 ipproto 4",
    "link set dev tunl0 up",
    "address add 172.31.0.1/32 dev tunl0",
    "link add name others type ipip remote 192.0.2.99 local 192.0.2.98 encap fou encap-sport 1 encap-dport 2",
    "link add name ipipou9 type dummy",
    "address add 172.29.0.9/32 dev lo",
  ];
  await scenario.network.must(host, ["ip", "-batch", "-"], { stdin: `${commands.join("\n")}\n` });
}
