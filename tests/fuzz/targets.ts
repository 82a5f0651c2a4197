import type { Target } from "./target.ts";
import { KERNEL_TARGETS } from "./targets/kernel.ts";
import { MARK_TARGETS } from "./targets/marks.ts";
import { NETLINK_TARGETS } from "./targets/netlink.ts";
import { PACKET_TARGETS } from "./targets/packets.ts";
import { PROGRAM_TARGETS } from "./targets/programs.ts";
import { SETTINGS_TARGETS } from "./targets/settings.ts";
import { STATE_TARGETS } from "./targets/state.ts";
import { DOCTOR_TARGETS } from "./targets/doctor.ts";
import { STATUS_TARGETS } from "./targets/status.ts";
import { VALUE_TARGETS } from "./targets/values.ts";

/** Everything of the program that reads what others wrote. */
export const TARGETS: readonly Target[] = [
  ...PACKET_TARGETS,
  ...NETLINK_TARGETS,
  ...SETTINGS_TARGETS,
  ...VALUE_TARGETS,
  ...KERNEL_TARGETS,
  ...PROGRAM_TARGETS,
  ...MARK_TARGETS,
  ...STATE_TARGETS,
  ...DOCTOR_TARGETS,
  ...STATUS_TARGETS,
];
