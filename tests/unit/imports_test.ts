import assert from "node:assert/strict";

/** Files by path below the root, each with the paths it imports. */
type Imports = ReadonlyMap<string, readonly string[]>;

const ROOT = new URL("../../", import.meta.url);
/** A row of the map of rooms: name, what it is, what it may import. */
const ROW_REGEXP = /^\| `([\w/.]+)` +\|[^|]+\|([^|]*)\|$/gm;

function sourceFiles(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) =>
    isDirectory ? sourceFiles(`${folder}${name}/`) : name.endsWith(".ts") ? [`${folder}${name}`] : []
  );
}

/** An import of a file: loaded with it, only when that asks for it, or for types alone, which is never. */
interface Import {
  readonly path: string;
  readonly when: "at once" | "later" | "never";
}

function readImports(path: string): Import[] {
  const url = new URL(path, ROOT);
  const found = Deno.readTextFileSync(url).matchAll(
    /^(?:import|export) (type )?(?:[^;]*?from )?"(\.[^"]+\.ts)";$|\bimport\("(\.[^"]+\.ts)"\)/gm,
  );
  return [...found].map(([, type, eager, lazy]) => ({
    path: new URL((eager ?? lazy)!, url).href.slice(ROOT.href.length),
    when: lazy !== undefined ? "later" : type === undefined ? "at once" : "never",
  }));
}

function importsOf(path: string): string[] {
  return readImports(path).map(({ path }) => path);
}

function allImports(): Imports {
  const paths = ["main.ts", ...sourceFiles("lib/"), ...sourceFiles("ffi/")];
  return new Map(paths.map((path) => [path, importsOf(path)]));
}

/** What each room may import, by docs/design.md; a folder's name, a file's, or "lib" for the other files there. */
function roomMap(): Map<string, Set<string>> {
  const text = Deno.readTextFileSync(new URL("docs/design.md", ROOT));
  return new Map([...text.matchAll(ROW_REGEXP)].map(([, room, allowed]) => [
    room!,
    new Set([...allowed!.matchAll(/`([\w/.]+)`/g)].map(([, name]) => name!)),
  ]));
}

/** The room of a file: of those that the map has, the one whose name is the longest beginning of its path. */
function roomOf(path: string, rooms: Iterable<string>): string {
  const fitting = [...rooms].filter((room) =>
    path === room || path.startsWith(`${room.replace(/\.ts$/, "")}/`)
  );
  return fitting.sort((a, b) => b.length - a.length)[0] ?? assert.fail(`${path} is in no room`);
}

/** A path that leads from a file back to it, or null. */
function findCircle(imports: Imports): string[] | null {
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] | null => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return null;
    for (const next of imports.get(path) ?? []) {
      const circle = visit(next, [...trail, path]);
      if (circle !== null) return circle;
    }
    done.add(path);
    return null;
  };
  for (const path of imports.keys()) {
    const circle = visit(path, []);
    if (circle !== null) return circle;
  }
  return null;
}

Deno.test("readImports() finds each form of an import", () => {
  const found = readImports("tests/unit/imports_sample.ts").map(({ path, when }) => `${when}: ${path}`);
  assert.deepEqual(found, [
    "at once: lib/ipv4.ts",
    "never: lib/ports.ts",
    "at once: lib/errors.ts",
    "at once: lib/packet.ts",
    "later: lib/clock.ts",
  ]);
});

Deno.test("no file of main.ts, lib and ffi imports itself, directly or indirectly", () => {
  assert.equal(findCircle(allImports())?.join(" -> ") ?? null, null);
});

Deno.test("findCircle() finds a circle of any length", () => {
  const circle = new Map([["a", ["b"]], ["b", ["c", "d"]], ["c", []], ["d", ["b"]]]);
  assert.deepEqual(findCircle(circle), ["b", "d", "b"]);
  assert.deepEqual(findCircle(new Map([["a", ["b", "c"]], ["b", ["c"]], ["c", []]])), null);
});

Deno.test("each room imports only rooms that the map in docs/design.md allows", () => {
  const map = roomMap();
  assert.ok(map.size > 8, "the map was not found");
  const arrows = [...allImports()].flatMap(([path, imports]) => {
    const from = roomOf(path, map.keys());
    return imports.map((target) => ({ path, from, target, to: roomOf(target, map.keys()) }));
  });
  const isForbidden = ({ from, to }: typeof arrows[number]) => from !== to && !map.get(from)!.has(to);
  assert.deepEqual(arrows.filter(isForbidden).map(({ path, target }) => `${path} imports ${target}`), []);
  for (const [room, allowed] of map) {
    const used = new Set(arrows.filter(({ from }) => from === room).map(({ to }) => to));
    assert.deepEqual([...allowed].filter((other) => !used.has(other)), [], `${room} does not need these`);
  }
});

/** Files that are loaded with a file. */
function loadedWith(path: string, loaded = new Set<string>()): ReadonlySet<string> {
  if (loaded.has(path)) return loaded;
  loaded.add(path);
  for (const { path: next, when } of readImports(path)) if (when === "at once") loadedWith(next, loaded);
  return loaded;
}

/** Files that a start of either side has loaded. */
function loadedByStart(side: "server" | "client"): string[] {
  const files = ["main.ts", "lib/commands/run.ts", `lib/daemon/${side}.ts`];
  return [...new Set(files.flatMap((file) => [...loadedWith(file)]))];
}

Deno.test("a start loads nothing of the other side, and no command's but that of a run", () => {
  assert.ok(
    loadedWith("lib/commands/doctor.ts").has("lib/doctor/judge.ts"),
    "what it does not load is found",
  );
  const late = [
    ...["lib/doctor/", "lib/export/", "lib/status/", "lib/system/", "lib/terminal.ts"],
    ...["lib/metrics_output.ts", "lib/commands/", "lib/daemon/reauthenticate.ts"],
  ];
  // What a run itself tells of what is left.
  const ofRun = ["lib/commands/run.ts", "lib/commands/left.ts"];
  for (const [side, other] of [["server", "client"], ["client", "server"]] as const) {
    const loaded = loadedByStart(side);
    assert.ok(loaded.includes("ffi/netlink_news.ts") && loaded.includes(`lib/daemon/${side}.ts`));
    const isEarly = (path: string) =>
      late.some((room) => path.startsWith(room)) || path === `lib/daemon/${other}.ts`;
    assert.deepEqual(loaded.filter((path) => isEarly(path) && !ofRun.includes(path)), [], side);
  }
});
