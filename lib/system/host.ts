import { listFeatures } from "../../ffi/device_features.ts";
import { listFamilies } from "../../ffi/generic_families.ts";
import { cLibraryVersion, isClockKept, queueLibrary } from "../../ffi/host_libraries.ts";
import { IcmpSocket } from "../../ffi/icmp_socket.ts";
import { NftTrace } from "../../ffi/nft_trace.ts";
import { holdPort } from "../../ffi/port_probe.ts";
import { isProcFile, procText } from "../../ffi/proc_files.ts";
import { kernelRelease } from "../../ffi/surroundings.ts";
import type { Host } from "../doctor_ports.ts";

/** The real host. */
export const HOST: Host = {
  release: kernelRelease,
  read: (path) => orNull(() => procText(path)),
  exists: isProcFile,
  families: () => orNull(listFamilies),
  isClockKept,
  features: (device) => orNull(() => listFeatures(device)),
  queueLibrary,
  holdPort,
  openTrace: (wanted) => new NftTrace(wanted),
  openIcmp: () => new IcmpSocket(),
  cLibrary: cLibraryVersion,
};

function orNull<T>(look: () => T): T | null {
  try {
    return look();
  } catch {
    return null;
  }
}
