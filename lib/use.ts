/**
 * Does something with a resource, and disposes of it. For what is needed in just one statement: there, the bundler's
 * minifier puts the value of a `using` variable in place of its only use, and nothing disposes of it.
 */
export function use<R extends Disposable, T>(resource: R, work: (resource: R) => T): T {
  using _held = resource;
  return work(resource);
}
