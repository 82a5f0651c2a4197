import type { GateRules } from "./state.ts";

type Names = Readonly<Record<"clamp" | "clampout" | "clampin" | "clamped", string>>;

/** What only the rules that clamp have. Some kernels lack it. */
export const CLAMP = "tcp option maxseg size set";

/**
 * Rules that lower the segment size which the ends of a TCP connection through a tunnel offer each other. To what fits:
 * the smaller MTU of the routes to both ends. This host's own end offers no more by itself, and takes no more; to a value,
 * what comes in for it must be changed too.
 *
 * @param names of their chains and their set
 */
export function clamping({ table, clamp }: GateRules, names: Names): string[] {
  if (clamp === null) return [];
  const chain = (name: string, hook: string) =>
    `add chain ip ${table} ${name} { type filter hook ${hook} priority -150; policy accept; }`;
  const size = clamp === "auto" ? "rt mtu" : clamp;
  const rule = (chain: string, field: string) =>
    `add rule ip ${table} ${chain} tcp flags & (syn|rst) == syn ${field} @${names.clamped} ${CLAMP} ${size}`;
  return [
    `add set ip ${table} ${names.clamped} { type ifname; }`,
    chain(names.clamp, "forward"),
    rule(names.clamp, "oifname"),
    rule(names.clamp, "iifname"),
    chain(names.clampout, "output"),
    rule(names.clampout, "oifname"),
    ...(clamp === "auto" ? [] : [chain(names.clampin, "input"), rule(names.clampin, "iifname")]),
  ];
}
