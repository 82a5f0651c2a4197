import fc from "fast-check";
import type { Admission } from "../../../lib/admission.ts";
import { NOW } from "./plan_scene.ts";

/** Admissions of the hub of `plan_scene.ts`: few addresses and ports, so that peers meet, share, swap and displace each other. */
export const admissionsArbitrary = fc.array(
  fc.option(fc.record({
    ip: fc.constantFrom("198.51.100.1", "198.51.100.2", "198.51.100.3"),
    remotePort: fc.integer({ min: 1001, max: 1003 }),
    port: fc.constantFrom(10_000, 10_001),
    isNowhere: fc.nat(4).map((number) => number === 0),
    expiresAt: fc.constantFrom(null, NOW + 1_000, NOW + 2_000),
  })),
  { minLength: 3, maxLength: 3 },
).map((places) => {
  const admissions = new Map<string, Admission>();
  const seen = new Set<string>();
  places.forEach((place, index) => {
    if (place === null) return;
    const { ip, remotePort, port, expiresAt } = place;
    const isNowhere = place.isNowhere || seen.has(`${ip} ${remotePort} ${port}`);
    seen.add(`${ip} ${remotePort} ${port}`);
    const remote = isNowhere ? null : { ip, port: remotePort };
    admissions.set(`p${index}`, { remote, port, expiresAt });
  });
  return admissions;
});
