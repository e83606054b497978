import { run } from './run.ts';

/** What the bundle is made of, as CycloneDX JSON by npm itself, without what changes from one run to the next. */
export async function sbomOf(root: string): Promise<string> {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only'];
  const { serialNumber: _, ...sbom } = JSON.parse(await run('npm', args, { cwd: root }));
  delete sbom.metadata.timestamp;
  return `${JSON.stringify(sbom, undefined, 2)}\n`;
}
