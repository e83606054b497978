/** The pages of docs/ that are written by programs. */
import { join } from 'node:path';
import { documentPath, renderDocument } from '../screen/document.ts';
import { renderCommandsPage } from './commands-page.ts';
import { renderConfigurationPage } from './configuration-page.ts';

const folder = join(import.meta.dirname, '../../docs/reference');

export const pages: readonly { path: string; render: () => string }[] = [
  { path: join(folder, 'commands.md'), render: renderCommandsPage },
  { path: join(folder, 'configuration.md'), render: renderConfigurationPage },
  { path: documentPath, render: renderDocument },
];
