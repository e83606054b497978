/** Renders the software bill of materials as CycloneDX JSON. */
import { run } from './run.ts';

interface Component {
  'bom-ref': string;
  type: string;
  name: string;
  version: string;
  components?: Component[];
}

interface Contents {
  version: string;
  /** The bundled npm packages, as `name@version`. */
  packages: ReadonlySet<string>;
  /** Version of the copied libraries of the GNU Compiler Collection. */
  gccLibraries?: string;
}

/** Returns npm's list of packages without those of the build, plus Node.js and the copied libraries. */
export async function sbomOf(root: string, { version, packages, gccLibraries }: Contents): Promise<string> {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
  // The serial number and the time differ in each run, and npm names the root after its folder.
  const { serialNumber: _, metadata, ...sbom } = JSON.parse(await run('npm', args, { cwd: root }));
  const program = component('application', 'plan42', version);
  const isInside = ({ name, version: its }: Component) => packages.has(`${name}@${its}`);
  const components: Component[] = sbom.components.filter(isInside);
  if (components.length < packages.size) throw new Error('npm does not list all bundled packages');
  const others = [nodeComponent()];
  if (gccLibraries !== undefined) others.push(component('library', 'libstdc++, libgcc_s, libatomic', gccLibraries));

  const refs = new Set(components.map((one) => one['bom-ref']));
  const dependencies = sbom.dependencies
    .map(({ ref, dependsOn }: { ref: string; dependsOn: string[] }) => {
      const inside = dependsOn.filter((other) => refs.has(other));
      const isRoot = ref === metadata.component['bom-ref'];
      return isRoot
        ? { ref: program['bom-ref'], dependsOn: [...inside, ...others.map((one) => one['bom-ref'])] }
        : { ref, dependsOn: inside };
    })
    .filter(({ ref }: { ref: string }) => refs.has(ref) || ref === program['bom-ref']);
  const document = {
    ...sbom,
    metadata: { tools: metadata.tools, component: program },
    components: [...components, ...others],
    dependencies,
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** Returns Node.js with its own components. */
function nodeComponent(): Component {
  // Two of the entries are interface versions. Empty ones are not part of this build.
  const { node, modules: _modules, napi: _napi, ...inside } = process.versions;
  const parts = Object.entries(inside).flatMap(([name, version]) =>
    version ? [component('library', name, version, 'node/')] : [],
  );
  return { ...component('platform', 'node', node), components: parts };
}

function component(type: string, name: string, version: string, prefix = ''): Component {
  return { 'bom-ref': `${prefix}${name}@${version}`, type, name, version };
}
