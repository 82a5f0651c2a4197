import config from "../../deno.json" with { type: "json" };
import { build, HERE } from "../../tools/build.ts";
import { makeOne, type PackageRequest, pathOf } from "../../tools/release/packages.ts";

const FOLDER = new URL("../../dist/tested", import.meta.url).pathname;

/** This version, and the one after it. */
export const VERSION = config.version;
const NEXT = VERSION.replace(/\d+$/, (patch) => `${Number(patch) + 1}`);

const COMMON = { target: HERE, folder: FOLDER };

/** The packages under test. */
export const REQUESTS = {
  deb: { ...COMMON, format: "deb" },
  rpm: { ...COMMON, format: "rpm" },
  apk: { ...COMMON, format: "alpine.apk" },
  ipk: { ...COMMON, format: "openwrt.ipk" },
  openwrtApk: { ...COMMON, format: "openwrt.apk" },
  tar: { ...COMMON, format: "tar.gz" },
  newerDeb: { ...COMMON, format: "deb", version: NEXT },
  newerRpm: { ...COMMON, format: "rpm", version: NEXT },
  newerApk: { ...COMMON, format: "alpine.apk", version: NEXT },
  newerIpk: { ...COMMON, format: "openwrt.ipk", version: NEXT },
} as const satisfies Record<string, PackageRequest>;

/** Paths of the packages. */
export const MADE = Object.fromEntries(
  Object.entries(REQUESTS).map(([name, request]) => [name, pathOf(request)]),
) as Record<keyof typeof REQUESTS, string>;

/** Makes the packages. @throws {Error} when one cannot be made */
export async function makeTestPackages(): Promise<void> {
  const { path: executable } = await build();
  for (const request of Object.values(REQUESTS)) await makeOne(request, executable);
}
