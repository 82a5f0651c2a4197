import assert from "node:assert/strict";
import { EXIT, IpipouError } from "../../../lib/errors.ts";
import { PacketQueue } from "../../../ffi/packet_queue.ts";
import { type LibrarySource, openLibrary } from "../../../ffi/library.ts";

const SOURCE: LibrarySource = {
  name: "libexample",
  files: ["libexample-1.so", "libexample.so"],
  override: "IPIPOU_TEST_LIBRARY",
  cure: "install it (package libexample in Debian)",
  exitCode: EXIT.queue,
};

function withEnvironment(name: string, value: string, body: () => void): void {
  const before = Deno.env.get(name);
  Deno.env.set(name, value);
  try {
    body();
  } finally {
    if (before === undefined) Deno.env.delete(name);
    else Deno.env.set(name, before);
  }
}

Deno.test("openLibrary() names what it tried, the cure and the override", () => {
  assert.throws(() => openLibrary(SOURCE, {}), (error: unknown) => {
    assert(error instanceof IpipouError);
    assert.equal(
      error.message,
      "Cannot load libexample, tried libexample-1.so, libexample.so: install it (package libexample in Debian), " +
        "or name its file in IPIPOU_TEST_LIBRARY",
    );
    assert.equal(error.exitCode, EXIT.queue);
    assert(error.cause instanceof AggregateError);
    assert.equal(error.cause.errors.length, 2);
    return true;
  });
});

Deno.test("openLibrary() takes the first file that loads", () => {
  const library = openLibrary({ ...SOURCE, files: ["libexample.so", "libc.so.6", "libc.musl-x86_64.so.1"] }, {
    getpid: { parameters: [], result: "i32" },
  });
  try {
    assert.equal(library.symbols.getpid(), Deno.pid);
  } finally {
    library.close();
  }
});

Deno.test("openLibrary() refuses a library that lacks a symbol", () => {
  assert.throws(
    () =>
      openLibrary({ ...SOURCE, files: ["libc.so.6"] }, { noSuchSymbol: { parameters: [], result: "i32" } }),
    IpipouError,
  );
});

Deno.test("openLibrary() tries nothing but the override", () => {
  withEnvironment(SOURCE.override, "/nonexistent/lib.so", () => {
    assert.throws(() => openLibrary({ ...SOURCE, files: ["libc.so.6"] }, {}), {
      message:
        "Cannot load libexample, tried /nonexistent/lib.so: IPIPOU_TEST_LIBRARY names no usable library, " +
        "correct or unset it",
    });
  });
});

Deno.test("PacketQueue.open() fails with exit code 20 without the library, and leaves nothing open", () => {
  withEnvironment("IPIPOU_LIBNETFILTER_QUEUE", "/nonexistent/lib.so", () => {
    assert.throws(() => PacketQueue.open({ number: 1, maxLength: 1, copyRange: 128 }), (error: unknown) => {
      assert(error instanceof IpipouError);
      assert.match(error.message, /^Cannot load libnetfilter_queue, tried \/nonexistent\/lib\.so: /);
      assert.equal(error.exitCode, 20);
      return true;
    });
  });
});
