import assert from "node:assert/strict";
import { readDocuments } from "../documents.ts";
import { TOML_TABLES } from "../../lib/settings/option.ts";

const ROOT = new URL("../../", import.meta.url);

/** A test or a step of one. In its name "…" stands for what is only known when it runs. */
interface Test {
  /** Path below the root. */
  readonly file: string;
  readonly name: string;
}

/** A document's mention of a test file, and of one test in it if `name` is not null. */
interface Quote {
  /** As the document writes it. */
  readonly file: string;
  /** "…" stands for any text. */
  readonly name: string | null;
}

/** A document's text by its path below the root. */
type Documents = ReadonlyMap<string, string>;

const NAME_REGEXP = /\b(?:Deno\.test|t\.step)\(\s*(?:\{\s*name:\s*)?("(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`)/g;
/** `file_test.ts`, alone or followed by a colon and names in quotation marks. */
const QUOTE_REGEXP = /`([\w./-]+_test\.ts)`(?:: ("[^"]*"(?:(?:,| and) "[^"]*")*))?/g;
const PATH_REGEXP = /`((?:lib|ffi|tests|tools|docs)\/[\w./-]*)`/g;
const LINK_REGEXP = /\]\(([^)\s#]*)(?:#([^)\s]*))?\)/g;

function isThere(path: string, base: URL = ROOT): boolean {
  try {
    Deno.statSync(new URL(path, base));
    return true;
  } catch {
    return false;
  }
}

function filesBelow(folder: string, ending: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(`${folder}${name}/`, ending) : name.endsWith(ending) ? [`${folder}${name}`] : []
  );
}

/** The names of tests and steps in a source, as far as they are written there. */
function namesIn(source: string): string[] {
  return [...source.matchAll(NAME_REGEXP)].map(([, literal]) =>
    literal!.slice(1, -1).replace(/\$\{[^}]*\}/g, "…").replace(/\\(.)/g, "$1")
  );
}

function allTests(): Test[] {
  return filesBelow("tests/", "_test.ts").flatMap((file) =>
    namesIn(Deno.readTextFileSync(new URL(file, ROOT))).map((name) => ({ file, name }))
  );
}

function quotesIn(document: string): Quote[] {
  const mentions = document.replace(/\s+/g, " ").matchAll(QUOTE_REGEXP);
  return [...mentions].flatMap(([, file, names]): Quote[] =>
    names === undefined
      ? [{ file: file!, name: null }]
      : [...names.matchAll(/"([^"]*)"/g)].map(([, name]) => ({ file: file!, name: name! }))
  );
}

/** The path of a test file that a document names: without a folder it is in tests/e2e. */
function pathOf(file: string): string {
  if (file.startsWith("tests/")) return file;
  return file.includes("/") ? `tests/${file}` : `tests/e2e/${file}`;
}

function isMeant(quoted: string, name: string): boolean {
  return new RegExp(`^${quoted.split("…").map(RegExp.escape).join(".*")}$`).test(name);
}

/** The one of several texts that has most words in common with `wanted`, for its length. */
function closest(wanted: string, texts: Iterable<string>): string {
  const wordsOf = (text: string) => new Set(text.toLowerCase().split(/[^a-z0-9]+/).filter(Boolean));
  const words = wordsOf(wanted);
  const likeness = (text: string) => {
    const others = wordsOf(text);
    return 2 * words.intersection(others).size / (words.size + others.size);
  };
  return [...texts].map((text) => ({ text, value: likeness(text) }))
    .reduce((best, next) => next.value > best.value ? next : best).text;
}

/** A line for each quote that no test has, with the test that was probably meant. */
function wrongQuotes(documents: Documents, tests: readonly Test[]): string[] {
  const files = new Set(tests.map(({ file }) => file));
  const shown = tests.map(({ file, name }) => `\`${file}\`: "${name}"`);
  return [...documents].flatMap(([document, text]) =>
    quotesIn(text).flatMap(({ file, name }) => {
      const path = pathOf(file);
      if (name === null) {
        return files.has(path)
          ? []
          : [`${document} names \`${file}\`, which has no tests; closest: ${closest(path, files)}`];
      }
      if (tests.some((test) => test.file === path && isMeant(name, test.name))) return [];
      return [`${document} quotes \`${file}\`: "${name}"; closest: ${closest(`${path} ${name}`, shown)}`];
    })
  );
}

function anchorsIn(markdown: string): Set<string> {
  const headings = markdown.matchAll(/^#+ (.*)$/gm);
  const toAnchor = (heading: string) => heading.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-");
  return new Set([...headings].map(([, heading]) => toAnchor(heading!)));
}

/** Why a link of a document leads nowhere; null when it leads somewhere. */
function problemOfLink(document: string, path: string, anchor: string | undefined): string | null {
  if (/^\w+:/.test(path)) return null;
  const target = new URL(path, new URL(document, ROOT));
  if (!isThere("", target)) return `${document} links to ${path}, which does not exist`;
  if (anchor === undefined || anchorsIn(Deno.readTextFileSync(target)).has(anchor)) return null;
  return `${document} links to ${path}#${anchor}: there is no such heading`;
}

Deno.test("each test that the documents quote exists", () => {
  const documents = readDocuments();
  assert.ok([...documents.values()].flatMap(quotesIn).length > 80, "the quotes were not found");
  assert.deepEqual(wrongQuotes(documents, allTests()), []);
});

Deno.test("each path that the documents name exists", () => {
  const named = [...readDocuments()].flatMap(([document, text]) =>
    [...text.matchAll(PATH_REGEXP)].map(([, path]) => ({ document, path: path! }))
  );
  assert.ok(named.length > 40, "the paths were not found");
  const missing = named.filter(({ path }) => !isThere(path));
  assert.deepEqual(missing.map(({ document, path }) => `${document} names ${path}`), []);
});

Deno.test("each relative link of the documents leads to a file, and to a heading in it", () => {
  const links = [...readDocuments()].flatMap(([document, text]) =>
    [...text.matchAll(LINK_REGEXP)].map(([, path, anchor]) => ({ document, path: path!, anchor }))
  );
  assert.ok(links.length > 4, "the links were not found");
  assert.deepEqual(
    links.flatMap(({ document, path, anchor }) => problemOfLink(document, path, anchor) ?? []),
    [],
  );
  assert.notEqual(problemOfLink("docs/hub.md", "nowhere.md", undefined), null);
  assert.notEqual(problemOfLink("docs/hub.md", "design.md", "no-such-heading"), null);
});

Deno.test("namesIn() finds the names of tests and steps, on one line or two", () => {
  const source = [
    'Deno.test("one", () => {});',
    "Deno.test(`takes ${JSON.stringify(name)} again`, () => {});",
    'await t.step(\n  "a \\"step\\"",\n  () => {},\n);',
    'Deno.test({ name: "an object", fn() {} });',
    "await t.step(name, () => {});",
  ].join("\n");
  assert.deepEqual(namesIn(source), ["one", "takes … again", 'a "step"', "an object"]);
});

Deno.test("wrongQuotes() takes … for any text, and tells the closest test of a quote that has none", () => {
  const tests = [
    { file: "tests/e2e/a_test.ts", name: "a killed server is taken over by the next" },
    { file: "tests/unit/kernel/b_test.ts", name: "plan() makes a tunnel" },
  ];
  const wrong = (text: string) => wrongQuotes(new Map([["docs/x.md", text]]), tests);
  const right = [
    '`a_test.ts`: "a killed server is taken over by the next"',
    '`a_test.ts`: "a killed…", "…by the next" and "a killed\nserver … next"',
    '`unit/kernel/b_test.ts`: "plan() makes a tunnel"; `tests/e2e/a_test.ts`',
  ];
  for (const text of right) assert.deepEqual(wrong(text), [], text);
  assert.deepEqual(wrong('`a_test.ts`: "a killed…", "a killed server"'), [
    'docs/x.md quotes `a_test.ts`: "a killed server"; ' +
    'closest: `tests/e2e/a_test.ts`: "a killed server is taken over by the next"',
  ]);
  assert.deepEqual(wrong('`b_test.ts`: "plan() makes…" and `unit/b_test.ts`'), [
    'docs/x.md quotes `b_test.ts`: "plan() makes…"; ' +
    'closest: `tests/unit/kernel/b_test.ts`: "plan() makes a tunnel"',
    "docs/x.md names `unit/b_test.ts`, which has no tests; closest: tests/unit/kernel/b_test.ts",
  ]);
});

Deno.test("docs/pair.md names each table that a file can have", () => {
  const text = Deno.readTextFileSync(new URL("docs/pair.md", ROOT)).replace(/\s+/g, " ");
  const [, list = ""] = /for the tables ([^.]*)\./.exec(text) ?? [];
  assert.deepEqual(list.match(/\w+(?=`)/g), [...TOML_TABLES]);
});
