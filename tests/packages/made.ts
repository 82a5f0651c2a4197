import config from "../../deno.json" with { type: "json" };
import { build, HERE } from "../../tools/build.ts";
import { makeOne, type PackageRequest, pathOf } from "../../tools/release/main.ts";

const FOLDER = new URL("../../dist/tested", import.meta.url).pathname;

/** This version, and the one after it. */
export const VERSION = config.version;
const NEXT = VERSION.replace(/\d+$/, (patch) => `${Number(patch) + 1}`);

const COMMON = { target: HERE, folder: FOLDER };

/** The packages that are tried. */
export const REQUESTS = {
  deb: { ...COMMON, format: "deb" },
  rpm: { ...COMMON, format: "rpm" },
  tar: { ...COMMON, format: "tar.gz" },
  newerDeb: { ...COMMON, format: "deb", version: NEXT },
  newerRpm: { ...COMMON, format: "rpm", version: NEXT },
} as const satisfies Record<string, PackageRequest>;

/** Where they are. */
export const MADE = {
  deb: pathOf(REQUESTS.deb),
  rpm: pathOf(REQUESTS.rpm),
  tar: pathOf(REQUESTS.tar),
  newerDeb: pathOf(REQUESTS.newerDeb),
  newerRpm: pathOf(REQUESTS.newerRpm),
} as const;

/** Makes them. Throws an Error when one cannot be made. */
export async function makeTestPackages(): Promise<void> {
  const { path: executable } = await build();
  for (const request of Object.values(REQUESTS)) await makeOne(request, executable);
}
