/** Gives everything that is ready its turn: none of it waits for a real clock. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
