import assert from "node:assert/strict";
import type { Admission } from "../../../lib/admission.ts";
import { desiredState } from "../../../lib/kernel/desired.ts";
import type { Observed } from "../../../lib/kernel/state.ts";
import { sampleObserved, samplePeer, sampleSettings } from "../samples.ts";

export const NOW = 1_795_219_200_000;
export const OUTSIDE = { ip: "192.0.2.1", device: "eth0", link: "eth0", isRuled: false, isMarkRuled: false };
export const HOME = { ip: "198.51.100.2", port: 40_001 };
export const HERE: Admission = { remote: HOME, port: 10_000, expiresAt: null };

export const PEERS = ["a", "b"].map((name, index) =>
  samplePeer({
    name,
    tunnel: { device: name, ip: `172.28.0.${2 * index}`, peerIp: `172.28.0.${2 * index + 1}` },
    altIp: `172.29.0.${index}`,
  })
);
export const HUB = sampleSettings({ peers: PEERS });

export function desireAll(
  settings = HUB,
  admissions: Readonly<Record<string, Admission>> = {},
  foreign: Partial<Observed["foreign"]> = {},
) {
  return desiredState(
    {
      settings,
      outside: { ...OUTSIDE, link: settings.local.device },
      admissions: new Map(Object.entries(admissions)),
    },
    sampleObserved({ foreign }),
    NOW,
  );
}

export function desire(...args: Parameters<typeof desireAll>) {
  const { state, faults } = desireAll(...args);
  assert.deepEqual(faults, new Map());
  return state;
}

/** Listeners by their keys. */
export function listening(...keys: string[]): Observed["foreign"]["listeners"] {
  return new Map(keys.map((key) => {
    const [ip, port] = key.split(":");
    return [key, { local: { ip: ip!, port: Number(port) }, device: null }];
  }));
}
