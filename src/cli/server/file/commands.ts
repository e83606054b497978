import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { examples } from '../../options.ts';
import { type LocationOptions, withLocationOptions } from '../location.ts';
import type { DownloadFileOptions } from './download.ts';
import type { UploadFilesOptions } from './upload.ts';

interface JsonOptions extends LocationOptions {
  json?: boolean;
}

const uploadExamples = `
Prints the ID of each file, in the order of the arguments. --file of "plan42
server task create" and "plan42 server turn create" uploads and attaches a file
in one step.

Examples:
  plan42 server file upload screenshot.png
  git diff | plan42 server file upload --name changes.diff -`;

const downloadExamples = `
Without a path, the file gets its own name in the current folder. "-" is
standard output.

Examples:
  plan42 server file download 3b1d0a77
  plan42 server file download 3b1d0a77 - | less`;

/** `plan42 server file …` */
export function addFileCommands(server: Command, context: CliContext): void {
  const file = server.command('file').description('manage files for tasks, such as screenshots and specifications');
  withLocationOptions(file.command('upload').description('upload files and print their IDs'))
    .argument('<path...>', 'files; "-" for standard input')
    .option('--name <name>', 'name that agents see; default: that of the file')
    .option('--json', 'print the files as JSON')
    .addHelpText('after', uploadExamples)
    .action(async (paths: string[], options: UploadFilesOptions) =>
      (await import('./upload.ts')).uploadFiles(context, paths, options),
    );
  withLocationOptions(file.command('list').description('list the files, newest first'))
    .option('--json', 'print JSON')
    .addHelpText('after', examples('plan42 server file list'))
    .action(async (options: JsonOptions) => (await import('./list.ts')).listFiles(context, options));
  withLocationOptions(file.command('download').description('download a file'))
    .argument('<id>', 'the ID of the file or its first characters')
    .argument('[path]', 'a file or folder to write to; - is standard output')
    .option('--force', 'replace an existing file')
    .addHelpText('after', downloadExamples)
    .action(async (id: string, path: string | undefined, options: DownloadFileOptions) =>
      (await import('./download.ts')).downloadFile(context, id, path, options),
    );
  withLocationOptions(file.command('delete').description('delete files; tasks that name them go on without'))
    .argument('<id...>', 'IDs of files or their first characters')
    .addHelpText('after', examples('plan42 server file delete 3b1d0a77'))
    .action(async (ids: string[], options: LocationOptions) =>
      (await import('./delete.ts')).deleteFiles(context, ids, options),
    );
}
