import { judgeClock } from "./clock.ts";
import type { Finding } from "./finding.ts";
import { judgeForwarding } from "./forwarding.ts";
import type { HostFacts } from "./gather_host.ts";
import type { InstanceFacts } from "./gather_instance.ts";
import { judgeIpip } from "./ipip.ts";
import { judgeModules } from "./modules.ts";
import { judgePorts } from "./port.ts";
import { judgeReversePath } from "./reverse_path.ts";
import { judgeRights } from "./rights.ts";
import { judgeLibraries, judgeTools } from "./tools.ts";

/** Judges what was seen of the host. */
export function judgeHost({ modules, tools, rights, clock }: HostFacts): Finding[] {
  return [
    ...judgeModules(modules),
    ...judgeTools(tools),
    ...judgeLibraries(tools),
    ...judgeRights(rights),
    ...judgeClock(clock),
  ];
}

/** Judges what was seen of an instance. */
export function judgeInstance({ port, ipip, reversePath, forwarding }: InstanceFacts): Finding[] {
  return [
    ...judgePorts(port),
    ...judgeIpip(ipip),
    ...judgeReversePath(reversePath),
    ...judgeForwarding(forwarding),
  ];
}
