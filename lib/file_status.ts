import type { BigIntStats, Stats } from "node:fs";
import process from "node:process";

/** What is known of an open file; see fstat(2). */
export function statusOf(descriptor: number): Stats {
  return files().fstatSync(descriptor);
}

/** The same in whole numbers of any size. */
export function exactStatusOf(descriptor: number): BigIntStats {
  return files().fstatSync(descriptor, { bigint: true });
}

/** An import would load all of the module, streams and all, at every start. */
function files(): typeof import("node:fs") {
  return process.getBuiltinModule("node:fs");
}
