/** Builds the image of the runner for this platform. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildInfo } from '../../build/version.ts';
import { configFile, home, programFiles, stateFolder, systemFiles, user } from './files.ts';
import { plain, writeArchive, writeImage } from './oci-archive.ts';

const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

interface Options {
  /** The executable of the tree, before or after it was copied there. */
  executable: string;
  staging: string;
  output: string;
  info: BuildInfo;
}

/** Returns the path of the archive. @param tree as the tarball has it */
export async function buildImage(tree: string, { executable, staging, output, info }: Options): Promise<string> {
  await mkdir(staging, { recursive: true });
  const architecture = architectures[process.arch] ?? process.arch;
  const [manifest, config, ...layers] = await writeImage(
    {
      architecture,
      created: new Date(info.commitTime * 1000),
      config: configOf(info),
      layers: [await systemFiles(executable, tree), await programFiles(tree)],
    },
    staging,
  );
  if (manifest === undefined || config === undefined) throw new Error('the image has no manifest');
  const file = join(output, `plan42-runner-${info.version}-linux-${architecture}.oci.tar`);
  const name = `localhost/plan42-runner:${info.version}`;
  const blobs = [manifest, config, ...layers];
  await writeArchive({ file, top: plain(manifest), blobs, name, single: { config, layers } });
  return file;
}

function configOf({ version, commit, repository }: BuildInfo) {
  const source = repository === '' ? {} : { 'org.opencontainers.image.source': `https://github.com/${repository}` };
  return {
    User: `${user}:${user}`,
    Env: [
      'PATH=/usr/bin',
      `HOME=${home}`,
      // Below it, because a volume in its place belongs to root, and its group may write to it.
      `PLAN42_STATE_DIR=${stateFolder}/runner`,
      `PLAN42_CONFIG_FILE=${configFile}`,
      'SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt',
    ],
    Entrypoint: ['/usr/bin/plan42-runner'],
    WorkingDir: home,
    StopSignal: 'SIGTERM',
    Labels: {
      'org.opencontainers.image.title': 'plan42-runner',
      'org.opencontainers.image.description': 'Plan42 runner: runs AI agent tasks',
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.revision': commit,
      ...source,
    },
  };
}
