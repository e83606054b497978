import { formatBytes } from '../../lib/format-bytes.ts';
import type { File } from '../../plan42/objects.ts';
import type { TaskDocument } from '../../plan42/page-objects.ts';
import { useAction, useApi } from './hooks.ts';
import { ErrorNote } from './parts.tsx';

type TaskFile = NonNullable<TaskDocument['Files']>[number];

/** The files of a task, each with a button that downloads it. */
export function TaskFiles({ files }: { files: readonly TaskFile[] }) {
  const api = useApi();
  const { run, isBusy, error } = useAction(async ({ FileID, Name }: TaskFile) => {
    const path = `${api.tenantPath}/files/${encodeURIComponent(FileID)}/download-url`;
    const { DownloadURL } = await api.call<{ DownloadURL: string }>('GET', path);
    // The page may be open under another name of the server than its URL.
    const { pathname, search } = new URL(DownloadURL);
    const link = document.createElement('a');
    link.href = pathname + search;
    link.download = Name;
    link.click();
  });
  return (
    <>
      <ul class="plain">
        {files.map((file) => (
          <li key={file.FileID}>
            {file.Name} <span class="quiet">{describe(file)}</span>{' '}
            {isComplete(file) ? (
              <button type="button" disabled={isBusy} onClick={() => run(file)}>
                Download<span class="hidden"> {file.Name}</span>
              </button>
            ) : null}
          </li>
        ))}
      </ul>
      <ErrorNote message={error} />
    </>
  );
}

type State = Pick<File, 'Deleted' | 'Uploaded' | 'IsMalicious'>;

const isComplete = ({ Deleted, Uploaded, IsMalicious }: State) => Uploaded && !Deleted && !IsMalicious;

function describe(file: TaskFile): string {
  if (file.Deleted) return '(deleted)';
  if (file.IsMalicious) return '(marked as malicious)';
  return file.Uploaded ? formatBytes(file.Size) : '(without content yet)';
}
