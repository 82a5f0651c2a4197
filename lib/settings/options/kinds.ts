// Kinds of values that several groups share.

export const DURATION = { kind: "duration", metavar: "SEC" } as const;
export const IP = { kind: "ipv4", metavar: "IP" } as const;
export const DEVICE = { kind: "device", metavar: "DEV" } as const;
export const NETWORKS = { kind: "networks", metavar: "NET[,NET...]", neverAbbreviated: true } as const;
