/** What ends a program that does not say otherwise: Ctrl-C, `kill`, and a terminal that is closed. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Does something in place of an end by a signal, until disposed of. */
export function onInterrupt(work: (signal: Deno.Signal) => void): Disposable {
  const listening = new DisposableStack();
  for (const signal of SIGNALS) {
    const interrupted = () => work(signal);
    Deno.addSignalListener(signal, interrupted);
    listening.defer(() => Deno.removeSignalListener(signal, interrupted));
  }
  return listening;
}

/** Cleans up before an end by a signal, until disposed of. @param clean is over when it returns: nothing waits for it */
export function cleanUpOnInterrupt(clean: () => void): Disposable {
  const listening = onInterrupt((signal) => {
    try {
      clean();
    } finally {
      // Not before: of a Ctrl-C, `deno task` passes on its own to a program that has got one, too.
      listening[Symbol.dispose]();
      // Who started this program is to see that a signal ended it.
      Deno.kill(Deno.pid, signal);
    }
  });
  return listening;
}
