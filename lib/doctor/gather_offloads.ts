import { parseCount } from "./counts.ts";
import type { OffloadFacts } from "./offloads.ts";
import type { InstanceSystem, Sight } from "./sight.ts";

/**
 * Looks at the outer device before anything is sent.
 *
 * @returns what looks again afterwards; nothing where there is no outer device
 */
export function beginOffloads(
  { outside, devices }: Sight,
  { host }: Pick<InstanceSystem, "host">,
): () => OffloadFacts[] {
  if ("lack" in outside) return () => [];
  const { device } = outside;
  const count = () => parseCount(host.read("/proc/net/snmp"), "Udp", "InCsumErrors");
  const isVirtual = devices.find(({ ifname }) => ifname === device)?.linkinfo?.info_kind !== undefined;
  const features = host.families()?.has("ethtool") ? host.features(device) : null;
  const before = count();
  return () => {
    const after = count();
    return [{
      device,
      isVirtual,
      features,
      wrong: before === null || after === null ? null : { before, after },
    }];
  };
}
