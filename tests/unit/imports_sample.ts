// What imports_test.ts reads its own reading by. Nothing loads it.
import "../../lib/ipv4.ts";
import type { Clock } from "../../lib/ports.ts";
import { EXIT } from "../../lib/errors.ts";
export { formatEndpoint } from "../../lib/packet.ts";

/** A clock, loaded when it is asked for. */
export async function clock(): Promise<Clock> {
  const { CLOCK } = await import("../../lib/clock.ts");
  return CLOCK;
}

export const CODE = EXIT.ok;
