import assert from "node:assert/strict";
import { MATRIX, rowsFor, runMatrix, type Tried, withTable } from "../../../tools/matrix.ts";

const COMPATIBILITY = await Deno.readTextFile(new URL("../../../docs/compatibility.md", import.meta.url));

Deno.test("withTable() replaces the rows of what was tried, and leaves others", () => {
  const tried = [
    {
      kernel: "5.10.0-32-amd64",
      userland: "bullseye",
      versions: { ip: "5.9.0", nft: "0.9.8" },
      counts: { passed: 40, failed: 0, ignored: 0, failures: [] },
    },
    {
      kernel: "6.1.0-56-amd64",
      userland: "bookworm",
      versions: { ip: "6.1.0", nft: "1.0.6" },
      counts: { passed: 39, failed: 2, ignored: 0, failures: ["a", "b"] },
    },
  ];
  const rest = "| other | table |\n| --- | --- |\n| 1 | 2 |\n";
  assert.equal(
    withTable(
      `${rest}\n| Linux | a | b | c | d |\n| - | - | - | - | - |\n| 5.10 | 1 | 2 | bullseye | none |\n` +
        "| 7.2.1   | 7.2.0 | 1.1.7 | forky | all 9 pass |\n\nand on\n",
      tried,
    ),
    `${rest}
| Linux | iproute2 | nftables | Debian | tests |
| --- | --- | --- | --- | --- |
| 5.10.0-32-amd64 | 5.9.0 | 0.9.8 | bullseye | all 40 pass |
| 6.1.0-56-amd64 | 6.1.0 | 1.0.6 | bookworm | 2 of 41 fail |
| 7.2.1 | 7.2.0 | 1.1.7 | forky | all 9 pass |

and on
`,
  );
  assert.throws(() => withTable(rest, tried), /Cannot find the table/);
});

Deno.test("rowsFor() has the row of a kernel, or all, and names the kernels that there are", () => {
  assert.deepEqual(rowsFor("6.12"), [{ kernel: "6.12", userland: "trixie" }]);
  assert.deepEqual(rowsFor(undefined), MATRIX);
  for (const kernel of ["6.11", "6", ""]) {
    assert.throws(() => rowsFor(kernel), {
      message: `--kernel must be one of 5.10, 6.1, 6.12, 7.2 with --matrix: ${kernel}`,
    });
  }
});

const HEAD = "| Linux | iproute2 | nftables | Debian | tests |\n| --- | --- | --- | --- | --- |\n";

Deno.test("runMatrix() tries the rows that are asked for, adds up, and writes what it tried whole", async () => {
  const document = await Deno.makeTempFile({ prefix: "ipipou-matrix-" });
  const run = async (options: { kernel?: string; filter?: string }) => {
    await Deno.writeTextFile(document, HEAD);
    const tryRow = ({ kernel, userland }: (typeof MATRIX)[number]): Promise<Tried> =>
      Promise.resolve({
        kernel: `${kernel}.0-1-amd64`,
        ...{ userland, versions: { ip: "1", nft: "2" } },
        counts: { passed: 10, failed: 1, ignored: 0, failures: [kernel] },
      });
    const { passed, failed, failures } = await runMatrix(
      { here: false, "write-times": false, ...options },
      tryRow,
      document,
    );
    return { passed, failed, failures, text: await Deno.readTextFile(document) };
  };
  const rowOf = (kernel: string, userland: string) =>
    `| ${kernel}.0-1-amd64 | 1 | 2 | ${userland} | 1 of 11 fail |\n`;
  try {
    assert.deepEqual(await run({}), {
      ...{ passed: 40, failed: 4, failures: MATRIX.map(({ kernel }) => kernel) },
      text: HEAD + MATRIX.map(({ kernel, userland }) => rowOf(kernel, userland)).join(""),
    });
    assert.deepEqual(await run({ kernel: "6.1" }), {
      ...{ passed: 10, failed: 1, failures: ["6.1"], text: HEAD + rowOf("6.1", "bookworm") },
    });
    assert.deepEqual(await run({ kernel: "6.1", filter: "gate" }), {
      ...{ passed: 10, failed: 1, failures: ["6.1"], text: HEAD },
    });
    await assert.rejects(run({ kernel: "9" }), /^Error: --kernel must be one of /);
  } finally {
    await Deno.remove(document);
  }
});

Deno.test("docs/compatibility.md has what came of each kernel of the matrix", () => {
  const [table] = /^\| Linux +\|.*\n(\|.*\n)+/m.exec(COMPATIBILITY)!;
  const rows = table.trim().split("\n").slice(2).map((row) => row.split("|").map((cell) => cell.trim()));
  assert.deepEqual(
    rows.map(([, kernel, , , userland, outcome]) => {
      assert.match(outcome!, /^all \d+ pass$/);
      return { kernel: /^\d+\.\d+/.exec(kernel!)![0], userland };
    }),
    [...MATRIX],
  );
});
