import type { SecretFile, SlotFor } from "../option.ts";

// Kinds that several options have.

export const turnsOn = (slot: SlotFor<boolean>) => ({ kind: "flag", slot, gives: true }) as const;
export const turnsOff = (slot: SlotFor<boolean>) => ({ kind: "flag", slot, gives: false }) as const;
export const integer = (slot: SlotFor<number>, min: number, max: number) =>
  ({ kind: "integer", slot, min, max }) as const;
export const numberOrWord = (
  slot: "tunnelTtl" | "tunnelMtu" | "mssClamp",
  min: number,
  max: number,
  ...words: readonly ("inherit" | "auto" | "off")[]
) => ({ kind: "numberOrWord", slot, min, max, words, neverAbbreviated: true }) as const;
export const duration = (slot: SlotFor<number>) => ({ kind: "duration", slot }) as const;
export const ipv4 = (slot: SlotFor<string>) => ({ kind: "ipv4", slot }) as const;
export const device = (slot: "device" | "tunnelDevice" | "peerName") => ({ kind: "device", slot }) as const;
export const networks = (slot: "allowedIps" | "routes") =>
  ({ kind: "networks", slot, neverAbbreviated: true }) as const;
export const secretFile = (slot: SlotFor<SecretFile>) =>
  ({ kind: "secretFile", slot, neverAbbreviated: true }) as const;
