import { formatBytes } from '../../lib/format-bytes.ts';
import { backUp } from '../../server/backup.ts';
import { restoreBackup } from '../../server/restore.ts';
import type { CliContext } from '../context.ts';
import { withProgress } from '../progress.ts';
import { serverDataDir } from './data-dir.ts';

export interface BackupOptions {
  data?: string;
  force?: boolean;
}

export async function backupCommand(context: CliContext, file: string, options: BackupOptions): Promise<void> {
  const dataDir = serverDataDir(options.data, context.env);
  const work = () => backUp(dataDir, file, { force: options.force === true, env: context.env });
  const { bytes, repositories } = await withProgress(context, 'Copying the data', work);
  const noun = repositories === 1 ? 'hosted repository' : 'hosted repositories';
  const hosted = repositories === 0 ? '' : `, with ${repositories} ${noun}`;
  const size = `${formatBytes(bytes)}${hosted}`;
  context.stderr.write(`Backup: ${file}, ${size}. It contains keys and tokens: keep it private.\n`);
}

export async function restoreCommand(context: CliContext, file: string, { data }: BackupOptions): Promise<void> {
  const dataDir = serverDataDir(data, context.env);
  const work = () => restoreBackup(file, dataDir, context.env);
  const replaced = await withProgress(context, 'Restoring the data', work);
  context.stderr.write(
    `Restored ${dataDir}.${replaced === undefined ? '' : ` The replaced files are in ${replaced}.`}\n`,
  );
}
