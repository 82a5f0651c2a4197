import { EARLIEST_TIME } from "../earliest_time.ts";
import { type Finding, fine } from "./finding.ts";

/** What was seen of the clock. */
export interface ClockFacts {
  /** Unix seconds. */
  readonly time: number;
  /** Whether some program keeps it in step with others; null: unknown. */
  readonly isKept: boolean | null;
  /** Whether some tunnel has signed auth packets; null: unknown. */
  readonly signs: boolean | null;
}

const WHY = "a server refuses signed auth packets whose time is not later than that of the last one";
const CURE = "timedatectl set-ntp true, or run chrony or ntpd";

/** Judges the clock. */
export function judgeClock({ time, isKept, signs }: ClockFacts): Finding[] {
  const shown = new Date(time * 1000).toISOString().slice(0, 16).replace("T", " ");
  if (time < EARLIEST_TIME && signs) {
    return [{ topic: "clock", level: "fault", what: `it was never set: ${shown} UTC`, why: WHY, cure: CURE }];
  }
  if (isKept === false && signs) {
    return [{
      ...{ topic: "clock", level: "warning", what: `it shows ${shown} UTC, and nothing keeps it right` },
      why: `${WHY}; a clock that is set back by hand or at boot shuts a client out`,
      cure: CURE,
    }];
  }
  const kept = isKept === null
    ? ""
    : isKept
    ? ", kept right"
    : `, kept right by nothing${signs === null ? "" : "; no auth packet has a time"}`;
  return [fine("clock", `${shown} UTC${kept}`)];
}
