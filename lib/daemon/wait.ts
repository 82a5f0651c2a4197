/** Settles as `work` does, unless `stop` is aborted first. @throws its reason then */
export async function unlessStopped<T>(work: Promise<T>, stop: AbortSignal): Promise<T> {
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const give = () => reject(stop.reason);
  if (stop.aborted) give();
  stop.addEventListener("abort", give);
  try {
    return await Promise.race([work, stopped]);
  } finally {
    stop.removeEventListener("abort", give);
  }
}
