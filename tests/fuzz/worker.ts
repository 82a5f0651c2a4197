/// <reference lib="deno.worker" />
import { fuzz, type Result } from "./fuzzer.ts";
import { TARGETS } from "./targets.ts";

/** What the worker is to do. */
export interface Task {
  /** Names of targets, in order. */
  readonly targets: readonly string[];
  readonly seed: number;
  /** Most inputs for each target. */
  readonly count: number;
  /** Most milliseconds for all targets together; null: no limit. */
  readonly milliseconds: number | null;
  readonly path?: string | undefined;
  /** One 32-bit number: the worker counts inputs there. */
  readonly progress: SharedArrayBuffer;
}

/** What it tells: that it begins with a target, and how that ended. */
export type News =
  | { readonly kind: "begin"; readonly name: string }
  | { readonly kind: "end"; readonly result: Result };

function tell(news: News): void {
  self.postMessage(news);
}

self.onmessage = async ({ data }: MessageEvent<Task>) => {
  const { targets, milliseconds, progress, ...budget } = data;
  const end = milliseconds === null ? null : performance.now() + milliseconds;
  const count = new Int32Array(progress);
  for (const [index, name] of targets.entries()) {
    tell({ kind: "begin", name });
    const left = targets.length - index;
    // What one target leaves, the others get.
    const share = end === null ? null : (end - performance.now()) / left;
    const target = TARGETS.find((other) => other.name === name)!;
    const onInput = () => void Atomics.add(count, 0, 1);
    tell({ kind: "end", result: await fuzz(target, { ...budget, milliseconds: share }, onInput) });
  }
};
