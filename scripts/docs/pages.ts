/** The generated pages of docs/, and other generated files. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderChartSchema } from './chart-schema.ts';
import { renderCommandsPage } from './commands-page.ts';
import { renderConfigurationPage } from './configuration-page.ts';
import { renderControlPlanePage } from './control-plane-page.ts';
import { renderScreenPage } from './screen-page.ts';

const docs = join(import.meta.dirname, '../../docs');
const chartSchema = join(docs, '../deploy/helm/plan42-runner/values.schema.json');
const controlPlane = join(docs, 'control-plane.md');

export const pages: readonly { path: string; render: () => string }[] = [
  { path: join(docs, 'reference/commands.md'), render: renderCommandsPage },
  { path: join(docs, 'reference/configuration.md'), render: renderConfigurationPage },
  { path: join(docs, 'configuration-screen.md'), render: renderScreenPage },
  { path: chartSchema, render: () => renderChartSchema(readFileSync(chartSchema, 'utf8')) },
  { path: controlPlane, render: () => renderControlPlanePage(readFileSync(controlPlane, 'utf8')) },
];
