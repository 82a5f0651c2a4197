import assert from "node:assert/strict";
import fc from "fast-check";
import { SettingsError } from "../../../lib/settings/errors.ts";
import { parseToml } from "../../../lib/settings/toml.ts";
import { piecesOf } from "../../../lib/settings/toml_tables.ts";
import { anyText } from "./arbitrary_values.ts";

const PATH = "/x.toml";
/** A comment that keeps a file from being split, and from being read without the parser. */
const WHOLE = "\n# '''é";

const lines = fc.oneof(
  { weight: 4, arbitrary: fc.constant("[[peer]]") },
  fc.constantFrom(
    "  [[ peer ]] # first",
    '["peer"]',
    '[["peer"]]',
    "[peer.auth]",
    "[peer.tunl]",
    "[fou]",
    "[peer]",
    "peer = []",
    'name = "a"',
    "server = true",
    'dev = "x"',
    'tunl.dev = "x"',
    "auth.lifetime = 5",
    "lifetime = 5",
    "routes = [",
    '"10.0.0.0/8",',
    "]",
    'auth.token = "\u2028[[peer]]"',
    'auth.token = """',
    '"""',
    "# [[peer]]",
    "\r",
    "",
  ),
  anyText,
);
const files = fc.array(lines, { maxLength: 12 }).map((all) => all.join("\n"));

function outcomeOf(text: string): unknown {
  try {
    const { given, peers, holdsSecret } = parseToml(text, PATH);
    return { given, holdsSecret, peers: peers.map(({ place, given }) => ({ place, given })) };
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return "refused";
  }
}

Deno.test("parseToml() reads a file in pieces like the whole", () => {
  let inPieces = 0;
  fc.assert(
    fc.property(files, (text) => {
      const outcome = outcomeOf(text);
      assert.deepEqual(outcome, outcomeOf(text + WHOLE));
      if (outcome !== "refused" && piecesOf(text, PATH).length > 1) inPieces++;
    }),
    { numRuns: 3000 },
  );
  assert.ok(inPieces > 100, `only ${inPieces} were in pieces`);
});

const KEYS = ["name", "tunl.dev", "routes", "auth.lifetime", "fou", "fou.local-port", "x", '"name"', "a.b"];
const VALUES = String.raw`"a b" ["10.1.0.0/16"] ["10.1.0.0/16","10.2.0.0/16"] true false 0 17 007 -1 1_0 True
  1979-05-27 1.5 {} " """a""" 'a' "a\u0041" "a\" "é" [] ["a",] [1] ["a""b"]`.split(/\s+/);
const mostly = (usual: string, ...odd: string[]) =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, fc.constantFrom(...odd));
const plainLines = fc.tuple(
  mostly("", "  ", "\t", "\u00a0"),
  fc.constantFrom(...KEYS),
  mostly(" = ", "=", "\t=  ", " "),
  fc.oneof(fc.constant('"a"'), fc.constantFrom(...VALUES)),
  mostly("", " ", "\t", " # a", "#é", "\r", " x"),
).map((parts) => parts.join(""));
const nearlyPlainLines = fc.oneof(
  { weight: 9, arbitrary: plainLines },
  fc.constantFrom("", "# a", "  # é", "#\t", "tunl", "[tunl]", "\r"),
);

Deno.test("parseToml() reads plain lines like the parser", () => {
  let accepted = 0;
  fc.assert(
    fc.property(
      fc.constantFrom("# a", "[[peer]] # a", " [[peer]]\t# a"),
      fc.array(nearlyPlainLines, { maxLength: 4 }),
      fc.constantFrom(null, "/hub.toml"),
      (first, lines, hub) => {
        const [own, parsed] = [first, first.replace("# a", "# é")].map((line) => {
          try {
            return parseToml([line, ...lines, ""].join("\n"), PATH, hub);
          } catch (error) {
            assert.ok(error instanceof SettingsError, String(error));
            return error.message;
          }
        });
        assert.deepEqual(own, parsed);
        if (typeof own === "object") accepted++;
      },
    ),
    { numRuns: 5000 },
  );
  assert.ok(accepted > 500, `only ${accepted} were accepted`);
});

Deno.test("piecesOf() splits before each [[peer]], loses nothing, and counts lines", () => {
  const text = 'server = true\n\n[[peer]]\nname = "a"\r\n[peer.auth]\n  [[ peer ]]\n';
  assert.deepEqual(piecesOf(text, PATH).map(({ text, linesBefore }) => [text, linesBefore]), [
    ["server = true\n\n", 0],
    ['[[peer]]\nname = "a"\r\n[peer.auth]\n', 2],
    ["  [[ peer ]]\n", 5],
  ]);
  fc.assert(fc.property(files, (text) => {
    assert.equal(piecesOf(text, PATH).map((piece) => piece.text).join(""), text);
  }));
});

Deno.test("piecesOf() does not split a file that would need parsing", () => {
  for (const line of ["[fou]", "[[fou]]", " [ fou ]", "[peers]", '["peer"]', "x = '''", 'x = """']) {
    assert.equal(piecesOf(`[[peer]]\n[[peer]]\n${line}`, PATH).length, 1, line);
  }
});

Deno.test("parseToml() takes no longer than linear time for a table's name that does not end", () => {
  const spaces = " ".repeat(400_000);
  const at = (text: string, place: string) =>
    assert.throws(() => parseToml(text, "/x.toml"), {
      message: `Cannot read /x.toml:${place} as TOML: a table's name ends with ], as in [fou] or [[peer]]`,
    });
  const start = performance.now();
  at(`x = [\n[${spaces}1],\n]\n[fou\nlocal = 3\n`, "4:5");
  at(`[fou #${spaces}\n\n# remark\n \nlocal = 3\n`, "1:5");
  at("[[peer] # remark\nlocal = 3\n", "1:8");
  assert.ok(performance.now() - start < 20_000, "the square of it took minutes");
});
