/** Of `tos`: the TOS of the packet inside is copied. */
const INHERIT_TOS = 1;

/**
 * What a tunnel puts into its outer header, in the words of `ip link`: "ttl 64 tos 0x00 pmtudisc".
 *
 * @param ttl 0: that of the packet inside
 * @param tos as the kernel keeps it: odd: that of the packet inside
 */
export function outerHeader(ttl: number, tos: number, pmtudisc: boolean): string {
  const tosWord = tos & INHERIT_TOS ? "inherit" : `0x${tos.toString(16).padStart(2, "0")}`;
  return `ttl ${ttl || "inherit"} tos ${tosWord} ${pmtudisc ? "pmtudisc" : "nopmtudisc"}`;
}

/** Reads what `outerHeader` wrote. */
export function parseOuterHeader(words: string): { ttl: number; tos: number; pmtudisc: boolean } {
  const [, ttl, tos, flag] = /^ttl (\S+) tos (\S+) (\S+)$/.exec(words)!;
  return {
    ttl: ttl === "inherit" ? 0 : Number(ttl),
    tos: tos === "inherit" ? INHERIT_TOS : Number(tos),
    pmtudisc: flag === "pmtudisc",
  };
}
