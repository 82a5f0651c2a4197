/**
 * What the changelog says of a version.
 *
 * @param changelog with a section `## VERSION…` for each version
 * @throws {Error} when it says nothing of it
 */
export function releaseNotes(changelog: string, version: string): string {
  const sections = changelog.split(/^(?=## )/m);
  const section = sections.find((text) => /^## (\S+?),?(?=\s)/.exec(text)?.[1] === version);
  if (section === undefined) {
    throw new Error(`Cannot release ${version}: CHANGELOG.md has no section of that name`);
  }
  return section;
}
