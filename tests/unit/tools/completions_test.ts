import assert from "node:assert/strict";
import { COMMANDS } from "../../../lib/settings/commands.ts";
import { OPTIONS } from "../../../lib/settings/options.ts";
import { commandLines, commandWords } from "../../../tools/completions/offers.ts";

Deno.test("commandLines() has every option and every command", () => {
  const [main, ...own] = commandLines();
  assert.deepEqual(
    main.options.map(({ long, short }) => long ?? short),
    OPTIONS.map(({ long, short }) => long ?? short),
  );
  assert.deepEqual(own.map(({ name }) => name), COMMANDS.map(({ name }) => name));
});

Deno.test("commandLines() completes each value that is a name, file, device or choice", () => {
  const [main] = commandLines();
  const offers = Object.fromEntries(main.options.map(({ long, value }) => [long, value?.offer.kind]));
  assert.equal(offers["config"], "names");
  assert.equal(offers["auth-key-file"], "files");
  assert.equal(offers["fou-dev"], "devices");
  assert.equal(offers["fou-local"], "local");
  assert.equal(offers["auth-key-type"], "words");
  assert.equal(offers["auth-secret"], "nothing");
  assert.equal(offers["server"], undefined);
});

Deno.test("commandWords() has each word of multi-word commands once, with what follows it", () => {
  const line = { help: "It", options: [], operands: { kind: "nothing" } } as const;
  const words = commandWords(["", "run", "peer add", "peer list"].map((name) => ({ ...line, name })));
  assert.deepEqual(words, [
    { after: "", word: "run", help: "It" },
    { after: "", word: "peer", help: "add, list" },
    { after: "peer", word: "add", help: "It" },
    { after: "peer", word: "list", help: "It" },
  ]);
});
