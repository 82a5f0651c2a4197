import { Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";
import { BASES, type Target } from "../base.ts";
import { must } from "../command.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** A part of what is released. */
export interface Part {
  readonly name: string;
  readonly version: string;
  /** By the package-url specification. */
  readonly purl: string;
  /** SPDX expression. */
  readonly licence: string;
  /** Hexadecimal; null: not known, or different in each package. */
  readonly sha256: string | null;
}

/** SPDX expressions of what can be in the executable and the bundle, by name. */
const LICENCES: Readonly<Record<string, string>> = {
  deno: "MIT",
  "@noble/ed25519": "MIT",
  "toml-eslint-parser": "MIT",
  "eslint-visitor-keys": "Apache-2.0",
  glibc: "LGPL-2.1-or-later",
  "gcc-12": "GPL-3.0-or-later WITH GCC-exception-3.1",
  "libnetfilter-queue": "GPL-2.0-or-later",
  libnfnetlink: "GPL-2.0-only",
  libmnl: "LGPL-2.1-or-later",
};

/**
 * The software bill of materials, as CycloneDX 1.6 in JSON. Equal arguments give equal text.
 *
 * @param time Unix seconds
 */
export function formatSbom(version: string, time: number, parts: readonly Part[]): string {
  const bom = new Models.Bom();
  bom.metadata.timestamp = new Date(time * 1000);
  const own = new Models.Component(Enums.ComponentType.Application, "ipipou", { version, bomRef: "ipipou" });
  own.licenses.add(new Models.SpdxLicense("MIT"));
  bom.metadata.component = own;
  for (const { name, version, purl, licence, sha256 } of parts) {
    const component = new Models.Component(Enums.ComponentType.Library, name, {
      version,
      bomRef: purl,
      purl,
    });
    component.licenses.add(new Models.LicenseExpression(licence));
    if (sha256 !== null) component.hashes.set(Enums.HashAlgorithm["SHA-256"], sha256);
    bom.components.add(component);
    own.dependencies.add(component.bomRef);
  }
  const normal = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  return `${new Serialize.JsonSerializer(normal).serialize(bom, { sortLists: true, space: 2 })}\n`;
}

/** What is in the executables: packages of npm, and Deno's bases. @throws {Error} when a licence is not known */
export async function partsOfExecutable(targets: readonly Target[]): Promise<Part[]> {
  const bases = targets.map((target) => {
    const { version, sha256 } = BASES[target];
    const purl = `pkg:generic/deno@${version}?arch=${target.split("-")[0]}`;
    return partOf("deno", version, purl, sha256);
  });
  return [
    ...bases,
    ...(await npmPackages()).map(({ name, version }) => {
      return partOf(name, version, `pkg:npm/${name.replace("@", "%40")}@${version}`);
    }),
  ];
}

/** What else is in a bundle: Debian's libraries. @param path of the bundle @throws {Error} as above */
export async function partsOfBundle(path: string): Promise<Part[]> {
  const readme = await must(["tar", "-xzOf", path, "ipipou/licences/README"]);
  const sources = [...readme.matchAll(/^ {2}(\S+)=(\S+)$/gm)];
  if (sources.length === 0) throw new Error(`Cannot say what is in ${path}: its licences name no sources`);
  return sources.map(([, name, version]) => {
    return partOf(name!, version!, `pkg:deb/debian/${name}@${encodeURIComponent(version!)}?arch=source`);
  });
}

function partOf(name: string, version: string, purl: string, sha256: string | null = null): Part {
  const licence = LICENCES[name];
  if (licence === undefined) {
    throw new Error(`Cannot say what is released: the licence of ${name} is not in sbom.ts`);
  }
  return { name, version, purl, licence, sha256 };
}

interface NpmPackage {
  readonly name: string;
  readonly version: string;
  readonly dependencies: readonly string[];
}

/** The packages that the program imports, and theirs. */
async function npmPackages(): Promise<NpmPackage[]> {
  const info = JSON.parse(await must([Deno.execPath(), "info", "--json", `${ROOT}main.ts`], { cwd: ROOT }));
  const packages: Record<string, NpmPackage> = info.npmPackages;
  const modules: readonly { readonly npmPackage?: string }[] = info.modules;
  const found = new Set(modules.flatMap(({ npmPackage }) => npmPackage === undefined ? [] : [npmPackage]));
  // What is added meanwhile is visited, too.
  for (const id of found) for (const other of packages[id]!.dependencies) found.add(other);
  return [...found].map((id) => packages[id]!);
}
