import { parseIpv4 } from "../ipv4.ts";

/** Leaves out of a list of networks, IP/LENGTH, those that others of it contain: the kernel takes no overlapping ones. */
export function withoutContained(networks: readonly string[]): string[] {
  const byStart = networks
    .map((network) => {
      const [ip, length] = network.split("/");
      const start = parseIpv4(ip!)!;
      return { network, start, end: start + 2 ** (32 - Number(length)) };
    })
    .sort((a, b) => a.start - b.start || b.end - a.end);
  let end = 0;
  return byStart.filter((network) => {
    const isNew = network.end > end;
    end = Math.max(end, network.end);
    return isNew;
  }).map(({ network }) => network);
}
